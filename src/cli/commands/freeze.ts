/** `cluster freeze` and `cluster unfreeze`: nobody changes anything for a while. */
import type { Command } from "commander";
import * as z from "zod";
import type { FreezeResource } from "../../wire/api.ts";
import { type CommandContext, durationOption } from "../command-context.ts";
import { done, failOfApi, type Outcome } from "../failure.ts";
import { formatInstant } from "../format/quantity.ts";
import type { Session } from "../session.ts";

const freezeHelp = `
Reads, logins and what machines do go on. Services of lost nodes are recovered all the same, unless with --no-failover;
rollouts, upgrades of agents, rebalancing and purges begin nothing new. A freeze that there is already is replaced.`;

/** Hangs the two verbs into `cluster`. */
export function addFreezeCommands(cluster: Command, context: CommandContext): void {
  const freeze = cluster
    .command("freeze")
    .description("have all changes by people refused, until that is ended")
    .addOption(durationOption("--for <duration>", "it ends by itself after, e.g. 1h"))
    .option("--reason <text>", "for those who are refused")
    .option("--no-failover", "nothing is fenced, recovered or moved either")
    .addHelpText("after", freezeHelp);
  context.handle(freeze, freezeCluster);
  const unfreeze = cluster.command("unfreeze").description("end a freeze, whoever it is of");
  context.handle(unfreeze, unfreezeCluster);
}

const freezeSchema = z.object({
  for: z.number().optional(),
  reason: z.string().optional(),
  failover: z.boolean(),
});

async function freezeCluster(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { for: forMs, reason, failover } = freezeSchema.parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.freeze({
    failover,
    ...(forMs === undefined ? {} : { forMs }),
    ...(reason === undefined ? {} : { reason }),
  });
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => textOfFreeze(answer.value));
  return done;
}

async function unfreezeCluster(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.unfreeze();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => textOfFreeze(answer.value));
  return done;
}

/** Whether the cluster is frozen, by whom, why and until when. */
export function textOfFreeze(freeze: FreezeResource): string {
  if (!freeze.frozen) return "the cluster is not frozen\n";
  const what = freeze.failover
    ? "failover goes on"
    : "nothing is fenced, recovered or moved either";
  return `the cluster is ${wordsOfFreeze(freeze)}\n  changes are refused, ${what}; end it with: holdfast cluster unfreeze\n`;
}

/** A freeze in words, e.g. `frozen by ada until 2027-01-04 12:00:00: upgrade`. */
export function wordsOfFreeze({ by = "", reason, untilMs }: FreezeResource): string {
  const until = untilMs === undefined ? "" : ` until ${formatInstant(untilMs)}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return `frozen by ${by}${until}${why}`;
}
