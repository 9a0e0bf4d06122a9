/**
 * An agent whose launcher has died runs on, as its workloads need it. The launcher that is started next has it leave in
 * the orderly way, and goes on from there.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../../core/result.ts";
import { isAlive, killExactly, startTicksOf } from "../guard/process-table.ts";
import { launcherVariable } from "./places.ts";

const askMsMax = 15_000;
const endMsMax = 10_000;
const lookEveryMs = 50;

export interface TakeOverOptions {
  readonly dataDirectory: string;
  /** Lines about what is done. */
  readonly write: (line: string) => void;
  /** Asks the agent of a data directory to leave as for a restart; resolves when it has. The error says why it was not asked. */
  readonly askToLeave: (signal: AbortSignal) => Promise<Result<unknown, string>>;
}

/** Resolves when no agent that another launcher started runs here any more; the answer is whether there was one. */
export async function takeOver(options: TakeOverOptions): Promise<boolean> {
  const { dataDirectory, write } = options;
  const orphan = findOrphan(dataDirectory);
  if (orphan === undefined) return false;
  write(`the agent of an earlier launcher runs (process ${orphan.pid}): it is asked to leave`);
  const left = await options.askToLeave(AbortSignal.timeout(askMsMax));
  if (!left.ok) {
    write(`${left.error}; it is told to end`);
    if (isAlive(orphan)) process.kill(orphan.pid, "SIGTERM");
  }
  if (await untilEnded(orphan)) return true;
  write(`process ${orphan.pid} does not end and is killed`);
  killExactly(orphan);
  await untilEnded(orphan);
  return true;
}

interface Orphan {
  readonly pid: number;
  readonly startTicks: number;
}

/** The agent that notes itself as the data directory's user, if a launcher has started it. */
function findOrphan(dataDirectory: string): Orphan | undefined {
  try {
    const pid = Number(readFileSync(join(dataDirectory, "agent.pid"), "latin1"));
    const startTicks = startTicksOf(pid);
    if (startTicks === undefined) return undefined;
    const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const isLaunched = environment.some((each) => each.startsWith(`${launcherVariable}=`));
    return isLaunched && words.includes(dataDirectory) ? { pid, startTicks } : undefined;
  } catch {
    return undefined; // there is no note, or its process has ended
  }
}

async function untilEnded(orphan: Orphan): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < endMsMax; waitedMs += lookEveryMs) {
    if (!isAlive(orphan)) return true;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  return false;
}
