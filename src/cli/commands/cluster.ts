/** `cluster ...`: what concerns all nodes and services: suspending the cluster's own decisions. */
import { Argument, type Command } from "commander";
import * as z from "zod";
import type { Client } from "../../client/client.ts";
import type { ArmingResource } from "../../wire/api.ts";
import { argumentAt, type CommandContext } from "../command-context.ts";
import { done, failOfApi, type Outcome } from "../failure.ts";
import { formatSpan } from "../format/quantity.ts";
import type { Session } from "../session.ts";
import { waitForArming } from "../wait-cluster.ts";
import { addFreezeCommands } from "./freeze.ts";
import { addWaitFlags, waitFlagsOf } from "./service/change.ts";

const disarmHelp = `
freeze  services run on and are frozen; nothing is moved, recovered or fenced
ignore  services are left alone in whatever state they are; a person may move them by hand`;

/** Hangs `cluster` and its verbs into the program. */
export function addClusterCommands(program: Command, context: CommandContext): void {
  const cluster = program.command("cluster").description("what concerns all nodes and services");
  const disarm = cluster
    .command("disarm")
    .description("suspend all decisions, e.g. for work on the network; services run on")
    .addArgument(new Argument("<freeze|ignore>").choices(["freeze", "ignore"]))
    .option("--reason <text>", "for those who wonder why")
    .addHelpText("after", disarmHelp);
  addWaitFlags(disarm);
  context.handle(disarm, disarmCluster);
  const arm = cluster.command("arm").description("take all decisions up again");
  context.handle(arm, armCluster);
  addFreezeCommands(cluster, context);
}

const disarmSchema = z.object({ reason: z.string().optional() });

async function disarmCluster(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { reason } = disarmSchema.parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  const mode = argumentAt(values, 0) === "freeze" ? "freeze" : "ignore";
  const said = reason === undefined ? {} : { reason };
  const answer = await client.value.putArming({ mode, ...said });
  if (!answer.ok) return failOfApi(answer.error);
  const flags = waitFlagsOf(options);
  if (flags.wait) return await finishDisarming(session, client.value, flags.timeoutMs);
  session.print(answer.body, () => textOfArming(answer.value));
  return done;
}

async function finishDisarming(
  session: Session,
  client: Client,
  timeoutMs: number,
): Promise<Outcome> {
  const waited = await waitForArming(session, client, { state: "disarmed", timeoutMs });
  if (!waited.ok) return waited;
  const after = await client.arming();
  if (!after.ok) return failOfApi(after.error);
  session.print(
    after.body,
    () => `the cluster is ${after.value.state} after ${formatSpan(waited.value)}\n`,
  );
  return done;
}

/** What the cluster's arming is, and what holds it up. */
export function textOfArming(arming: ArmingResource): string {
  if (arming.state === "armed") return "the cluster is armed: it acts by itself\n";
  const why = arming.reason === undefined ? "" : `: ${arming.reason}`;
  const by = arming.by === undefined ? "" : `, by ${arming.by}`;
  return [
    `the cluster is ${arming.state} (${arming.mode}${by})${why}; end it with: holdfast cluster arm\n`,
    ...arming.waitsFor.map((sentence) => `  waits: ${sentence}\n`),
  ].join("");
}

async function armCluster(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.putArming({ mode: "armed" });
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => textOfArming(answer.value));
  return done;
}
