/** Sentences about the cluster as a whole. */
import { assertNever } from "../../assert.ts";
import type { Reason } from "../reason.ts";
import { spanOf } from "./words.ts";

/** Reasons that are about all services, or about rules. */
export const clusterCodes = [
  "disarmed",
  "restored",
  "arming",
  "frozen",
  "unfrozen",
  "freeze-over",
  "rule-rejected",
  "rule-in-force",
  "brake",
] as const;
export type ClusterReason = Extract<Reason, { code: (typeof clusterCodes)[number] }>;

/** The sentence, without a full stop. */
export function sentenceAboutCluster(reason: ClusterReason): string {
  switch (reason.code) {
    case "disarmed":
      return "the cluster is disarmed: it is left as it is until the cluster is armed again";
    case "restored":
      return `the cluster was restored from a backup in which it was on node "${reason.node}"; it outlives its node's lease, so it may still run there or where it went since: make sure that it runs nowhere`;
    case "arming":
      return arming(reason.mode, reason.state);
    case "frozen":
      return frozen(reason);
    case "unfrozen":
      return "the cluster is not frozen any more: people and rollouts go on";
    case "freeze-over":
      return `the time of the freeze by ${reason.by} is over: people and rollouts go on`;
    case "rule-rejected":
      return `rule "${reason.rule}" is ignored: ${reason.because}`;
    case "rule-in-force":
      return `rule "${reason.rule}" is in force again: nothing stands against it any more`;
    case "brake":
      return reason.brake === "on"
        ? `${reason.lostCount} of ${reason.nodeCount} nodes are lost: services are recovered most important first, ${reason.recoveriesAtOnce} at a time`
        : `${reason.lostCount} of ${reason.nodeCount} nodes are lost: recovery goes on at full pace`;
    default:
      return assertNever(reason);
  }
}

function frozen({ words, forMs, failover }: Extract<ClusterReason, { code: "frozen" }>): string {
  const span = forMs === undefined ? "" : ` (for ${spanOf(forMs)} at most)`;
  const rest = failover === "held" ? "nothing is fenced, recovered or moved" : "failover goes on";
  return `the cluster is ${words}${span}; nothing is changed, ${rest}`;
}

function arming(mode: string, state: string): string {
  if (mode === "armed") return "the cluster is armed: services are watched again";
  return state === "disarmed"
    ? `the cluster is disarmed (${mode}): nothing is watched, fenced or moved`
    : `the cluster is being disarmed (${mode}): what is on its way is brought to its end first`;
}
