/** `why`: why a service is where it is, what stands against other nodes, and what a person can do. */
import type { Command } from "commander";
import type { Why } from "../../wire/api.ts";
import { argumentAt, type CommandContext } from "../command-context.ts";
import { done, failOfApi, type Outcome } from "../failure.ts";
import { oneLine } from "../format/text-width.ts";
import type { Session } from "../session.ts";
import { lineOf } from "./events.ts";

/** Hangs `why` into the program. */
export function addWhyCommand(program: Command, context: CommandContext): void {
  const why = program
    .command("why")
    .description("why a service is where it is, and what can be done")
    .argument("<service>");
  context.handle(why, showWhy);
}

async function showWhy(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.why(argumentAt(values, 0));
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => textOf(session, answer.value));
  return done;
}

function textOf(session: Session, why: Why): string {
  const verdicts = why.nodes.map((node) => [node.node, node.verdict, node.sentence]);
  const rules = why.rules.map((sentence) => `  ${oneLine(sentence)}\n`);
  const next = why.next.map((command) => `  ${oneLine(command)}\n`);
  const history = why.history.map((event) => `  ${lineOf(session, event)}`);
  return [
    `${oneLine(why.summary)}\n`,
    ...(why.rules.length > 0 ? ["\nrules:\n", ...rules] : []),
    ...(verdicts.length > 0 ? ["\n", session.table(["NODE", "VERDICT", "BECAUSE"], verdicts)] : []),
    ...(next.length > 0 ? ["\nnext:\n", ...next] : []),
    ...(history.length > 0 ? ["\nlatest decisions, newest first:\n", ...history] : []),
  ].join("");
}
