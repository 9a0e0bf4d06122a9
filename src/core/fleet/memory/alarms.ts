/** Instants at which something has to be looked at again: one for each key, the earliest found without a search. */
import type { NodeId } from "../../ids.ts";
import type { InstantMs } from "../../time.ts";

/** What is looked at when the time has come. */
export type AlarmTarget =
  | { readonly kind: "copy"; readonly deployment: string; readonly node: NodeId }
  | { readonly kind: "rollout"; readonly deployment: string }
  | { readonly kind: "agent"; readonly node: NodeId };

interface Entry {
  readonly atMs: InstantMs;
  readonly key: string;
  readonly target: AlarmTarget;
}

/** A heap by time; entries whose time is not that of their key are dead and skipped. */
export interface Alarms {
  readonly heap: Entry[];
  readonly times: Map<string, InstantMs>;
}

/** No alarms. */
export function createAlarms(): Alarms {
  return { heap: [], times: new Map() };
}

/** Sets the target's only alarm; undefined: it has none any more. */
export function setAlarm(alarms: Alarms, target: AlarmTarget, atMs: InstantMs | undefined): void {
  const key = keyOf(target);
  if (atMs === undefined) {
    alarms.times.delete(key);
    return;
  }
  if (alarms.times.get(key) === atMs) return;
  alarms.times.set(key, atMs);
  push(alarms.heap, { atMs, key, target });
}

/** When the next one is due; undefined: there is none. */
export function nextAlarm(alarms: Alarms): InstantMs | undefined {
  for (;;) {
    const [first] = alarms.heap;
    if (first === undefined) return undefined;
    if (alarms.times.get(first.key) === first.atMs) return first.atMs;
    pop(alarms.heap);
  }
}

/** Takes out those that are due, in order of time. */
export function takeDue(alarms: Alarms, now: InstantMs): readonly AlarmTarget[] {
  const due: AlarmTarget[] = [];
  for (;;) {
    const atMs = nextAlarm(alarms);
    if (atMs === undefined || atMs > now) return due;
    const entry = pop(alarms.heap);
    if (entry === undefined) return due;
    alarms.times.delete(entry.key);
    due.push(entry.target);
  }
}

function keyOf(target: AlarmTarget): string {
  switch (target.kind) {
    case "copy":
      return `copy ${target.deployment} ${target.node}`;
    case "rollout":
      return `rollout ${target.deployment}`;
    case "agent":
      return `agent ${target.node}`;
  }
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.atMs === right.atMs ? left.key < right.key : left.atMs < right.atMs;
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || !isBefore(entry, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): Entry | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    const below = smallerChild(heap, at);
    const child = below === undefined ? undefined : heap[below];
    if (below === undefined || child === undefined || !isBefore(child, last)) break;
    heap[at] = child;
    at = below;
  }
  heap[at] = last;
  return first;
}

function smallerChild(heap: readonly Entry[], at: number): number | undefined {
  const [left, right] = [2 * at + 1, 2 * at + 2];
  const [one, other] = [heap[left], heap[right]];
  if (one === undefined) return undefined;
  return other !== undefined && isBefore(other, one) ? right : left;
}
