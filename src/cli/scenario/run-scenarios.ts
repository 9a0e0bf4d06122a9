/** Plays scenario files one after the other: all are read before the first is played. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Plan } from "../../sim/plan.ts";
import { parseScenario } from "../../sim/scenario/parse-scenario.ts";
import { PlanPlay, type PlanPlayOptions } from "../../sim/story/play-plan.ts";
import type { StorySummary } from "../../sim/story/story-line.ts";
import { done, fail, type Outcome } from "../failure.ts";
import { oneLine } from "../format/text-width.ts";
import { readInputFile } from "../input/yaml-file.ts";
import type { Session } from "../session.ts";
import { drawHeading, drawMoment } from "./draw-story.ts";
import { drawSummary } from "./draw-summary.ts";
import { TraceWriter } from "./trace-writer.ts";

export interface RunOptions {
  readonly trace: boolean;
  readonly seed?: number | undefined;
  readonly until?: number | undefined;
}

/** Virtual time that is played before a wish to interrupt is looked for. */
const sliceMs = 600_000;

export async function runScenarios(
  session: Session,
  files: readonly string[],
  options: RunOptions,
): Promise<Outcome> {
  const plans = await readPlans(session, files, options);
  if (!Array.isArray(plans)) return { ok: true, value: 2 };
  let brokenCount = 0;
  for (const plan of plans) {
    const summary = options.trace
      ? await printTrace(session, plan)
      : await tellStory(session, plan);
    if (summary === undefined) return { ok: true, value: 130 };
    if (summary.violations.length > 0) brokenCount += 1;
  }
  if (brokenCount === 0) return done;
  const count = plans.length === 1 ? "" : ` in ${brokenCount} of ${plans.length} scenarios`;
  return fail(1, `a safety rule was broken${count}`, "please report it with the scenario");
}

/** Undefined: some file has faults, which were printed. */
async function readPlans(
  session: Session,
  files: readonly string[],
  options: RunOptions,
): Promise<readonly Plan[] | undefined> {
  const plans: Plan[] = [];
  const faults: string[] = [];
  for (const file of files) {
    const text = await readInputFile(file, session.io);
    if (!text.ok) {
      faults.push(`${text.error.what}; ${text.error.hint ?? ""}`);
      continue;
    }
    const plan = parseScenario(text.value, file === "-" ? "standard input" : file);
    if (plan.ok) plans.push(withOptions(plan.value, options));
    else faults.push(...plan.error);
  }
  if (faults.length === 0) return plans;
  for (const fault of faults) session.io.stderr.write(`holdfast: ${oneLine(fault)}\n`);
  return undefined;
}

function withOptions(plan: Plan, { seed, until }: RunOptions): Plan {
  const endAtMs = until ?? plan.endAtMs;
  return {
    ...plan,
    seed: seed ?? plan.seed,
    endAtMs,
    actions: plan.actions.filter(({ atMs }) => atMs <= endAtMs),
  };
}

async function printTrace(session: Session, plan: Plan): Promise<StorySummary | undefined> {
  const writer = new TraceWriter(session.io.stdout);
  writer.write({ kind: "scenario", name: plan.name });
  const summary = await play(session, { plan, onTrace: (line) => writer.write(line) });
  writer.flush();
  return summary;
}

async function tellStory(session: Session, plan: Plan): Promise<StorySummary | undefined> {
  const { stdout } = session.io;
  if (session.format === "table") stdout.write(drawHeading(session, plan));
  const summary = await play(session, {
    plan,
    onMoment: (moment) => {
      if (session.format === "table") stdout.write(drawMoment(session, moment));
    },
  });
  if (summary === undefined) return undefined;
  session.printNext({ name: plan.name, ...summary }, () => drawSummary(session, plan, summary));
  return summary;
}

/** Undefined: it was interrupted. */
async function play(session: Session, options: PlanPlayOptions): Promise<StorySummary | undefined> {
  const scene = new PlanPlay(options);
  while (!scene.isOver) {
    scene.advance(sliceMs);
    if (scene.isOver) break;
    await nextTurn();
    if (session.io.signal.aborted) return undefined;
  }
  return scene.end();
}
