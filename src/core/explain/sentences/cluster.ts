/** Sentences about the cluster as a whole. */
import { assertNever } from "../../assert.ts";
import type { Reason } from "../reason.ts";

/** Reasons that are about all services, or about rules. */
export const clusterCodes = [
  "disarmed",
  "arming",
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
    case "arming":
      return arming(reason.mode, reason.state);
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

function arming(mode: string, state: string): string {
  if (mode === "armed") return "the cluster is armed: services are watched again";
  return state === "disarmed"
    ? `the cluster is disarmed (${mode}): nothing is watched, fenced or moved`
    : `the cluster is being disarmed (${mode}): what is on its way is brought to its end first`;
}
