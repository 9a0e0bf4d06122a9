/** Looks at /proc: who is alive, and who carries a mark in its environment. Used by the guard and the agent. */
import { readdirSync, readFileSync } from "node:fs";

/** A process that can be found again: its number and its start time, which together are never reused. */
export interface FoundProcess {
  readonly pid: number;
  readonly startTicks: number;
}

/** One line of /proc/PID/stat, as far as it matters here. */
interface ProcessLine extends FoundProcess {
  readonly parentPid: number;
  readonly sessionId: number;
  /** False for zombies: they run nothing, they only wait to be collected. */
  readonly alive: boolean;
}

/** Undefined: no such process, or it could not be looked at. */
function lineOf(pid: number): ProcessLine | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name in parentheses may hold anything, so fields are counted from the last ")".
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0] ?? "X";
  return {
    pid,
    parentPid: Number(fields[1]),
    sessionId: Number(fields[3]),
    startTicks: Number(fields[19]),
    alive: state !== "Z" && state !== "X" && state !== "x",
  };
}

/** Start time in clock ticks after boot; undefined: no such process, or it is dead (a zombie is dead). */
export function startTicksOf(pid: number): number | undefined {
  const line = lineOf(pid);
  return line?.alive === true && Number.isSafeInteger(line.startTicks)
    ? line.startTicks
    : undefined;
}

/** Whether exactly this process is alive; one that is there and cannot be looked at may be it. */
export function isAlive(found: FoundProcess): boolean {
  const line = lineOf(found.pid);
  if (line === undefined) return mayBeThere(found.pid);
  return line.alive && line.startTicks === found.startTicks;
}

/** Needs no file descriptor, of which there may be none left. */
function mayBeThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error: unknown) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/** SIGKILL to exactly this process, if it is alive. */
export function killExactly(found: FoundProcess): void {
  if (startTicksOf(found.pid) !== found.startTicks) return;
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

/** Finds all that belongs to some instances, look after look, while it is being killed. */
export interface FamilySearch {
  /** Who of them lives. Throws when /proc cannot be read. */
  look(): FoundProcess[];
}

/**
 * A search for the instances' first processes, whatever carries their marks, the members of their sessions and the
 * descendants of all of these: a workload may have cleared its environment. `roots` is by instance id.
 */
export function searchFamilies(
  agentId: string,
  roots: ReadonlyMap<string, FoundProcess>,
): FamilySearch {
  const sessions = new Set<number>();
  return {
    look() {
      const lines = allLines();
      const found = new Map<number, ProcessLine>();
      const foundSessions = new Set<number>();
      const add = (line: ProcessLine): void => {
        found.set(line.pid, line);
        foundSessions.add(line.sessionId);
      };
      for (const line of lines.values()) {
        const instanceId = line.alive ? markOf(line.pid, agentId) : undefined;
        if (instanceId !== undefined && roots.has(instanceId)) add(line);
      }
      for (const { pid, startTicks } of roots.values()) {
        const root = lines.get(pid);
        if (root?.startTicks === startTicks) add(root);
        else if (root !== undefined) sessions.delete(pid); // the number is somebody else's now
        // While a session has members its number is not given out again, so a known one stays known.
        if (foundSessions.has(pid)) sessions.add(pid);
      }
      for (const line of lines.values())
        if (sessions.has(line.sessionId)) found.set(line.pid, line);
      addDescendants(lines, found);
      return [...found.values()].filter((line) => line.alive);
    },
  };
}

function allLines(): ReadonlyMap<number, ProcessLine> {
  const lines = new Map<number, ProcessLine>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid === process.pid) continue;
    const line = lineOf(pid);
    if (line !== undefined) lines.set(pid, line);
  }
  return lines;
}

/** Zombies count as parents here: their living children still have them. */
function addDescendants(
  lines: ReadonlyMap<number, ProcessLine>,
  found: Map<number, ProcessLine>,
): void {
  let sizeBefore = -1;
  while (sizeBefore < found.size) {
    sizeBefore = found.size;
    for (const line of lines.values()) {
      if (found.has(line.parentPid)) found.set(line.pid, line);
    }
  }
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
