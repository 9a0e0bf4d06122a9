/** `whatif`: what would become of the services if nodes were lost, or went into maintenance. Changes nothing. */
import type { Command } from "commander";
import * as z from "zod";
import { parseNodeId } from "../../../core/ids.ts";
import { ok, type Result } from "../../../core/result.ts";
import type { Action } from "../../../sim/plan.ts";
import type { ClusterFacts } from "../../../sim/whatif/cluster-plan.ts";
import type { Forecast } from "../../../sim/whatif/forecast.ts";
import type { FreezeResource } from "../../../wire/api.ts";
import { type CommandContext, repeatedOption } from "../../command-context.ts";
import { type Failure, fail, type Outcome, usage } from "../../failure.ts";
import type { Session } from "../../session.ts";
import { wordsOfFreeze } from "../freeze.ts";
import { play, readFacts, startTimeMsDefault, startTimeOption } from "./play.ts";
import { textOfForecast } from "./text.ts";

const helpAfter = `
All nodes that are named are lost, or go into maintenance, at the same moment. The decisions are those of the code that
runs the cluster, played on its present state; the times are estimates.
Exit codes: 0 every service has a place, 1 some would not run any more, or every node that is online was named with
--lose, 3 there is no such node, 5 maintenance of a node that is not online, or of a frozen cluster.

Examples:
  holdfast whatif --lose node3
  holdfast whatif --lose node1 --lose node2 --start-time 10s
  holdfast whatif --maintenance node2 -o json`;

/** Hangs `whatif` into the program. */
export function addWhatifCommand(program: Command, context: CommandContext): void {
  const whatif = program
    .command("whatif")
    .description("what would happen if nodes were lost or in maintenance; changes nothing")
    .addOption(repeatedOption("--lose <node>", "it loses power (again for more)"))
    .addOption(repeatedOption("--maintenance <node>", "it goes into maintenance (again for more)"))
    .addOption(startTimeOption())
    .addHelpText("after", helpAfter);
  context.handle(whatif, runWhatif);
}

const optionsSchema = z.object({
  lose: z.array(z.string()).default([]),
  maintenance: z.array(z.string()).default([]),
  startTime: z.number().default(startTimeMsDefault),
});

/** What a person asks, each node once. */
interface Question {
  readonly lose: readonly string[];
  readonly maintenance: readonly string[];
  readonly startTimeMs: number;
}

async function runWhatif(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { lose, maintenance, startTime } = optionsSchema.parse(options);
  const question: Question = {
    lose: [...new Set(lose)],
    maintenance: [...new Set(maintenance)],
    startTimeMs: startTime,
  };
  const asked = checkQuestion(question);
  if (!asked.ok) return asked;
  const client = await session.client();
  if (!client.ok) return client;
  const facts = await readFacts(client.value);
  if (!facts.ok) return facts;
  const actions = actionsOf(question, facts.value);
  if (!actions.ok) return actions;
  const played = await play(facts.value, {
    startTimeMs: question.startTimeMs,
    spared: new Set(question.lose),
    actions: actions.value,
  });
  if (!played.ok) return played;
  tell(session, question, facts.value, played.value);
  return ok(played.value.down.some(({ wasDown }) => !wasDown) ? 1 : 0);
}

function checkQuestion({ lose, maintenance }: Question): Result<void, Failure> {
  if (lose.length + maintenance.length === 0) {
    return usage("no node is named", "write: holdfast whatif --lose NODE, or --maintenance NODE");
  }
  const twice = lose.find((node) => maintenance.includes(node));
  if (twice === undefined) return ok(undefined);
  return usage(
    `${twice} is named with --lose and with --maintenance`,
    "a lost node cannot be in maintenance too: name it once",
  );
}

/** What is done to the nodes; those that are lost or in maintenance already are left as they are. */
function actionsOf(question: Question, facts: ClusterFacts): Result<readonly Action[], Failure> {
  const nodes = new Map(facts.status.nodes.map((node) => [node.id, node]));
  const { freeze } = facts.status;
  const actions: Action[] = [];
  for (const name of [...question.lose, ...question.maintenance]) {
    const known = nodes.get(name);
    const id = parseNodeId(name);
    if (known === undefined || !id.ok) {
      const names = [...nodes.keys()].join(", ") || "none";
      return fail(3, `there is no node "${name}"`, `the cluster's nodes: ${names}`);
    }
    if (question.lose.includes(name)) {
      if (known.leased) actions.push({ kind: "power", node: id.value, on: false });
    } else if (known.state === "online" && freeze?.frozen === true) {
      const why = `the cluster is ${wordsOfFreeze(freeze)}; maintenance would be refused`;
      return fail(5, why, "ask again after: holdfast cluster unfreeze");
    } else if (known.state === "online") {
      actions.push({ kind: "maintenance", node: id.value, on: true });
    } else if (known.state !== "maintenance") {
      return fail(
        5,
        `${name} is ${known.state}: maintenance can be asked of an online node only`,
        "see: holdfast node list",
      );
    }
  }
  const online = facts.status.nodes.filter(({ leased }) => leased);
  if (online.length > 0 && online.every(({ id }) => question.lose.includes(id))) {
    return fail(
      1,
      "every node that is online would be lost: no service would run anywhere until one is back",
      "leave at least one out",
    );
  }
  return ok(actions);
}

function tell(
  session: Session,
  { lose, maintenance, startTimeMs }: Question,
  facts: ClusterFacts,
  forecast: Forecast,
): void {
  const notes = [...notesOf(facts, { lose, maintenance }), ...forecast.notes];
  const told = { ...forecast, notes };
  session.print({ lose, maintenance, startTimeMs, ...told }, () => {
    const deeds = [
      ...(lose.length > 0 ? [`${lose.join(" and ")} lost power`] : []),
      ...(maintenance.length > 0 ? [`${maintenance.join(" and ")} went into maintenance`] : []),
    ];
    return `if ${deeds.join(" and ")} now:\n${textOfForecast(session, told, { facts, startTimeMs, losesNodes: lose.length > 0 })}`;
  });
}

/** What a person should know of the cluster before believing the answer. */
function notesOf(
  { status }: ClusterFacts,
  { lose, maintenance }: Pick<Question, "lose" | "maintenance">,
): readonly string[] {
  const named = (isMeant: (node: (typeof status.nodes)[number]) => boolean): readonly string[] =>
    status.nodes.filter(isMeant).map(({ id }) => id);
  const lost = named(({ id, leased }) => lose.includes(id) && !leased);
  const resting = named(({ id, state }) => maintenance.includes(id) && state === "maintenance");
  return [
    ...lost.map((node) => `${node} is lost already: it holds no lease`),
    ...resting.map((node) => `${node} is in maintenance already`),
    ...named(({ mode }) => mode === "offline").map(
      (node) => `${node} is offline by a person's word: its services are left alone`,
    ),
    ...(status.arming.mode === "armed"
      ? []
      : [`the cluster is disarmed (${status.arming.mode}): it would not act until it is armed`]),
    ...(status.freeze?.frozen === true ? [frozenNote(status.freeze)] : []),
    ...(status.manager === undefined
      ? ["no server is manager at the moment; the play has one that decides at once"]
      : []),
  ];
}

function frozenNote(freeze: FreezeResource): string {
  const what = freeze.failover
    ? "failover goes on, nothing else is moved"
    : "nothing would be fenced, recovered or moved until that ends";
  return `the cluster is ${wordsOfFreeze(freeze)}; ${what}`;
}
