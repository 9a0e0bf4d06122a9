/**
 * The one upgrade slot of an HA group (S7): who has it without an upgrade gives it back, who came with an upgrade takes
 * it, and when nobody is at it the next one begins.
 */
import type { WaitReason } from "../../explain/fleet-reason.ts";
import { compareIds, type NodeId } from "../../ids.ts";
import { mutated } from "../../mutation.ts";
import { beginInstall } from "../agents/install.ts";
import { nextAgent } from "../agents/turn.ts";
import { emit, type FleetContext, tellDeployment, tellGroup } from "../context.ts";
import type { FleetWrite } from "../effect.ts";
import { takeSlot } from "../instances/change.ts";
import type { Place } from "../instances/place.ts";
import { recount } from "../instances/settle.ts";
import { beginUpgrade } from "../instances/upgrade.ts";
import { isUpgrading, membersOf, orderedUpgrades } from "../memory/nodes.ts";
import type { SlotUse } from "../model/instance.ts";
import { latestRollout } from "../rollouts/latest.ts";
import type { Copy, FleetState } from "../state.ts";
import { type Picture, pictureOf, whyNeeded, whyOffline } from "./health-of-members.ts";
import { whyNotReady } from "./readiness.ts";

/** Looks after the group's slot. */
export function tendGroup(context: FleetContext, group: string): void {
  const { state } = context;
  mendSlot(context, group);
  const isTaken = state.slots.has(group) && !mutated("S7-slot-not-compared");
  if (isTaken || !state.groups.has(group)) return;
  const hasWaiting = state.waitingInGroup.has(group) || state.agentsWaiting.has(group);
  const busy = membersOf(state, group).find((node) => isUpgrading(state, node));
  if (busy !== undefined && !mutated("S7-slot-not-compared")) {
    joinWithUpgrade(context, group, busy);
    return;
  }
  if (!hasWaiting) return;
  if (!beginNext(context, group)) {
    const agent = nextAgent(state, group, context.now);
    if (agent !== undefined) beginInstall(context, agent, group);
  }
}

/** Whoever has the slot is a member, and in an upgrade; anything else is mended, whatever has led to it. */
function mendSlot(context: FleetContext, group: string): void {
  const { state } = context;
  const slot = state.slots.get(group);
  if (slot === undefined) return;
  const { node } = slot;
  const isLate = mutated("S7-slot-freed-by-time") && context.now - slot.sinceMs > 3_000;
  const because = isLate ? "it was held for long" : whyNoHolder(state, group, node);
  if (because === undefined) return;
  state.slots.delete(group);
  emit(context, [
    { kind: "give-slot-back", group, node },
    tellGroup(group, { code: "slot-returned", group, node, because }),
  ]);
}

function whyNoHolder(state: FleetState, group: string, node: NodeId): string | undefined {
  if (!state.groups.has(group)) return "there is no such group any more";
  if (!state.nodes.has(node)) return "the node is registered no longer";
  if (state.groupOf.get(node) !== group) return "the node is in the group no longer";
  return isUpgrading(state, node) ? undefined : "the node is in no upgrade";
}

/** It came into the group with its upgrade: the slot is its own, unless another one has it. */
function joinWithUpgrade(context: FleetContext, group: string, node: NodeId): void {
  const taken = takeSlot(context, { group, node, use: useOf(context.state, node) });
  emit(context, [taken, tellGroup(group, { code: "slot-taken", group, node })]);
}

function useOf(state: FleetState, node: NodeId): SlotUse {
  const agent = state.agentUpgrades.get(node);
  if (agent?.order === "install") {
    return { kind: "agent", policy: agent.policy, from: agent.from, to: agent.to };
  }
  const [deployment = ""] = [...orderedUpgrades(state, node)].sort(compareIds);
  const upgrade = state.copies.get(deployment)?.get(node)?.instance.upgrade;
  const [from, to] = [upgrade?.from.version ?? "", upgrade?.to.version ?? ""];
  return { kind: "service", deployment, from, to };
}

/** Begins the first one that may, those that are not healthy first. The answer: one has begun. */
function beginNext(context: FleetContext, group: string): boolean {
  const { state } = context;
  const pictures = new Map<string, Picture>();
  for (const copy of inOrder(state.waitingInGroup.get(group) ?? [])) {
    const { deployment: name, node: id } = copy.instance;
    const [deployment, node] = [state.deployments.get(name), state.nodes.get(id)];
    if (deployment === undefined || node === undefined) continue;
    const picture = pictures.get(name) ?? pictureOf(state, name, group);
    pictures.set(name, picture);
    const place = { copy, deployment, node };
    const wait = whyNotNow(context, place, picture);
    setStuck(state, copy, wait);
    if (wait !== undefined) continue;
    beginUpgrade(context, place, warnings(state, place, picture));
    return true;
  }
  return false;
}

function whyNotNow(
  { state, now }: FleetContext,
  place: Place,
  picture: Picture,
): WaitReason | undefined {
  return (
    whyNotReady(state, place, now) ??
    whyOffline(state, picture, place.node.id) ??
    whyNeeded(picture, place.copy)
  );
}

/** It waits for what does not change by itself: its rollout is over without it. */
function setStuck(state: FleetState, copy: Copy, wait: WaitReason | undefined): void {
  const isStuck = wait?.code === "waits-for-member" && wait.because === "failed";
  if (copy.isStuck === isStuck) return;
  copy.isStuck = isStuck;
  recount(state, copy);
}

/** Members that are offline are told of once for each rollout. */
function warnings(state: FleetState, place: Place, picture: Picture): readonly FleetWrite[] {
  const { name } = place.deployment;
  const { group } = picture;
  const offline = picture.offline.filter((node) => node !== place.node.id);
  const key = `${name}/${latestRollout(state, name)?.number ?? 0}/${group}`;
  if (offline.length === 0 || state.warned.has(key)) return [];
  state.warned.add(key);
  const reason = { code: "members-offline", group, node: place.node.id, offline } as const;
  return [tellDeployment(name, reason)];
}

/** Unhealthy ones first, then by deployment and node. */
export function inOrder(copies: Iterable<Copy>): readonly Copy[] {
  return [...copies].sort((left, right) => {
    const isHealthy = (copy: Copy) => Number(copy.healthySinceMs !== undefined);
    return (
      isHealthy(left) - isHealthy(right) ||
      compareIds(left.instance.deployment, right.instance.deployment) ||
      compareIds(left.instance.node, right.instance.node)
    );
  });
}
