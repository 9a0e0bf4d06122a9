/** Sentences about nodes: leases, fencing, maintenance. */
import { assertNever } from "../../assert.ts";
import { type NodeMode, nodeModeWords } from "../../model/node-mode.ts";
import type { Reason } from "../reason.ts";
import { becauseOf, spanOf, volumes } from "./words.ts";

/** Reasons that are about a node. */
export const nodeCodes = [
  "lease-granted",
  "lease-lost",
  "fencing-needed",
  "fenced",
  "waits-for-confirmation",
  "confirmed-off",
  "node-returned",
  "recovered",
  "node-missed",
  "node-seen",
  "node-removed",
  "node-forgotten",
  "node-purged",
  "volumes-bound",
  "volumes-freed",
  "waits-for-volumes",
  "waits-for-node",
  "maintenance",
  "maintenance-ended",
  "node-mode",
] as const;
export type NodeReason = Extract<Reason, { code: (typeof nodeCodes)[number] }>;

/** The sentence, without a full stop. */
export function sentenceAboutNode(reason: NodeReason): string {
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
      return `a copy may still run on node "${reason.node}", which no watchdog has to end: it waits until the node is back or confirmed off`;
    case "confirmed-off":
      return `node "${reason.node}" was confirmed off`;
    case "node-returned":
      return `node "${reason.node}" is back with epoch ${reason.epoch}`;
    case "recovered":
      return `node "${reason.from}" was lost; node "${reason.to}" is ${becauseOf(reason.because, reason.serviceCount)}`;
    case "node-missed":
      return `node "${reason.node}" is silent; its lease may live still`;
    case "node-seen":
      return `node "${reason.node}" is heard again`;
    case "node-removed":
      return `node "${reason.node}" is registered no longer`;
    case "node-forgotten":
      return `node "${reason.node}" has been gone for so long that it is forgotten`;
    case "node-purged":
      return `node "${reason.node}" was lost for ${spanOf(reason.lostForMs)}: it is taken out of the cluster, and turned away if it comes back`;
    case "volumes-bound":
      return `it runs on node "${reason.node}" and stays there with ${volumes(reason.volumes)}`;
    case "volumes-freed":
      return `node "${reason.node}" holds its volumes no longer: it may run elsewhere`;
    case "waits-for-volumes":
      return `it waits for node "${reason.node}", where ${volumes(reason.volumes)} ${reason.volumes.length === 1 ? "is" : "are"}`;
    case "waits-for-node":
      return `node "${reason.lost}" was lost, and no other node takes it: ${reason.because}`;
    case "maintenance":
      return reason.by === "person"
        ? `a person asked for maintenance of node "${reason.node}": its services move away`
        : `node "${reason.node}" is being shut down and the policy is "migrate": its services move away`;
    case "maintenance-ended":
      return `maintenance of node "${reason.node}" is over`;
    case "node-mode":
      return aboutMode(reason.node, reason.mode);
    default:
      return assertNever(reason);
  }
}

function aboutMode(node: string, mode: NodeMode): string {
  const words = nodeModeWords(mode);
  return words === ""
    ? `node "${node}" is enabled: it takes services again`
    : `node "${node}": ${words}`;
}
