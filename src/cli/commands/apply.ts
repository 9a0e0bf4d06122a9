/** `apply` and `diff`: a cluster's settings, groups, HA groups, services, rules and deployments from a file that people keep in git. */
import { type Command, Option } from "commander";
import * as z from "zod";
import type { ApiResult } from "../../client/api-error.ts";
import type { Client } from "../../client/client.ts";
import { ok, type Result } from "../../core/result.ts";
import type { CommandContext } from "../command-context.ts";
import { done, type Failure, failOfApi, type Outcome } from "../failure.ts";
import { readManifest } from "../input/manifest.ts";
import { makePlan, type PlanStep, textOfStep } from "../plan.ts";
import type { Session } from "../session.ts";
import { type Goal, waitForGoals } from "../wait.ts";
import { addUnknownPropertiesFlag, unknownPropertiesOf } from "./fleet/fleet-flags.ts";
import { addWaitFlags, tellWarnings, waitFlagsOf } from "./service/change.ts";
import { goalOf } from "./service/edit.ts";
import { dryRun } from "./whatif/dry-run.ts";
import { startTimeMsDefault, startTimeOption } from "./whatif/play.ts";

const formHelp = `
The file holds YAML documents, parted by ---, each with its kind:

  kind: Service                 # any number of them, each with another id
  id: process:api
  process:
    command: /usr/bin/node
    arguments: [/srv/api.js]
  ---
  kind: Group                   # a placement group
  name: left-rack
  nodes: [{ node: node1, priority: 2 }, { node: node2 }]
  ---
  kind: Rule
  name: apart
  type: resource-affinity
  affinity: negative
  services: [process:api, process:db]
  ---
  kind: HaGroup                 # of its members one at a time is upgraded
  name: pair
  members: [node1, node2]
  ---
  kind: Definition              # a version of a service, for deployments; see holdfast definition add --help
  service: process:web
  version: 1.2.0
  process: { command: /srv/web-1.2.0 }
  ---
  kind: Deployment              # see holdfast deployment add --help
  name: web
  service: process:web
  versions: [{ version: 1.2.0 }]
  ---
  kind: Settings                # at most one
  profile: fast

Fields that are left out have their defaults. What the file does not name is left alone.`;

/** Hangs `apply` and `diff` into the program. */
export function addApplyCommands(program: Command, context: CommandContext): void {
  const file = (): Option =>
    new Option("-f, --file <file>", "YAML; - reads from a pipe").makeOptionMandatory();
  const apply = program
    .command("apply")
    .description("make the cluster as a file says; nothing is changed when the file has a fault")
    .addOption(file())
    .addHelpText("after", formHelp);
  apply.option("--dry-run", "change nothing: show what would change and what would come of it");
  addUnknownPropertiesFlag(apply);
  apply.addOption(startTimeOption());
  addWaitFlags(apply);
  context.handle(apply, runApply);
  const diff = program
    .command("diff")
    .description("what apply would change; exit code 0: nothing, 1: something")
    .addOption(file())
    .addHelpText("after", formHelp);
  context.handle(diff, runDiff);
}

const fileSchema = z.object({ file: z.string() });
const dryRunSchema = z.object({
  dryRun: z.boolean().default(false),
  startTime: z.number().default(startTimeMsDefault),
});

interface Prepared {
  readonly client: Client;
  readonly steps: readonly PlanStep[];
}

async function prepare(session: Session, options: unknown): Promise<Result<Prepared, Failure>> {
  const manifest = await readManifest(fileSchema.parse(options).file, session.io);
  if (!manifest.ok) return manifest;
  const client = await session.client();
  if (!client.ok) return client;
  const steps = await makePlan(client.value, manifest.value);
  return steps.ok ? ok({ client: client.value, steps: steps.value }) : steps;
}

async function runDiff(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const prepared = await prepare(session, options);
  if (!prepared.ok) return prepared;
  const differing = prepared.value.steps.filter((step) => step.action !== "none");
  session.print(differing.map(dataOf), () =>
    differing.length === 0 ? "nothing differs\n" : differing.map(textOfStep).join(""),
  );
  return ok(differing.length === 0 ? 0 : 1);
}

function dataOf(step: PlanStep): unknown {
  const { subject, action, changes } = step;
  return { subject, action, changes };
}

async function runApply(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const prepared = await prepare(session, options);
  if (!prepared.ok) return prepared;
  const { client, steps } = prepared.value;
  const { dryRun: isDryRun, startTime: startTimeMs } = dryRunSchema.parse(options);
  if (isDryRun) return await dryRun(session, { client, steps, startTimeMs });
  const goals: Goal[] = [];
  for (const [index, step] of steps.entries()) {
    if (step.action === "none") {
      if (step.kind === "service") pushGoal(goals, step, step.revision ?? 0);
      continue;
    }
    const answer = await send(client, step, unknownPropertiesOf(options));
    if (!answer.ok) return stoppedAt(steps, index, failOfApi(answer.error).error);
    tellWarnings(session, answer.value.warnings);
    if (step.kind === "service") pushGoal(goals, step, answer.value.revision);
  }
  session.print(steps.map(dataOf), () => steps.map(lineOfStep).join(""));
  const flags = waitFlagsOf(options);
  if (!flags.wait) {
    const changes = steps.some((step) => step.action !== "none");
    if (changes) session.io.stderr.write("follow it with: holdfast status\n");
    return done;
  }
  const waited = await waitForGoals(session, client, goals, flags);
  return waited.ok ? done : waited;
}

function pushGoal(
  goals: Goal[],
  step: Extract<PlanStep, { kind: "service" }>,
  revision: number,
): void {
  const goal = goalOf(step.service.config, revision);
  if (goal !== undefined) goals.push(goal);
}

/** What a step has written. */
interface Made {
  readonly revision: number;
  readonly warnings: readonly string[];
}

async function send(
  client: Client,
  step: PlanStep,
  unknownProperties: "allowed" | "refused",
): Promise<ApiResult<Made>> {
  const expected = step.revision ?? "new";
  switch (step.kind) {
    case "settings":
      return madeOf(await client.putSettings(step.settings), () => ({ revision: 0 }));
    case "group":
      return madeOf(await client.putGroup(step.group, expected), (group) => group);
    case "service":
      return madeOf(await client.putService(step.service.input, expected), (service) => service);
    case "ha-group": {
      const { name } = step.haGroup;
      const put = client.putHaGroup(name, step.haGroup, { expected });
      return madeOf(await put, (group) => group);
    }
    case "definition":
      return madeOf(
        await client.addDefinition(step.definition, { unknownProperties }),
        (definition) => definition,
      );
    case "deployment": {
      const put = client.putDeployment(step.deployment, { expected, unknownProperties });
      return madeOf(await put, (deployment) => deployment);
    }
    case "rule":
      return madeOf(await client.putRule(step.rule, expected), (rule) => rule);
  }
}

function madeOf<T>(
  answer: ApiResult<T>,
  read: (value: T) => {
    readonly revision: number;
    readonly warnings?: readonly string[] | undefined;
  },
): ApiResult<Made> {
  if (!answer.ok) return answer;
  const { revision, warnings = [] } = read(answer.value);
  return { ok: true, value: { revision, warnings }, body: answer.body };
}

function lineOfStep(step: PlanStep): string {
  const word = { create: "added", change: "changed", none: "already like this" }[step.action];
  return `${step.subject} ${step.kind === "settings" ? "are" : "is"} ${word}\n`;
}

/** Some of it is made: say which, so that a person can go on from there. */
function stoppedAt(steps: readonly PlanStep[], index: number, failure: Failure): Outcome {
  const names = (part: readonly PlanStep[]): string =>
    part
      .filter((step) => step.action !== "none")
      .map((step) => step.subject)
      .join(", ") || "nothing";
  const what = `${steps[index]?.subject}: ${failure.what} (changed before: ${names(steps.slice(0, index))}; not changed: ${names(steps.slice(index))})`;
  const hint = failure.hint === undefined ? "" : `${failure.hint}, `;
  const next = `${hint}then run apply again: it goes on where it stopped`;
  return { ok: false, error: { exitCode: failure.exitCode, what, hint: next } };
}
