/**
 * Finds and ends the processes of a node by what they carry in their environment, because workloads and guards
 * leave their parent, group and session. Used for the demo's power cuts and for its end.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const killForMsMax = 10_000;
const lookEveryMs = 20;

/** A live process; zombies are none. */
export interface FoundProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly commandLine: string;
}

interface ProcessEntry extends FoundProcess {
  readonly environment: string;
}

/** What processes are known by. */
export interface ProcessMarks {
  /** "NAME=value" in the environment, whole. */
  readonly variables: readonly string[];
  /** Agents' data directories: a guard, whose environment is clean, names its own as its last argument. */
  readonly guarded?: readonly string[];
}

const guardPattern = /(^|\/)guard(\/main)?\.(js|ts)$/;

/**
 * All live processes that carry one of the marks, and all that descend from these; never the caller itself.
 * Processes of other users that may not be read are not found.
 */
export function findProcesses(marks: ProcessMarks): readonly FoundProcess[] {
  const all = readProcesses();
  const found = new Map<number, FoundProcess>();
  for (const entry of all) if (isMarked(entry, marks)) found.set(entry.pid, entry);
  for (let grown = true; grown; ) {
    const children = all.filter(({ pid, parentPid }) => !found.has(pid) && found.has(parentPid));
    for (const child of children) found.set(child.pid, child);
    grown = children.length > 0;
  }
  found.delete(process.pid);
  return [...found.values()];
}

/**
 * SIGKILL to all processes that carry a mark, in one go as a power cut would, then again until none is left.
 * Returns those that are still alive after ten seconds: none, unless the kernel holds one.
 */
export async function killProcesses(marks: ProcessMarks): Promise<readonly FoundProcess[]> {
  const giveUpAtMs = Date.now() + killForMsMax;
  for (;;) {
    const found = findProcesses(marks);
    if (found.length === 0 || Date.now() > giveUpAtMs) return found;
    signalAll(found, "SIGKILL");
    await sleep(lookEveryMs);
  }
}

/** Sends a signal to each; one that has ended meanwhile is no error. */
export function signalAll(targets: readonly FoundProcess[], signal: NodeJS.Signals): void {
  for (const { pid } of targets) {
    try {
      process.kill(pid, signal);
    } catch (error: unknown) {
      if (!isErrno(error, "ESRCH")) throw error;
    }
  }
}

function isMarked(entry: ProcessEntry, marks: ProcessMarks): boolean {
  const environment = entry.environment.split("\0");
  if (marks.variables.some((variable) => environment.includes(variable))) return true;
  const words = entry.commandLine.split(" ");
  const isGuard = words.some((word) => guardPattern.test(word));
  return isGuard && (marks.guarded ?? []).includes(words.at(-1) ?? "");
}

function readProcesses(): readonly ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const entry = readProcess(pid);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

function readProcess(pid: number): ProcessEntry | undefined {
  const stat = readProc(pid, "stat");
  if (stat === undefined) return undefined;
  // The name in parentheses may hold blanks and parentheses itself: the fields follow the last one.
  const [state, parentPid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === undefined || state === "Z" || state === "X") return undefined;
  return {
    pid,
    parentPid: Number(parentPid),
    environment: readProc(pid, "environ") ?? "",
    commandLine: (readProc(pid, "cmdline") ?? "").replaceAll("\0", " ").trim(),
  };
}

/** Undefined: the process has ended, or belongs to somebody else. */
function readProc(pid: number, file: "stat" | "environ" | "cmdline"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error: unknown) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].some((code) => isErrno(error, code)))
      return undefined;
    throw error;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
