/** `events`: what happened and why. */
import type { Command, Option } from "commander";
import * as z from "zod";
import type { Client } from "../../client/client.ts";
import { compareIds } from "../../core/ids.ts";
import { type EventResource, pageRange } from "../../wire/api.ts";
import { type CommandContext, countOption } from "../command-context.ts";
import { done, failOfApi, type Outcome } from "../failure.ts";
import { formatInstant } from "../format/quantity.ts";
import { oneLine } from "../format/text-width.ts";
import type { Session } from "../session.ts";

/** Hangs `events` into the program. */
export function addEventCommands(program: Command, context: CommandContext): void {
  const events = program
    .command("events")
    .description("what happened and why, oldest first")
    .option("--follow", "go on with new events")
    .option(
      "--subject <id>",
      "only of this one: a service, node or deployment by name, server/ID, or cluster",
    )
    .addOption(limitOption());
  context.handle(events, showEvents);
}

function limitOption(): Option {
  return countOption("--limit <count>", "how many of the latest (default: 50)", pageRange);
}

const eventsSchema = z.object({
  follow: z.boolean().default(false),
  subject: z.string().optional(),
  limit: z.number().default(50),
});

async function showEvents(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { follow, subject, limit } = eventsSchema.parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.events({ limit, subject });
  if (!answer.ok) return failOfApi(answer.error);
  const events = [...answer.value.items].sort((left, right) =>
    compareIds(left.sequence, right.sequence),
  );
  if (!follow) {
    session.print(answer.body, () => linesOf(session, events, subject));
    return done;
  }
  for (const event of events) session.printNext(event, () => lineOf(session, event));
  return followEvents(session, client.value, subject, answer.value.revision);
}

function linesOf(
  session: Session,
  events: readonly EventResource[],
  subject: string | undefined,
): string {
  if (events.length > 0) return events.map((event) => lineOf(session, event)).join("");
  return `no events${subject === undefined ? "" : ` of ${subject}`} yet\n`;
}

async function followEvents(
  session: Session,
  client: Client,
  subject: string | undefined,
  after: number,
): Promise<Outcome> {
  const watch = client.watch({ kinds: ["event"], after, signal: session.io.signal });
  for await (const update of watch) {
    if (!update.ok) return failOfApi(update.error);
    const { value } = update;
    if (value.kind === "lost")
      session.io.stderr.write(`${value.error.message}; connecting again\n`);
    if (value.kind !== "event") continue;
    if (subject !== undefined && value.resource.subject !== subject) continue;
    session.printNext(value.resource, () => lineOf(session, value.resource));
  }
  return done;
}

/** An event in fixed columns: when, what it is about, what happened and why. */
export function lineOf(session: Session, event: EventResource): string {
  const when = session.colours.paint("dim", formatInstant(event.atMs));
  return `${when}  ${event.subject.padEnd(16)}  ${oneLine(event.sentence)}\n`;
}
