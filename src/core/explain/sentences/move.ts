/** Sentences about moves and orders. */
import { assertNever } from "../../assert.ts";
import type { Reason } from "../reason.ts";
import { becauseOf } from "./words.ts";

/** Reasons of moves, and of people's orders. */
export const moveCodes = [
  "move-failed",
  "moved",
  "target-lost",
  "target-closed",
  "taint-move",
  "no-other-node",
  "may-stay",
  "command",
  "command-refused",
  "better-node",
  "maintenance-move",
  "maintenance-over",
  "maintenance-called-off",
  "rebalanced-on-start",
  "rebalanced",
  "located",
] as const;
export type MoveReason = Extract<Reason, { code: (typeof moveCodes)[number] }>;

/** The sentence, without a full stop. */
export function sentenceAboutMove(reason: MoveReason): string {
  switch (reason.code) {
    case "move-failed":
      return `it could not be moved from node "${reason.node}" to "${reason.target}": ${reason.detail}`;
    case "moved":
      return `it has left node "${reason.from}" and belongs to "${reason.to}" now`;
    case "target-lost":
      return `node "${reason.target}" went offline before it could take the service`;
    case "target-closed":
      return `node "${reason.target}" was closed to it before it arrived: ${reason.because}`;
    case "taint-move":
      return `node "${reason.from}" is closed to it (${reason.because}): it moves to "${reason.to}"`;
    case "no-other-node":
      return noOtherNode(reason);
    case "may-stay":
      return `node "${reason.node}" is open to it again`;
    case "command":
      return reason.target === undefined
        ? `a person ordered: ${reason.command}`
        : `a person ordered: ${reason.command} to node "${reason.target}"`;
    case "command-refused":
      return `${reason.command} was refused: ${reason.because}`;
    case "better-node":
      return `it belongs on node "${reason.to}": ${becauseOf(reason.because)}`;
    case "maintenance-move":
      return `node "${reason.from}" is in maintenance: it moves to "${reason.to}" and comes back afterwards`;
    case "maintenance-over":
      return `maintenance of node "${reason.to}" is over: it moves back there from "${reason.from}"`;
    case "maintenance-called-off":
      return `maintenance of node "${reason.node}" is over before it has left: it stays there, or comes back if it is leaving already`;
    case "rebalanced-on-start":
      return `node "${reason.to}" is the best one to start it on (rebalanceOnStart); it was on "${reason.from}"`;
    case "rebalanced":
      return `load is uneven (imbalance ${percent(reason.imbalanceBefore)}): on node "${reason.to}" instead of "${reason.from}" it is ${percent(reason.imbalanceAfter)}`;
    case "located":
      return `a person says that it is on node "${reason.node}" now`;
    default:
      return assertNever(reason);
  }
}

function noOtherNode(reason: Extract<Reason, { code: "no-other-node" }>): string {
  const { node, closed, wants, because } = reason;
  const deed =
    wants === "leave"
      ? `it would leave node "${node}" (${closed}) and stays as long as no other node takes it`
      : `it does not start on node "${node}" (${closed}) and waits until another node takes it`;
  return `${deed}: ${because}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
