/** How big a service is, and what that adds to its nodes. */
import type { ServiceId } from "../../ids.ts";
import type { Capacity } from "../../model/capacity.ts";
import type { ManagerState } from "../state.ts";
import { type Size, tally } from "./tally.ts";

/** What a service counts as for the schedulers `static` and `dynamic` when nobody said what it may use. */
export const unstatedLimits: Capacity = { cpuCores: 1, memoryBytes: 1024 ** 3 };

/** What the service may use and uses. */
export function sizeOf(state: ManagerState, id: ServiceId): Size {
  const stated = state.services.get(id)?.limits;
  const limits = stated ?? unstatedLimits;
  const use = isRunning(state, id) ? (state.usages.get(id) ?? limits) : limits;
  return { limits, use, committedBytes: stated?.memoryBytes ?? 0 };
}

/** Whether its agent reports it running, under the present instruction; a service that moves live runs too. */
export function isRunning(state: ManagerState, id: ServiceId): boolean {
  const status = state.statuses.get(id);
  if (status === undefined) return false;
  if (status.state === "migrate") return true;
  if (status.state !== "started") return false;
  const report = state.reports.get(id);
  return report?.uid === status.uid && report.result === "running";
}

/** Counts the service anew on its nodes. Where memory became free, those that wait for room are looked at. */
export function retally(state: ManagerState, id: ServiceId): void {
  const freed = tally(state.tallies, id, state.statuses.get(id), sizeOf(state, id));
  if (!freed || !state.loaded) return;
  for (const waiting of state.waiting) state.dirty.add(waiting);
}
