/** `node disable|flush|offline|enable`: what a person wants of a node as a whole. */
import type { Command } from "commander";
import type { NodeModeAnswer, NodeModeRequest } from "../../wire/api.ts";
import { argumentAt, type CommandContext } from "../command-context.ts";
import { done, failOfApi, type Outcome } from "../failure.ts";
import { formatSpan } from "../format/quantity.ts";
import type { Session } from "../session.ts";
import { waitForFlush } from "../wait-cluster.ts";
import { addWaitFlags, waitFlagsOf } from "./service/change.ts";

type Order = NodeModeRequest["order"];

/** Services that are named where they stay on a flushed node; the rest is counted. */
const namedMax = 10;

const descriptions: Readonly<Record<Order, string>> = {
  disable: "have a node take no new services; what is there stays, and is looked after",
  flush: "have a node's services move away and stay away, until it is enabled",
  offline: "leave a node and its services alone: it is not watched until it is enabled",
  enable: "have a node take services, and be watched, as any other",
};

const sentences: Readonly<Record<Order, string>> = {
  disable: "is disabled: it takes no new services; what is there stays, and is looked after",
  flush: "is flushed: its services move away and stay away until it is enabled",
  offline:
    "is offline: nothing is done about its services, whatever becomes of it, until it is enabled",
  enable: "is enabled: it takes services as any other",
};

/** Hangs the four verbs into `node`. */
export function addNodeModes(node: Command, context: CommandContext): void {
  for (const order of ["disable", "offline", "enable"] as const) {
    const command = node.command(order).description(descriptions[order]).argument("<node>");
    context.handle(command, async (session, values) => orderNode(session, values, order));
  }
  const flush = node.command("flush").description(descriptions.flush).argument("<node>");
  addWaitFlags(flush);
  context.handle(flush, flushNode);
}

async function orderNode(
  session: Session,
  values: readonly string[],
  order: Exclude<Order, "flush">,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.orderNode(name, order);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => `${name} ${sentences[order]}\n`);
  return done;
}

async function flushNode(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const flags = waitFlagsOf(options);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.orderNode(name, "flush");
  if (!answer.ok) return failOfApi(answer.error);
  const { staying } = answer.value;
  if (!flags.wait) {
    const follow = "follow it with: holdfast events --follow";
    const text = `${name} ${sentences.flush}; ${follow}\n${stayingLines(staying)}`;
    session.print(answer.body, () => text);
    return done;
  }
  const stays = new Set(staying.map(({ service }) => service));
  const goal = { node: name, stays, timeoutMs: flags.timeoutMs };
  const waited = await waitForFlush(session, client.value, goal);
  if (!waited.ok) return waited;
  const left = staying.length === 0 ? "empty" : "left by all that can move";
  const text = `${name} is ${left} after ${formatSpan(waited.value)}\n${stayingLines(staying)}`;
  session.print(answer.body, () => text);
  return done;
}

/** What cannot leave, a line each. */
function stayingLines(staying: NodeModeAnswer["staying"]): string {
  const lines = staying
    .slice(0, namedMax)
    .map(({ service, because }) => `  ${service} stays: ${because}\n`);
  const restCount = staying.length - lines.length;
  return lines.join("") + (restCount > 0 ? `  and ${restCount} more\n` : "");
}
