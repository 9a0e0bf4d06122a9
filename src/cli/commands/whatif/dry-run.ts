/** `apply --dry-run`: what a file would change, and what the cluster would make of it. Changes nothing. */
import type { Client } from "../../../client/client.ts";
import { ok, type Result } from "../../../core/result.ts";
import type { Action } from "../../../sim/plan.ts";
import type { ClusterFacts } from "../../../sim/whatif/cluster-plan.ts";
import type { Forecast } from "../../../sim/whatif/forecast.ts";
import type { Failure, Outcome } from "../../failure.ts";
import { oneLine } from "../../format/text-width.ts";
import { type PlanStep, textOfStep } from "../../plan.ts";
import type { Session } from "../../session.ts";
import { play, readFacts } from "./play.ts";
import { refusalsOf } from "./refusals.ts";
import { textOfForecast } from "./text.ts";

export interface DryRunInput {
  readonly client: Client;
  /** What `apply` would do. */
  readonly steps: readonly PlanStep[];
  readonly startTimeMs: number;
}

/** Prints the difference, then plays it. Exit code 1: it would be refused, or leave a service without a place. */
export async function dryRun(session: Session, input: DryRunInput): Promise<Outcome> {
  const { client, startTimeMs } = input;
  const steps = input.steps.filter((step) => step.action !== "none");
  const facts = await readFacts(client);
  if (!facts.ok) return facts;
  const forecast = await playSteps(thawed(facts.value), steps, startTimeMs);
  if (!forecast.ok) return forecast;
  const refusals = refusalsOf(facts.value, steps, forecast.value);
  const notes = [...restartsOf(steps, facts.value), ...forecast.value.notes];
  const told = { ...forecast.value, notes };
  const changes = steps.map(({ subject, action, changes }) => ({ subject, action, changes }));
  session.print({ changes, refusals, startTimeMs, ...told }, () => {
    if (steps.length === 0) return "nothing differs: apply would change nothing\n";
    return [
      ...steps.map(textOfStep),
      "\n",
      ...refusals.map((why) =>
        session.colours.paint("red", `! apply would be refused: ${oneLine(why)}\n`),
      ),
      headOf(facts.value, refusals),
      textOfForecast(session, told, { facts: facts.value, startTimeMs, losesNodes: false }),
      "nothing was changed\n",
    ].join("");
  });
  const isBad = refusals.length > 0 || told.down.some(({ wasDown }) => !wasDown);
  return ok(isBad ? 1 : 0);
}

/** A freeze refuses the whole file: what is played is the cluster after it. */
function thawed(facts: ClusterFacts): ClusterFacts {
  return { ...facts, status: { ...facts.status, freeze: undefined } };
}

function headOf({ status }: ClusterFacts, refusals: readonly string[]): string {
  const isFrozen = status.freeze?.frozen === true;
  const what = refusals.length > (isFrozen ? 1 : 0) ? "all the rest" : "this";
  return `if ${what} were applied ${isFrozen ? "after the freeze" : "now"}:\n`;
}

async function playSteps(
  facts: ClusterFacts,
  steps: readonly PlanStep[],
  startTimeMs: number,
): Promise<Result<Forecast, Failure>> {
  const { actionOfStep } = await import("./step-action.ts");
  const actions = steps
    .map((step): Action | undefined => actionOfStep(step))
    .filter((action) => action !== undefined);
  return await play(facts, { startTimeMs, spared: new Set(), actions });
}

/** A running copy may be restarted when its driver's part changes: only its agent knows. */
function restartsOf(steps: readonly PlanStep[], { status }: ClusterFacts): readonly string[] {
  const running = new Map(status.services.map(({ id, node, running }) => [id, { node, running }]));
  return steps.flatMap((step) => {
    if (step.kind !== "service" || step.action !== "change") return [];
    const changesPart = step.changes.some(({ path }) => path.startsWith("process."));
    const now = running.get(step.subject);
    if (!changesPart || now?.running !== "running") return [];
    return [`${step.subject} takes up its new "process" part on ${now.node}: it may be restarted`];
  });
}
