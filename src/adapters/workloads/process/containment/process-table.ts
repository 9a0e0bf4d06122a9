/**
 * Reads Linux's /proc: who is alive, who is whose child, who carries a marker. A process is always named by its
 * number and its start time together, so that a number that was given out again is never taken for the old process.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import type { ProcessIdentity } from "../../../../ports/workload.ts";

/** One line of /proc/PID/stat, as far as it matters here. */
export interface ProcessEntry extends ProcessIdentity {
  readonly parentPid: number;
  readonly sessionId: number;
  /** False for zombies: they run nothing and hold nothing, they only wait to be collected. */
  readonly alive: boolean;
  /** Clock ticks that it and those of its children that have ended and were collected have run. */
  readonly ranTicks: number;
}

/** The process with this number now, or undefined when there is none. */
export function readProcess(pid: number): ProcessEntry | undefined {
  const text = readShort(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The command's name is in brackets and may itself hold brackets and spaces: the last one ends it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ", 20);
  const state = fields[0] ?? "X";
  return {
    pid,
    parentPid: Number(fields[1]),
    sessionId: Number(fields[3]),
    startTicks: Number(fields[19]),
    alive: state !== "Z" && state !== "X" && state !== "x",
    ranTicks: Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]),
  };
}

/** Whether this very process runs (a zombie does not); one that is there and cannot be looked at may be it (A4). */
export function isAlive(identity: ProcessIdentity): boolean {
  const entry = readProcess(identity.pid);
  // E.g. no file descriptor is left. To look whether there is such a number at all needs none.
  if (entry === undefined) return mayBeThere(identity.pid);
  return entry.alive && entry.startTicks === identity.startTicks;
}

/** False when surely no process has this number. Much cheaper than `isAlive`, but zombies and others count. */
export function mayBeThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error: unknown) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/** All processes that this one may see, zombies included. */
export function readAllProcesses(): readonly ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    const entry = readProcess(Number(name));
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** The living children of a process. */
export function childrenOf(pid: number): readonly ProcessEntry[] {
  const listed = readOrUndefined(`/proc/${pid}/task/${pid}/children`)?.toString("latin1");
  if (listed === undefined) {
    // A kernel without CONFIG_PROC_CHILDREN: look through all.
    return readAllProcesses().filter((entry) => entry.parentPid === pid && entry.alive);
  }
  const pids = listed.split(" ").filter((part) => part.trim() !== "");
  return pids.flatMap((part) => {
    const entry = readProcess(Number(part));
    return entry?.alive === true ? [entry] : [];
  });
}

/** Whether the environment that the process was started with holds exactly `name=value`. */
export function carriesMarker(pid: number, marker: string): boolean {
  const environment = readOrUndefined(`/proc/${pid}/environ`);
  if (environment === undefined) return false;
  const wanted = Buffer.from(`${marker}\0`);
  let at = environment.indexOf(wanted);
  while (at > 0 && environment[at - 1] !== 0) at = environment.indexOf(wanted, at + 1);
  return at >= 0;
}

/** Sends a signal if the process is still this one. `gone`: it is not. `refused`: not known or not ours. */
export function sendSignal(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
): "sent" | "gone" | "refused" {
  const entry = readProcess(identity.pid);
  if (entry === undefined) return mayBeThere(identity.pid) ? "refused" : "gone";
  if (!entry.alive || entry.startTicks !== identity.startTicks) return "gone";
  try {
    process.kill(identity.pid, signal);
    return "sent";
  } catch (error: unknown) {
    return error instanceof Error && "code" in error && error.code === "EPERM" ? "refused" : "gone";
  }
}

/** A random text that the kernel makes at each start of the machine. */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

/** Of a table with thousands of lines each would otherwise take, and leave behind, a buffer of many kilobytes. */
const shortBuffer = Buffer.alloc(4_096);

/** The first 4 KiB of a file of /proc, or undefined: it cannot be read. */
export function readShort(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined; // the process has ended, or no descriptor is left
  }
  try {
    const length = readSync(file, shortBuffer, 0, shortBuffer.length, 0);
    return shortBuffer.toString("latin1", 0, length);
  } catch {
    return undefined; // it has ended since
  } finally {
    closeSync(file);
  }
}

/** Processes end while they are read, and others' environments are closed to ordinary users: both are "no answer". */
function readOrUndefined(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
