/**
 * What a launcher has started runs on when the launcher dies: an agent's workloads need it, and a server serves. The
 * launcher that is started next has it leave in the orderly way, and goes on from there.
 */
import { type FoundProcess, isAlive, killExactly } from "../agent/guard/process-table.ts";
import type { Result } from "../core/result.ts";

const askMsMax = 15_000;
const lookEveryMs = 50;

export interface TakeOverOptions {
  readonly dataDirectory: string;
  /** Lines about what is done. */
  readonly write: (line: string) => void;
  /** What is looked after, for a person: `agent` or `server`. */
  readonly what: string;
  /** How long one that was told to end may take before it is killed. */
  readonly endMsMax: number;
  /** What an earlier launcher has started for this data directory and is alive; undefined: there is none. */
  readonly findOrphan: () => FoundProcess | undefined;
  /** Asks it to leave as for a restart; resolves when it has. The error says why it was not asked. */
  readonly askToLeave: (signal: AbortSignal) => Promise<Result<unknown, string>>;
}

/** Resolves when nothing that another launcher started runs here any more; the answer is whether there was something. */
export async function takeOver(options: TakeOverOptions): Promise<boolean> {
  const { write, what, endMsMax } = options;
  const orphan = options.findOrphan();
  if (orphan === undefined) return false;
  write(`the ${what} of an earlier launcher runs (process ${orphan.pid}): it is asked to leave`);
  const left = await options.askToLeave(AbortSignal.timeout(askMsMax));
  if (!left.ok) {
    write(`${left.error}; it is told to end`);
    if (isAlive(orphan)) process.kill(orphan.pid, "SIGTERM");
  }
  if (await untilEnded(orphan, endMsMax)) return true;
  write(`process ${orphan.pid} does not end and is killed`);
  killExactly(orphan);
  await untilEnded(orphan, endMsMax);
  return true;
}

async function untilEnded(orphan: FoundProcess, endMsMax: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < endMsMax; waitedMs += lookEveryMs) {
    if (!isAlive(orphan)) return true;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  return false;
}
