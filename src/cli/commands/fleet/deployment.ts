/** `deployment ...`: services that run on every node that fits. */
import type { Command } from "commander";
import * as z from "zod";
import { ok } from "../../../core/result.ts";
import { type DeploymentConfig, deploymentSchema } from "../../../wire/fleet/deployments.ts";
import type { DeploymentResource } from "../../../wire/fleet/resources.ts";
import { argumentAt, type CommandContext } from "../../command-context.ts";
import { done, failOfApi, type Outcome, usage } from "../../failure.ts";
import { formatInstant } from "../../format/quantity.ts";
import { readFleetFile } from "../../input/fleet-file.ts";
import type { Session } from "../../session.ts";
import { addWaitFlags, tellWarnings, waitFlagsOf } from "../service/change.ts";
import { addFileFlags, fileFlagsOf } from "./fleet-flags.ts";
import { describeLines, fieldLines } from "./show/describe.ts";
import { countsText, instancesTable, rolloutText } from "./show/fleet-text.ts";
import { followDeployment } from "./show/follow.ts";
import { planText } from "./show/plan-text.ts";
import { deploymentStatusCommand } from "./show/status.ts";

const example = `
The file holds one deployment:

  name: web
  service: process:web
  versions:                         # the first one is tried first
    - { version: 1.3.0, retries: 2, retryDurationMs: 1m, verifiedDurationMs: 5m }
    - { version: 1.2.0 }
  constraint: cores >= 2 AND zone in "berlin,paris"
  inputs: { PORT: 8081 }            # reach the process as environment variables
  rollout:                          # for nodes in no HA group; of a group it is one at a time
    maxUnavailable: 25%
    canaries: { count: 1, waitMs: 1m }
    healthyForMs: 10s

Changing a deployment is adding it again with another content.`;

/** Hangs `deployment` and its verbs into the program. */
export function addDeploymentCommands(program: Command, context: CommandContext): void {
  const deployment = program
    .command("deployment")
    .description("services that run on every node that fits");
  const add = deployment
    .command("add")
    .description("add a deployment, or change it; first says what that would come to")
    .option("--dry-run", "change nothing: only say what it would come to")
    .addHelpText("after", example);
  addFileFlags(add);
  addWaitFlags(add);
  context.handle(add, addDeployment);
  context.handle(deployment.command("list").description("all deployments"), listDeployments);
  const show = deployment
    .command("show")
    .description("one deployment in full")
    .argument("<deployment>");
  context.handle(show, showDeployment);
  const status = deployment
    .command("status")
    .description("every instance: where it is, what it runs, what it waits for")
    .argument("<deployment>")
    .option("--watch", "follow it until everything is as it is to be");
  context.handle(status, showStatus);
  const remove = deployment
    .command("remove")
    .description("stop all instances of a deployment, then forget it")
    .argument("<deployment>");
  addWaitFlags(remove);
  context.handle(remove, removeDeployment);
}

const dryRunSchema = z.object({ dryRun: z.boolean().default(false) });

async function addDeployment(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { file, unknownProperties } = fileFlagsOf(options);
  const wanted = { kind: "Deployment", schema: deploymentSchema } as const;
  const read = await readFleetFile(file, session.io, wanted);
  if (!read.ok) return read;
  const [deployment, ...more] = read.value;
  if (more.length > 0) {
    return usage(
      `${file} holds ${more.length + 1} deployments`,
      "add several with: holdfast apply -f",
    );
  }
  const client = await session.client();
  if (!client.ok) return client;
  const wish = { unknownProperties };
  const plan = await client.value.planDeployment(deployment, wish);
  if (!plan.ok) return failOfApi(plan.error);
  if (dryRunSchema.parse(options).dryRun) {
    session.print(plan.body, () => `${planText(deployment.name, plan.value)}nothing was changed\n`);
    return ok(plan.value.canEnd ? 0 : 1);
  }
  // To standard error: what is printed for scripts is the deployment.
  session.io.stderr.write(planText(deployment.name, plan.value));
  const answer = await client.value.putDeployment(deployment, wish);
  if (!answer.ok) return failOfApi(answer.error);
  tellWarnings(session, answer.value.warnings);
  const { name, generation } = answer.value;
  const flags = waitFlagsOf(options);
  if (flags.wait) {
    const followed = await followDeployment(session, client.value, { name, ...flags });
    if (!followed.ok) return followed;
  }
  const next = flags.wait ? "" : `; follow it with: holdfast deployment status ${name} --watch`;
  session.print(answer.body, () => `deployment ${name} is at generation ${generation}${next}\n`);
  return done;
}

async function listDeployments(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.deployments();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => {
    const { items } = answer.value;
    if (items.length === 0) {
      return "no deployments yet; add one with: holdfast deployment add -f FILE\n";
    }
    return session.table(
      ["DEPLOYMENT", "SERVICE", "VERSIONS", "INSTANCES", "ROLLOUT"],
      items.map((item) => [
        item.name,
        item.config.service,
        item.config.versions.map(({ version }) => version).join(", "),
        item.removing ? `${countsText(item.instances)}, being removed` : countsText(item.instances),
        item.rollout === undefined ? "-" : `${item.rollout.number}: ${item.rollout.state}`,
      ]),
    );
  });
  return done;
}

async function showDeployment(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.deployment(argumentAt(values, 0));
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => describe(session, answer.value));
  return done;
}

function describe(session: Session, deployment: DeploymentResource): string {
  const { name: _name, service, versions, ...config }: DeploymentConfig = deployment.config;
  const { generation, addedAtMs, by, rollout } = deployment;
  return describeLines(session, [
    ["deployment", deployment.removing ? `${deployment.name}, being removed` : deployment.name],
    ["service", service],
    ["versions", versions.map(({ version }) => version).join(", then ")],
    ["instances", countsText(deployment.instances)],
    ["rollout", rollout === undefined ? "none yet" : rolloutText(session, rollout)],
    ["generation", `${generation}, added ${formatInstant(addedAtMs)}, last changed by ${by}`],
    ["revision", String(deployment.revision)],
    ...fieldLines("content", { versions, ...config }),
  ]);
}

const showStatus = deploymentStatusCommand((session, { deployment, instances }) => {
  const { rollout } = deployment;
  const head = rollout === undefined ? "no rollout yet" : rolloutText(session, rollout);
  return `${instancesTable(session, instances)}${head}\n`;
});

async function removeDeployment(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeDeployment(name);
  if (!answer.ok) return failOfApi(answer.error);
  const flags = waitFlagsOf(options);
  if (flags.wait) {
    const followed = await followDeployment(session, client.value, { name, ...flags });
    if (!followed.ok) return followed;
  }
  const { healthy, changing, failed, offline } = answer.value.instances;
  const left = healthy + changing + failed + offline;
  session.print(answer.body, () =>
    flags.wait
      ? `deployment ${name} is gone\n`
      : `deployment ${name} is being removed: ${left} instances are stopped; follow it with: holdfast deployment status ${name} --watch\n`,
  );
  return done;
}
