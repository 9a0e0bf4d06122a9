/**
 * Containment where there are no namespaces: what belongs to an instance is found by its environment marker, by
 * descent and by session. A daemon that clears its environment, leaves its session and outlives its parent is
 * not found: that is why namespaces are preferred, and docs/safety.md says so.
 */
import type { ProcessIdentity, WorkloadInstance } from "../../../../ports/workload.ts";
import { carriesMarker, type ProcessEntry, readAllProcesses } from "./process-table.ts";

/** All living processes of the instance; `marker` is `NAME=value` as its environment has it. */
export function liveTrackedProcesses(
  instance: WorkloadInstance,
  marker: string,
): readonly ProcessIdentity[] {
  const entries = readAllProcesses().filter((entry) => entry.pid !== process.pid);
  const found = new Map<number, ProcessEntry>();
  for (const entry of entries) {
    const isRoot = isSameProcess(entry, instance.root);
    if (isRoot || (entry.alive && carriesMarker(entry.pid, marker))) found.set(entry.pid, entry);
  }
  addSession(entries, found, instance.root);
  addDescendants(entries, found);
  return [...found.values()].filter((entry) => entry.alive);
}

/**
 * The first process leads a session of its own. Its number stays taken as long as the session has members, so
 * it is surely still ours if the leader is there (a zombie will do) or a member that carries the marker.
 */
function addSession(
  entries: readonly ProcessEntry[],
  found: Map<number, ProcessEntry>,
  root: ProcessIdentity,
): void {
  const isOurs = [...found.values()].some((entry) => entry.sessionId === root.pid);
  if (!isOurs) return;
  for (const entry of entries) {
    if (entry.sessionId === root.pid) found.set(entry.pid, entry);
  }
}

/** Zombies count here: their living children still have them as parents. */
function addDescendants(entries: readonly ProcessEntry[], found: Map<number, ProcessEntry>): void {
  let sizeBefore = -1;
  while (sizeBefore < found.size) {
    sizeBefore = found.size;
    for (const entry of entries) {
      if (found.has(entry.parentPid)) found.set(entry.pid, entry);
    }
  }
}

function isSameProcess(left: ProcessIdentity, right: ProcessIdentity): boolean {
  return left.pid === right.pid && left.startTicks === right.startTicks;
}
