/** `upgrade ...`: the upgrade of the control plane itself: what speaks against it, beginning it, and orders about it. */
import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import * as z from "zod";
import { ok, type Result } from "../../../core/result.ts";
import { upgradeStrategies } from "../../../core/upgrade/model.ts";
import { upgradeOrders } from "../../../core/upgrade/orders.ts";
import type { UpgradeOrderWord } from "../../../wire/control-plane/upgrades.ts";
import { type CommandContext, repeatedOption } from "../../command-context.ts";
import { done, type Failure, failOfApi, type Outcome } from "../../failure.ts";
import type { Session } from "../../session.ts";
import { pushFile } from "../bundle/push.ts";
import { followUpgrade } from "./follow.ts";
import { checkText, upgradeText } from "./upgrade-text.ts";

const orderWords: Readonly<Record<UpgradeOrderWord, string>> = {
  pause: "begin nothing more; what a server was told it still does",
  resume: "go on with an upgrade that was paused or has failed",
  abort: "take everything back, to the version of before",
};

const checkHelp = `
Nothing is begun. A file is put among the bundles, where it stays for apply; see: holdfast bundle list
Exit code: 0 when nothing blocks it, 1 when something does.`;

const applyHelp = `
--to names a package by its version or SHA-256, or is a file, which is pushed first.
The servers get the package, then go over to it one after the other, the manager's own last; then the agents, one
member of each HA group at a time. Where the store's schema changes all servers wait for that together (stop-all): the
cluster is frozen meanwhile. Services are not touched. It goes on without this command, whoever is manager.`;

/** Hangs `upgrade` and its verbs into the program. */
export function addUpgradeCommands(program: Command, context: CommandContext): void {
  const upgrade = program
    .command("upgrade")
    .description("bring servers and agents to another version of Holdfast");
  const check = upgrade
    .command("check")
    .description("say what speaks against it, before anything is touched")
    .option("--to <package>", "version or SHA-256 of a package, or a file, which is pushed first")
    .addHelpText("after", checkHelp);
  context.handle(check, checkCommand);
  const apply = upgrade
    .command("apply")
    .description("begin it, and show how it goes")
    .requiredOption("--to <package>", "version or SHA-256 of a package, or a file")
    .addOption(
      new Option("--strategy <strategy>", "default: rolling where the store allows it").choices(
        upgradeStrategies,
      ),
    )
    .addOption(repeatedOption("--pause-after <step>", "wait for resume then; may be repeated"))
    .option("--no-wait", "do not follow it")
    .addHelpText("after", applyHelp);
  context.handle(apply, applyCommand);
  const status = upgrade
    .command("status")
    .description("the one that is under way, or the last one, step by step")
    .option("--watch", "follow it until it is over or needs somebody");
  context.handle(status, statusCommand);
  for (const order of upgradeOrders) {
    const command = upgrade.command(order).description(orderWords[order]);
    context.handle(command, (session) => giveOrder(session, order));
  }
}

const checkSchema = z.object({ to: z.string().optional() });

async function checkCommand(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { to } = checkSchema.parse(options);
  const named = to === undefined ? ok(undefined) : await packageNamed(session, to);
  if (!named.ok) return named;
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.checkUpgrade(named.value);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => checkText(session, answer.value));
  return { ok: true, value: answer.value.verdict === "go" ? 0 : 1 };
}

const applySchema = z.object({
  to: z.string(),
  strategy: z.enum(upgradeStrategies).optional(),
  pauseAfter: z.array(z.string()).default([]),
  wait: z.boolean().default(true),
});

async function applyCommand(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { to, strategy, pauseAfter, wait } = applySchema.parse(options);
  const named = await packageNamed(session, to);
  if (!named.ok) return named;
  const client = await session.client();
  if (!client.ok) return client;
  const wish = { to: named.value, pauseAfter, ...(strategy === undefined ? {} : { strategy }) };
  const answer = await client.value.applyUpgrade(wish);
  if (!answer.ok) return failOfApi(answer.error);
  if (wait) return await followUpgrade(session, client.value);
  const { upgrade } = answer.value;
  session.print(answer.body, () => upgradeText(session, upgrade));
  return done;
}

/** A file of this machine is pushed first, and named by its content from then on. */
async function packageNamed(session: Session, to: string): Promise<Result<string, Failure>> {
  if (!existsSync(to)) return ok(to);
  const pushed = await pushFile(session, to);
  return pushed.ok ? ok(pushed.value.answer.value.sha256) : pushed;
}

const statusSchema = z.object({ watch: z.boolean().default(false) });

async function statusCommand(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { watch } = statusSchema.parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  if (watch) return await followUpgrade(session, client.value);
  const answer = await client.value.upgrade();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => upgradeText(session, answer.value.upgrade));
  return done;
}

async function giveOrder(session: Session, order: UpgradeOrderWord): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.orderUpgrade(order);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => upgradeText(session, answer.value.upgrade));
  return done;
}
