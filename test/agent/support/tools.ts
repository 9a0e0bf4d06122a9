/** Small things that the agent's tests share: a clock, a log, waiting for a condition, temporary directories. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMarked, killExactly } from "../../../src/agent/guard/process-table.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { Log } from "../../../src/ports/log.ts";

export const guardCommand: readonly string[] = [
  process.execPath,
  join(import.meta.dirname, "../../../src/agent/guard/main.ts"),
];

export const realClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Keeps its lines; HOLDFAST_TEST_LOG=1 prints them too. */
export function createTestLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const log = {
    lines,
    write(level: string, sentence: string, fields?: Readonly<Record<string, unknown>>): void {
      const line = `${level} ${sentence} ${fields === undefined ? "" : JSON.stringify(fields)}`;
      lines.push(line);
      if (process.env["HOLDFAST_TEST_LOG"] === "1") {
        process.stderr.write(`${Math.round(realClock.monotonicMs())} ${line}\n`);
      }
    },
    with: () => log,
  };
  return log;
}

/** Waits until `condition` gives something, or throws after `deadlineMs`. */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false,
  deadlineMs = 10_000,
): Promise<T> {
  const endMs = realClock.monotonicMs() + deadlineMs;
  for (;;) {
    const value = condition();
    if (value !== undefined && value !== false) return value;
    if (realClock.monotonicMs() >= endMs) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Kills whatever carries the mark of the directory's agent: also what an agent has left running on purpose. */
export async function endWorkloadsOf(dataDirectory: string): Promise<void> {
  const file = join(dataDirectory, "agent-id");
  if (!existsSync(file)) return; // no agent has begun there
  const agentId = readFileSync(file, "utf8");
  await until("its workloads are dead", () => {
    const left = findMarked(agentId, () => true);
    for (const found of left) killExactly(found);
    return left.length === 0;
  });
}

export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "holdfast-agent-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
