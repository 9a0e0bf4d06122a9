/** Looks at /proc: who is alive, and who carries a mark in its environment. Used by the guard and the agent. */
import { readdirSync, readFileSync } from "node:fs";

/** A process that can be found again: its number and its start time, which together are never reused. */
export interface FoundProcess {
  readonly pid: number;
  readonly startTicks: number;
}

/** Start time in clock ticks after boot; undefined: no such process, or it is dead (a zombie is dead). */
export function startTicksOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined; // it is gone
  }
  // The name in parentheses may hold anything, so fields are counted from the last ")".
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  if (state === undefined || state === "Z" || state === "X" || state === "x") return undefined;
  const startTicks = Number(fields[19]);
  return Number.isSafeInteger(startTicks) ? startTicks : undefined;
}

/** Whether exactly this process is alive. */
export function isAlive(process: FoundProcess): boolean {
  return startTicksOf(process.pid) === process.startTicks;
}

/** SIGKILL to exactly this process, if it is alive. */
export function killExactly(found: FoundProcess): void {
  if (!isAlive(found)) return;
  try {
    process.kill(found.pid, "SIGKILL");
  } catch {
    // It ended between the two calls, or is not ours: the caller looks again whether it is alive.
  }
}

/** Live processes whose environment has `HOLDFAST_AGENT_ID=agentId` and an instance that `isWanted` accepts. */
export function findMarked(
  agentId: string,
  isWanted: (instanceId: string) => boolean,
): FoundProcess[] {
  const found: FoundProcess[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid === process.pid) continue;
    const instanceId = markOf(pid, agentId);
    if (instanceId === undefined || !isWanted(instanceId)) continue;
    const startTicks = startTicksOf(pid);
    if (startTicks !== undefined) found.push({ pid, startTicks });
  }
  return found;
}

function markOf(pid: number, agentId: string): string | undefined {
  let environment: string;
  try {
    environment = readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return undefined; // gone, or another user's: none of ours
  }
  const variables = environment.split("\0");
  if (!variables.includes(`HOLDFAST_AGENT_ID=${agentId}`)) return undefined;
  const mark = "HOLDFAST_INSTANCE=";
  return variables.find((variable) => variable.startsWith(mark))?.slice(mark.length);
}
