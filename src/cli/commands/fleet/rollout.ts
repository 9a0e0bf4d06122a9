/** `rollout ...`: how a change of a deployment goes over the nodes, and orders about it. */
import type { Command } from "commander";
import { type RolloutOrder, rolloutOrders } from "../../../core/fleet/model/rollout.ts";
import { argumentAt, type CommandContext } from "../../command-context.ts";
import { done, failOfApi, type Outcome } from "../../failure.ts";
import { formatInstant, formatSpan } from "../../format/quantity.ts";
import type { Session } from "../../session.ts";
import { instancesTable, progressText, rolloutText } from "./show/fleet-text.ts";
import { deploymentStatusCommand } from "./show/status.ts";

const orderWords: Readonly<Record<RolloutOrder, string>> = {
  pause: "begin nothing more; what is under way ends",
  resume: "go on with a rollout that was paused",
  abort: "take back what was changed, one after the other as in the rollout",
};

/** Hangs `rollout` and its verbs into the program. */
export function addRolloutCommands(program: Command, context: CommandContext): void {
  const rollout = program
    .command("rollout")
    .description("changes of deployments on their way over the nodes");
  const status = rollout
    .command("status")
    .description("how far the latest rollout is, and what each instance waits for")
    .argument("<deployment>")
    .option("--watch", "follow it until it is over, with progress");
  context.handle(status, showStatus);
  for (const order of rolloutOrders) {
    const command = rollout.command(order).description(orderWords[order]).argument("<deployment>");
    context.handle(command, (session, values) => giveOrder(session, values, order));
  }
  const history = rollout
    .command("history")
    .description("the rollouts of a deployment, newest first")
    .argument("<deployment>");
  context.handle(history, showHistory);
}

const showStatus = deploymentStatusCommand((session, { deployment, instances }, name) => {
  const { rollout } = deployment;
  return rollout === undefined
    ? `${name} has had no rollout yet: its instances are started without one\n`
    : `${rolloutText(session, rollout)}\n${instancesTable(session, instances)}`;
});

async function giveOrder(
  session: Session,
  values: readonly string[],
  order: RolloutOrder,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.orderRollout(name, order);
  if (!answer.ok) return failOfApi(answer.error);
  const { outcome, rollout } = answer.value;
  session.print(answer.body, () =>
    outcome === "pending" || rollout === undefined
      ? `the order is written; no manager has taken it up yet, see: holdfast rollout status ${name}\n`
      : `${rolloutText(session, rollout)}\n`,
  );
  return done;
}

async function showHistory(session: Session, values: readonly string[]): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.rollouts(name);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => {
    const { items } = answer.value;
    if (items.length === 0) return `${name} has had no rollout yet\n`;
    return session.table(
      ["ROLLOUT", "VERSION", "STATE", "STARTED", "TOOK", "PROGRESS", "WHY"],
      items.map((item) => [
        String(item.number),
        item.version,
        item.state,
        formatInstant(item.startedAtMs),
        item.endedAtMs === undefined ? "-" : formatSpan(item.endedAtMs - item.startedAtMs),
        progressText(item),
        item.because,
      ]),
    );
  });
  return done;
}
