/** Sentences about deployments, HA groups, rollouts and the upgrades of agents. */
import { assertNever } from "../../assert.ts";
import type { FleetReason, WaitReason } from "../fleet-reason.ts";
import type { Reason } from "../reason.ts";
import { spanOf } from "./words.ts";

/** Reasons of the fleet. */
export const fleetCodes = [
  "instance-added",
  "instance-removed",
  "instance-failed",
  "instance-recovered",
  "version-given-up",
  "upgrade-begun",
  "upgrade-redirected",
  "upgrade-ended",
  "rollout-started",
  "rollout-state",
  "rollout-refused",
  "canaries-healthy",
  "members-offline",
  "slot-taken",
  "slot-returned",
  "agent-upgrade",
  "policy-conflict",
] as const;

/** What an upgrade waits for. */
export const waitCodes = [
  "waits-for-slot",
  "waits-for-member",
  "waits-for-node-online",
  "waits-for-node-open",
  "waits-for-node-enabled",
  "waits-for-own-agent",
  "waits-for-own-services",
  "waits-for-resume",
  "waits-for-canaries",
  "waits-for-others",
  "waits-for-arming",
  "waits-for-freeze",
  "waits-for-write",
  "waits-for-rollout",
] as const;
export type FleetEventReason = Extract<Reason, { code: (typeof fleetCodes)[number] }>;

/** The sentence, without a full stop. */
export function sentenceAboutFleet(reason: FleetEventReason): string {
  switch (reason.code) {
    case "instance-added":
      return `node "${reason.node}" fits: version ${reason.version} is installed there`;
    case "instance-removed":
      return `the instance on node "${reason.node}" is removed: ${reason.because}`;
    case "instance-failed":
      return `no version becomes healthy on node "${reason.node}" (${reason.detail}); the last one is tried on`;
    case "instance-recovered":
      return `version ${reason.version} is healthy on node "${reason.node}" after all`;
    case "version-given-up":
      return givenUp(reason);
    case "upgrade-begun":
      return `node "${reason.node}" is upgraded ${change(reason)} (rollout ${reason.rollout})`;
    case "upgrade-redirected":
      return `the upgrade of node "${reason.node}" goes on ${change(reason)} (rollout ${reason.rollout})`;
    case "upgrade-ended":
      return upgradeEnded(reason);
    case "rollout-started":
      return `rollout ${reason.rollout} brings version ${reason.to} to ${reason.instances} ${reason.instances === 1 ? "instance" : "instances"}`;
    case "rollout-state":
      return `rollout ${reason.rollout} is ${reason.state}: ${reason.because}`;
    case "rollout-refused":
      return `${reason.order} by ${reason.by} was refused: ${reason.because}`;
    case "canaries-healthy":
      return `${reason.canaries} ${reason.canaries === 1 ? "canary is" : "canaries are"} healthy: rollout ${reason.rollout} goes on in ${spanOf(reason.waitMs)}`;
    case "members-offline":
      return `${nodes(reason.offline)} of HA group "${reason.group}" ${reason.offline.length === 1 ? "is" : "are"} offline while node "${reason.node}" is upgraded`;
    case "slot-taken":
      return `node "${reason.node}" is in the middle of an upgrade: it takes the upgrade slot of HA group "${reason.group}"`;
    case "slot-returned":
      return `the upgrade slot of HA group "${reason.group}" is free again, node "${reason.node}" had it: ${reason.because}`;
    case "agent-upgrade":
      return agentUpgrade(reason);
    case "policy-conflict":
      return `policies ${reason.policies.join(", ")} all choose node "${reason.node}": "${reason.policies[0] ?? ""}" counts, the first by name`;
    default:
      return assertNever(reason);
  }
}

/** What an upgrade waits for, without a full stop. */
export function sentenceAboutWait(reason: WaitReason): string {
  switch (reason.code) {
    case "waits-for-slot":
      return `it waits for the upgrade slot of HA group "${reason.group}", which node "${reason.holder}" has`;
    case "waits-for-member":
      return `it waits for node "${reason.member}" of HA group "${reason.group}", ${memberWords(reason.because)}`;
    case "waits-for-node-online":
      return `it waits for node "${reason.node}" to come back`;
    case "waits-for-node-enabled":
      return `a person has put node "${reason.node}" offline: it is left out until it is enabled again`;
    case "waits-for-node-open":
      return `it waits for the end of the maintenance of node "${reason.node}"`;
    case "waits-for-own-agent":
      return `it waits for the upgrade of the agent of node "${reason.node}" to end`;
    case "waits-for-own-services":
      return `it waits for the upgrades of services on node "${reason.node}" to end`;
    case "waits-for-resume":
      return `rollout ${reason.rollout} is paused`;
    case "waits-for-canaries":
      return `it waits for the ${reason.canaries === 1 ? "canary" : `${reason.canaries} canaries`} of rollout ${reason.rollout}`;
    case "waits-for-others":
      return `${reason.unavailable} of the instances in no HA group are not available now, and no more than ${reason.max} may be`;
    case "waits-for-arming":
      return "the cluster is disarmed: it is left as it is until the cluster is armed again";
    case "waits-for-freeze":
      return "the cluster is frozen: nothing new is begun until that is taken back, or its time is over";
    case "waits-for-write":
      return "the last change of it is being written";
    case "waits-for-rollout":
      return "its rollout is about to begin";
    default:
      return assertNever(reason);
  }
}

type Of<Code extends FleetReason["code"]> = Extract<FleetReason, { code: Code }>;

function givenUp(reason: Of<"version-given-up">): string {
  const { attempts, version, node, detail, next } = reason;
  const times = attempts === 1 ? "once" : `${attempts} times`;
  const then = next === undefined ? "no other version is left" : `version ${next} is used there`;
  return `version ${version} failed ${times} on node "${node}" (${detail}): ${then}`;
}

function change({ from, to }: { readonly from: string; readonly to: string }): string {
  return from === to ? `to other inputs of version ${to}` : `from version ${from} to ${to}`;
}

function upgradeEnded(reason: Of<"upgrade-ended">): string {
  const { node, outcome, from, to } = reason;
  switch (outcome) {
    case "done":
      return `the upgrade of node "${node}" ${change(reason)} is done: it is healthy`;
    case "failed":
      return `the upgrade of node "${node}" from version ${from} has failed: it has version ${to} now`;
    case "interrupted":
      return `the upgrade of node "${node}" ${change(reason)} was interrupted: the node was lost and fenced`;
    case "back":
      return `node "${node}" is back at version ${to}, and healthy`;
    case "changed":
      return `node "${node}" is healthy with version ${to}, and is to be changed again`;
    default:
      return assertNever(outcome);
  }
}

function agentUpgrade(reason: Of<"agent-upgrade">): string {
  const detail = reason.detail === "" ? "" : ` (${reason.detail})`;
  return `policy "${reason.policy}" brings the agent of node "${reason.node}" from version ${reason.from} to ${reason.to}: ${reason.state}${detail}`;
}

function nodes(names: readonly string[]): string {
  return `${names.length === 1 ? "node" : "nodes"} ${names.map((name) => `"${name}"`).join(", ")}`;
}

function memberWords(because: Of<"waits-for-member">["because"]): string {
  switch (because) {
    case "upgrading":
      return "which is being upgraded";
    case "unhealthy":
      return "whose instance is not healthy now";
    case "offline":
      return "which is offline (the group is set to wait for members that are)";
    case "failed":
      return "whose instance has failed: without this one no copy would run";
    case "maintenance":
      return "which is in maintenance, or put offline, with an instance that is not healthy: without this one no copy would run";
    case "interrupted":
      return "which was lost in the midst of its upgrade and restarts its copy when it is back: without this one no copy might run; if it never comes back, confirm it off or remove it";
    default:
      return assertNever(because);
  }
}
