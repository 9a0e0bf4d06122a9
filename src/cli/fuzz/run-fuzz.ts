/** Plays random plans on all cores under all safety checks, tells how far it is and what was found. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { RandomPlanOptions } from "../../sim/fuzz/plan.ts";
import { done, fail, type Outcome } from "../failure.ts";
import { formatSpan } from "../format/quantity.ts";
import { createProgress } from "../progress.ts";
import type { Session } from "../session.ts";
import { runPool } from "./pool.ts";
import { type Found, type FuzzRange, FuzzTally } from "./tally.ts";

export interface FuzzOptions {
  readonly range: FuzzRange;
  readonly plan: RandomPlanOptions;
  /** Undefined: one worker a core. */
  readonly jobs: number | undefined;
  /** Where the scenarios of violations are written. */
  readonly outputFolder: string;
}

/** Runs to the end of the range, or until it is interrupted. 1: a rule was broken. */
export async function runFuzz(session: Session, options: FuzzOptions): Promise<Outcome> {
  const { range, plan } = options;
  const { io } = session;
  const tally = new FuzzTally(range, plan);
  const startedAtMs = io.nowMs();
  const progress = createProgress(io);
  const write = (seed: number, scenario: string): string => {
    mkdirSync(options.outputFolder, { recursive: true });
    const path = join(options.outputFolder, `fuzz-seed-${seed}.yaml`);
    writeFileSync(path, scenario);
    return path;
  };
  const isTerminal = io.stderr.isTTY === true;
  try {
    await runPool({
      workerCount: options.jobs ?? availableParallelism(),
      nextTask: () => tally.nextTask(),
      onAnswer: (answer) => {
        for (const found of tally.take(answer, write)) {
          session.printNext(found, () => `${violationText(found)}\n`);
        }
        if (isTerminal) progress.show("fuzz", progressText(tally, range, io.nowMs() - startedAtMs));
      },
      signal: io.signal,
    });
  } finally {
    progress.end();
  }
  return endOf(session, { tally, range, wallMs: io.nowMs() - startedAtMs });
}

function endOf(
  session: Session,
  end: { readonly tally: FuzzTally; readonly range: FuzzRange; readonly wallMs: number },
): Outcome {
  const { tally, range, wallMs } = end;
  if (tally.failure !== undefined) {
    return fail(1, `the simulator itself failed: ${tally.failure}`, "please report it");
  }
  const { seedCount, simulatedMs, eventCount, found } = tally;
  const figures = { seedCount, simulatedMs, eventCount, wallMs, violationCount: found.length };
  session.printNext(figures, () => `${figuresText(tally, wallMs)}\n`);
  if (found.length > 0) {
    const count = found.length === 1 ? "1 seed" : `${found.length} seeds`;
    return fail(1, `a safety rule was broken by ${count}`, "please report it with the scenario");
  }
  const isCutShort = session.io.signal.aborted && Number.isFinite(range.to);
  return isCutShort ? { ok: true, value: 130 } : done;
}

function violationText({ seed, violation, scenario }: Found): string {
  const { rule, sentence, atMs } = violation;
  const where = scenario === undefined ? "" : `\n  scenario: ${scenario}`;
  return `seed ${seed} broke ${rule} after ${formatSpan(atMs)}: ${sentence}${where}`;
}

function progressText(tally: FuzzTally, { from, to }: FuzzRange, wallMs: number): string {
  const total = Number.isFinite(to) ? ` of ${to - from + 1}` : "";
  return `${tally.seedCount}${total} seeds, ${speedText(tally, wallMs)}, violations: ${tally.found.length}`;
}

function figuresText(tally: FuzzTally, wallMs: number): string {
  const seconds = (wallMs / 1_000).toFixed(1);
  const kept =
    tally.found.length === 0 ? "every rule was kept" : `violations: ${tally.found.length}`;
  return `${tally.seedCount} seeds, ${tally.eventCount} events, ${speedText(tally, wallMs)}, ${seconds} s: ${kept}`;
}

function speedText({ simulatedMs }: FuzzTally, wallMs: number): string {
  const times = wallMs === 0 ? 0 : Math.round(simulatedMs / wallMs);
  return `${formatSpan(simulatedMs)} of simulated time (${times} times real time)`;
}
