/** Finds what a launcher that has died has left running for a data directory. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FoundProcess, startTicksOf } from "../agent/guard/process-table.ts";
import { type Launched, launchedBy } from "./launched.ts";
import { launcherVariable } from "./places.ts";

/** The agent that notes itself as the data directory's user, if a launcher has started it. */
export function findAgent(dataDirectory: string): FoundProcess | undefined {
  try {
    const pid = Number(readFileSync(join(dataDirectory, "agent.pid"), "latin1"));
    return launchedProcess(pid, [dataDirectory]);
  } catch {
    return undefined; // there is no note
  }
}

/**
 * A server that was started for the data directory by a launcher that has died: servers leave no note, so all processes
 * are looked at. One whose launcher lives is not taken from it.
 */
export function findServer(dataDirectory: string): FoundProcess | undefined {
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid === process.pid) continue;
    const found = launchedProcess(pid, ["server", "run", dataDirectory]);
    if (found !== undefined && found.launcher === undefined) return found;
  }
  return undefined;
}

interface LaunchedProcess extends FoundProcess {
  /** Undefined: it has died. */
  readonly launcher: Launched | undefined;
}

/** The process, if a launcher has started it and its command line has these words. */
function launchedProcess(pid: number, words: readonly string[]): LaunchedProcess | undefined {
  try {
    const startTicks = startTicksOf(pid);
    if (startTicks === undefined) return undefined;
    const given = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    if (!words.every((word) => given.includes(word))) return undefined;
    const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    const variable = environment.find((each) => each.startsWith(`${launcherVariable}=`));
    if (variable === undefined) return undefined;
    const launcher = launchedBy(variable.slice(launcherVariable.length + 1), parentOf(pid));
    return { pid, startTicks, launcher };
  } catch {
    return undefined; // it has ended, or is another user's
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
}
