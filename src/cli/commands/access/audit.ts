/** `audit`: who changed what, from where. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import * as z from "zod";
import type { Client } from "../../../client/client.ts";
import { type AuditResource, pageRange } from "../../../wire/api.ts";
import { type CommandContext, countOption, durationOption } from "../../command-context.ts";
import { done, failOfApi, type Outcome } from "../../failure.ts";
import { formatInstant } from "../../format/quantity.ts";
import { oneLine } from "../../format/text-width.ts";
import type { Session } from "../../session.ts";

/** How long one request waits for the next entry. */
const waitMs = 20_000;
/** Before a server that was lost is asked again. */
const pauseMs = 1_000;

/** Hangs `audit` into the program. */
export function addAuditCommands(program: Command, context: CommandContext): void {
  const audit = program.command("audit").description("who changed what");
  const list = audit
    .command("list", { isDefault: true })
    .description("changes that were asked for, oldest first")
    .option("--follow", "go on with new ones")
    .addOption(durationOption("--since <duration>", "only those of the last, e.g. 2h"))
    .addOption(
      countOption(
        "--limit <count>",
        "how many of the latest (default: 50; with --since 1000)",
        pageRange,
      ),
    );
  context.handle(list, listAudit);
}

const listSchema = z.object({
  follow: z.boolean().default(false),
  since: z.number().optional(),
  limit: z.number().optional(),
});

async function listAudit(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { follow, since, limit } = listSchema.parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.audit({
    limit: limit ?? (since === undefined ? 50 : pageRange.max),
    sinceMs: since === undefined ? undefined : Math.max(0, session.io.nowMs() - since),
  });
  if (!answer.ok) return failOfApi(answer.error);
  const entries = inOrder(answer.value.items);
  if (!follow) {
    session.print(answer.body, () =>
      entries.length === 0
        ? `nothing was changed by a person ${since === undefined ? "yet" : "since then"}\n`
        : entries.map((entry) => lineOf(session, entry)).join(""),
    );
    return done;
  }
  for (const entry of entries) session.printNext(entry, () => lineOf(session, entry));
  return await followAudit(session, client.value, answer.value.revision);
}

async function followAudit(session: Session, client: Client, from: number): Promise<Outcome> {
  const { signal, stderr } = session.io;
  let after = from;
  while (!signal.aborted) {
    const answer = await client.audit({ after, waitMs, limit: pageRange.max });
    if (answer.ok) {
      const entries = inOrder(answer.value.items);
      for (const entry of entries) session.printNext(entry, () => lineOf(session, entry));
      after = answer.value.revision;
      continue;
    }
    const { kind, code, message } = answer.error;
    if (kind === "aborted") break;
    if (kind === "bad-answer" || (kind === "problem" && code !== "unavailable")) {
      return failOfApi(answer.error);
    }
    stderr.write(`${message}; asking again\n`);
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined); // the loop looks at the signal
  }
  return done;
}

/** Oldest first. The answer is newest first, which is all that is known of entries that were written at once. */
function inOrder(items: readonly AuditResource[]): AuditResource[] {
  return items.toReversed().sort((left, right) => left.revision - right.revision);
}

/** Its detail can be long: lines, as for events, and no table that cuts it off. */
function lineOf(session: Session, entry: AuditResource): string {
  const when = session.colours.paint("dim", formatInstant(entry.atMs));
  const detail = entry.detail === "" ? "" : `: ${entry.detail}`;
  const what = `${entry.action} ${entry.subject} by ${entry.who} from ${entry.from}${detail}`;
  return `${when}  ${oneLine(what)}\n`;
}
