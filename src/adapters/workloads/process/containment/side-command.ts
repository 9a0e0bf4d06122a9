/**
 * Commands that run beside a workload for a while: health checks, and what a person runs there. They carry a mark
 * of their own in their environment, so that all that they started is found and killed with them.
 */
import type { ChildProcess } from "node:child_process";
import { carriesMarker, readAllProcesses, sendSignal } from "./process-table.ts";

/** Kills the command, which leads a process group, and whoever left the group but carries `mark` (`NAME=value`). */
export function killSideCommand(child: ChildProcess, mark: string): void {
  killGroup(child);
  killMarked(mark);
}

/** Kills the process group that the command leads. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // No such group: nothing of it is left, as it should be.
  }
}

/** What is forked while others are killed is found by the next look. */
const looksMax = 10;

/** Kills all that carry `mark` (`NAME=value`) in their environment, and the sessions that they are in. */
export function killMarked(mark: string): void {
  for (let look = 0; look < looksMax; look += 1) {
    const entries = readAllProcesses().filter(({ alive }) => alive);
    const marked = entries.filter(({ pid }) => carriesMarker(pid, mark));
    if (marked.length === 0) return;
    // Each such command was started in a session of its own.
    const sessions = new Set(marked.map(({ sessionId }) => sessionId));
    for (const entry of entries) if (sessions.has(entry.sessionId)) sendSignal(entry, "SIGKILL");
  }
}
