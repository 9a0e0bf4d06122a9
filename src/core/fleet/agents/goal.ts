/** What a node's agent is to be, by which policy, and from when on. */
import { evaluate } from "../../constraints/evaluate.ts";
import { compareIds } from "../../ids.ts";
import { type InstantMs, instantMs } from "../../time.ts";
import { compareVersions, parseVersion } from "../../versions.ts";
import { hashOf } from "../memory/key.ts";
import type { AgentPackage, ManagementPolicy } from "../model/agent-upgrade.ts";
import type { FleetRegistration } from "../model/fleet-node.ts";
import type { FleetState } from "../state.ts";

/** The policies that choose the node, the one that counts first. */
export function policiesFor(
  state: FleetState,
  node: FleetRegistration,
): readonly ManagementPolicy[] {
  if (node.type !== "device") return [];
  const chosen: ManagementPolicy[] = [];
  for (const policy of state.policies.values()) {
    if (!policy.enabled) continue;
    const { constraint } = policy;
    if (constraint === undefined || evaluate(constraint, node.properties).holds)
      chosen.push(policy);
  }
  return chosen.sort((left, right) => compareIds(left.name, right.name));
}

/** What a policy wants of a node. */
export interface Goal {
  readonly version: string;
  /** Undefined: there is none of that version. */
  readonly package: AgentPackage | undefined;
}

/** The version that the policy wants of the node's agent; undefined: it is as it is to be. */
export function goalOf(
  state: FleetState,
  policy: ManagementPolicy,
  agentVersion: string,
): Goal | undefined {
  const wanted = policy.agentVersion;
  const found = wanted === "latest" ? highest(state) : packageOf(state, wanted);
  const version = wanted === "latest" ? found?.version : wanted;
  if (version === undefined || !isNeeded(policy, agentVersion, version)) return undefined;
  return { version, package: found };
}

function isNeeded({ allowDowngrade }: ManagementPolicy, from: string, to: string): boolean {
  if (!parseVersion(from).ok) return from !== to; // an agent that does not say what it is
  const difference = compareVersions(from, to);
  return difference < 0 || (difference > 0 && allowDowngrade);
}

function highest(state: FleetState): AgentPackage | undefined {
  let best: AgentPackage | undefined;
  for (const candidate of state.packages.values()) {
    if (!parseVersion(candidate.version).ok) continue;
    if (best === undefined || isHigher(candidate, best)) best = candidate;
  }
  return best;
}

function packageOf(state: FleetState, version: string): AgentPackage | undefined {
  let best: AgentPackage | undefined;
  for (const candidate of state.packages.values()) {
    if (candidate.version !== version) continue;
    if (best === undefined || candidate.sha256 < best.sha256) best = candidate;
  }
  return best;
}

function isHigher(left: AgentPackage, right: AgentPackage): boolean {
  const difference = compareVersions(left.version, right.version);
  return difference > 0 || (difference === 0 && left.sha256 < right.sha256);
}

/** The node's own moment within the spread: the same for every manager. */
export function momentOf(policy: ManagementPolicy, node: FleetRegistration): InstantMs {
  const spreadMs = Math.min(policy.spreadMs, policy.windowMs ?? policy.spreadMs);
  const share = hashOf(`${node.id} ${policy.name}`) / 2 ** 32;
  return instantMs(policy.startAtMs + Math.floor(spreadMs * share));
}

/** When the policy's window is over; undefined: never. */
export function windowEndOf({ startAtMs, windowMs }: ManagementPolicy): InstantMs | undefined {
  return windowMs === undefined ? undefined : instantMs(startAtMs + windowMs);
}

/** Whether nothing may be begun under the policy any more. */
export function isWindowOver(policy: ManagementPolicy, now: InstantMs): boolean {
  const endMs = windowEndOf(policy);
  return endMs !== undefined && now >= endMs;
}
