/** Instances in memory, with the indexes and sums that follow from each of them. */
import type { NodeId } from "../../ids.ts";
import type { Instance, Release } from "../model/instance.ts";
import type { Copy, FleetState, Share, Sums } from "../state.ts";

/** Whether two releases are the same. */
export function isSame(left: Release, right: Release): boolean {
  return left.version === right.version && left.inputsKey === right.inputsKey;
}

/** The instance of a deployment on a node; undefined: there is none. */
export function copyOf(state: FleetState, deployment: string, node: NodeId): Copy | undefined {
  return state.copies.get(deployment)?.get(node);
}

/** Takes in an instance that there was not before. */
export function addCopy(state: FleetState, instance: Instance): Copy {
  const copy: Copy = {
    instance,
    expected: undefined,
    candidates: undefined,
    refusal: "",
    healthySinceMs: undefined,
    clockFromMs: undefined,
    isClockStopped: false,
    share: undefined,
    look: "",
    isStuck: false,
    waitsInGroup: undefined,
  };
  const { deployment, node } = instance;
  const known = state.copies.get(deployment);
  if (known === undefined) state.copies.set(deployment, new Map([[node, copy]]));
  else known.set(node, copy);
  addTo(state.copiesOn, node, deployment);
  indexUpgrade(state, instance);
  return copy;
}

/** Forgets an instance. */
export function dropCopy(state: FleetState, copy: Copy): void {
  const { deployment, node, service } = copy.instance;
  stopWaiting(state, copy);
  setShare(state, copy, undefined);
  state.copies.get(deployment)?.delete(node);
  removeFrom(state.copiesOn, node, deployment);
  removeFrom(state.upgradingOn, node, deployment);
  state.statuses.delete(service);
  state.reports.delete(service);
}

/** Puts an instance in its new shape into memory. */
export function setInstance(state: FleetState, copy: Copy, instance: Instance): void {
  copy.instance = instance;
  indexUpgrade(state, instance);
}

function indexUpgrade(state: FleetState, { node, deployment, upgrade }: Instance): void {
  if (upgrade === undefined) removeFrom(state.upgradingOn, node, deployment);
  else addTo(state.upgradingOn, node, deployment);
}

/** Has the copy wait in a group, or, undefined, in the pool of its deployment. */
export function startWaiting(state: FleetState, copy: Copy, group: string | undefined): void {
  stopWaiting(state, copy);
  copy.waitsInGroup = group;
  if (group === undefined) addTo(state.waitingInPool, copy.instance.deployment, copy);
  else addTo(state.waitingInGroup, group, copy);
}

/** The copy waits for nothing. */
export function stopWaiting(state: FleetState, copy: Copy): void {
  if (copy.waitsInGroup !== undefined) removeFrom(state.waitingInGroup, copy.waitsInGroup, copy);
  removeFrom(state.waitingInPool, copy.instance.deployment, copy);
  copy.waitsInGroup = undefined;
}

/** Counts the copy anew; the answer: the deployment's sums have changed. */
export function setShare(state: FleetState, copy: Copy, share: Share | undefined): boolean {
  const { deployment } = copy.instance;
  const before = copy.share;
  const sums = state.sums.get(deployment) ?? noSums();
  state.sums.set(deployment, sums);
  let isChanged = false;
  for (const key of shareKeys) {
    const change = Number(share?.[key] ?? false) - Number(before?.[key] ?? false);
    if (change === 0) continue;
    sums[key] += change;
    isChanged = true;
  }
  copy.share = share;
  return isChanged;
}

const shareKeys = [
  "done",
  "failed",
  "under",
  "failing",
  "todo",
  "todoOffline",
  "stuck",
  "waiting",
  "pooled",
  "unavailable",
] as const satisfies readonly (keyof Share)[];

/** The sums of a deployment without instances. */
export function noSums(): Sums {
  return {
    done: 0,
    failed: 0,
    under: 0,
    failing: 0,
    todo: 0,
    todoOffline: 0,
    stuck: 0,
    waiting: 0,
    pooled: 0,
    unavailable: 0,
  };
}

/** Adds to a set in a map, which is made if there is none. */
export function addTo<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const known = sets.get(key);
  if (known === undefined) sets.set(key, new Set([value]));
  else known.add(value);
}

/** Takes out of a set in a map; one that is empty then goes too. */
export function removeFrom<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const known = sets.get(key);
  if (known === undefined) return;
  known.delete(value);
  if (known.size === 0) sets.delete(key);
}
