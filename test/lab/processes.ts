/** The processes of a host: all in its process namespace, and all that descend from them. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process as /proc shows it. */
export interface ProcessView {
  readonly pid: number;
  readonly parentPid: number;
  /** "R", "S", "D", "T" (stopped), "t" (stopped by a tracer), "Z" and so on. */
  readonly state: string;
  readonly command: string;
}

/** All live processes of the process namespace whose first process is `initPid`, with nested namespaces. */
export function processesOfNamespace(initPid: number): readonly ProcessView[] {
  const namespace = namespaceOf(initPid);
  if (namespace === undefined) return [];
  const all = readProcesses();
  const found = new Map<number, ProcessView>();
  for (const entry of all) if (namespaceOf(entry.pid) === namespace) found.set(entry.pid, entry);
  for (let grown = true; grown; ) {
    const children = all.filter(({ pid, parentPid }) => !found.has(pid) && found.has(parentPid));
    for (const child of children) found.set(child.pid, child);
    grown = children.length > 0;
  }
  return [...found.values()];
}

/** Children of a process that live. */
export function childrenOf(parentPid: number): readonly ProcessView[] {
  return readProcesses().filter((entry) => entry.parentPid === parentPid);
}

/** Sends a signal; a process that has ended meanwhile is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error: unknown) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function readProcesses(): readonly ProcessView[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    const found = Number.isInteger(pid) ? readProcess(pid) : undefined;
    return found === undefined ? [] : [found];
  });
}

function readProcess(pid: number): ProcessView | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // it has ended meanwhile
  }
  // The name in parentheses may hold blanks and parentheses itself: the fields follow the last one.
  const nameEnd = stat.lastIndexOf(")");
  const [state = "Z", parentPid] = stat.slice(nameEnd + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  const command = stat.slice(stat.indexOf("(") + 1, nameEnd);
  return { pid, parentPid: Number(parentPid), state, command };
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // it has ended meanwhile
  }
}
