/** Turns a reason into the one sentence that log, API, CLI and console show, without a full stop. */
import { assertNever } from "../assert.ts";
import type { Reason } from "./reason.ts";

/** The sentence for a person. */
export function sentenceOf(reason: Reason): string {
  switch (reason.code) {
    case "added":
    case "no-node-online":
    case "placed":
    case "home":
    case "requested":
    case "removing":
    case "ignored":
    case "managed-again":
    case "isolation-policy":
      return aboutWishes(reason);
    case "reported-running":
    case "reported-stopped":
    case "start-failed":
    case "retry-same-node":
    case "relocates-exhausted":
    case "agent-error":
    case "stop-failed":
    case "wrong-node":
      return aboutReports(reason);
    case "move-failed":
    case "moved":
    case "target-lost":
    case "command":
    case "command-refused":
      return aboutMoves(reason);
    case "lease-granted":
    case "lease-lost":
    case "fencing-needed":
    case "fenced":
    case "waits-for-confirmation":
    case "confirmed-off":
    case "node-returned":
    case "recovered":
      return aboutNodes(reason);
    default:
      return assertNever(reason);
  }
}

type ReasonOf<Code extends Reason["code"]> = Extract<Reason, { code: Code }>;

function services(count: number): string {
  if (count === 0) return "no other service";
  return count === 1 ? "1 service" : `${count} services`;
}

function aboutWishes(
  reason: ReasonOf<
    | "added"
    | "no-node-online"
    | "placed"
    | "home"
    | "requested"
    | "removing"
    | "ignored"
    | "managed-again"
    | "isolation-policy"
  >,
): string {
  switch (reason.code) {
    case "added":
      return "it was added";
    case "no-node-online":
      return "no node is online; it is placed as soon as one is";
    case "placed":
      return `node "${reason.node}" was online with the fewest services (${services(reason.serviceCount)})`;
    case "home":
      return `node "${reason.node}" is its configured node and online`;
    case "requested":
      return `it was requested ${reason.requested}`;
    case "removing":
      return "it was removed by a person";
    case "ignored":
      return "it was requested ignored: left as it is";
    case "managed-again":
      return "it is managed again";
    case "isolation-policy":
      return `onIsolation was changed to ${reason.onIsolation}`;
    default:
      return assertNever(reason);
  }
}

function aboutReports(
  reason: ReasonOf<
    | "reported-running"
    | "reported-stopped"
    | "start-failed"
    | "retry-same-node"
    | "relocates-exhausted"
    | "agent-error"
    | "stop-failed"
    | "wrong-node"
  >,
): string {
  switch (reason.code) {
    case "reported-running":
      return `node "${reason.node}" reports it running`;
    case "reported-stopped":
      return `node "${reason.node}" reports it stopped`;
    case "start-failed":
      return `it failed to start on node "${reason.node}" (${reason.detail}); failure ${reason.failedCount}, up to ${reason.relocateMax} lead to another node: trying "${reason.target}"`;
    case "retry-same-node":
      return `it failed to start on node "${reason.node}" (${reason.detail}); every online node was tried, so it is tried there again`;
    case "relocates-exhausted":
      return `it failed to start on ${reason.nodes.map((node) => `"${node}"`).join(", ")} (${reason.detail}); maxRelocate is ${reason.relocateMax}`;
    case "agent-error":
      return `node "${reason.node}" reports an unknown error: ${reason.detail}`;
    case "stop-failed":
      return `it could not be stopped on node "${reason.node}": ${reason.detail}`;
    case "wrong-node":
      return `node "${reason.node}" says that the service is not its own: ${reason.detail}`;
    default:
      return assertNever(reason);
  }
}

function aboutMoves(
  reason: ReasonOf<"move-failed" | "moved" | "target-lost" | "command" | "command-refused">,
): string {
  switch (reason.code) {
    case "move-failed":
      return `it could not be moved from node "${reason.node}" to "${reason.target}": ${reason.detail}`;
    case "moved":
      return `it was stopped on node "${reason.from}" and belongs to "${reason.to}" now`;
    case "target-lost":
      return `node "${reason.target}" went offline before it could take the service`;
    case "command":
      return reason.target === undefined
        ? `a person ordered: ${reason.command}`
        : `a person ordered: ${reason.command} to node "${reason.target}"`;
    case "command-refused":
      return `${reason.command} was refused: ${reason.because}`;
    default:
      return assertNever(reason);
  }
}

function aboutNodes(
  reason: ReasonOf<
    | "lease-granted"
    | "lease-lost"
    | "fencing-needed"
    | "fenced"
    | "waits-for-confirmation"
    | "confirmed-off"
    | "node-returned"
    | "recovered"
  >,
): string {
  switch (reason.code) {
    case "lease-granted":
      return `node "${reason.node}" holds a lease (epoch ${reason.epoch})`;
    case "lease-lost":
      return `node "${reason.node}" lost its lease (epoch ${reason.epoch})`;
    case "fencing-needed":
      return `services were on node "${reason.node}": its epoch ${reason.epoch} is ended before they are taken over`;
    case "fenced":
      return `fencing of node "${reason.node}" is acknowledged: its lease has ended, so nothing of epoch ${reason.epoch} runs or can report any more`;
    case "waits-for-confirmation":
      return `a copy may still run on node "${reason.node}" (onIsolation keep): it waits until the node is back or confirmed off`;
    case "confirmed-off":
      return `node "${reason.node}" was confirmed off`;
    case "node-returned":
      return `node "${reason.node}" is back with epoch ${reason.epoch}`;
    case "recovered":
      return `node "${reason.from}" was lost; node "${reason.to}" was online with the fewest services (${services(reason.serviceCount)})`;
    default:
      return assertNever(reason);
  }
}
