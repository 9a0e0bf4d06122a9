/** How every change of a service ends: with what was done and what to look at next, after a wait if one is asked for. */
import type { Command } from "commander";
import { Option } from "commander";
import * as z from "zod";
import type { Client } from "../../../client/client.ts";
import { durationOption } from "../../command-context.ts";
import { done, type Outcome } from "../../failure.ts";
import { formatSpan } from "../../format/quantity.ts";
import { oneLine } from "../../format/text-width.ts";
import type { Session } from "../../session.ts";
import { type Goal, waitForGoals, waitMsDefault, waitMsMax } from "../../wait.ts";

/** What `--wait` and its time say. */
export interface WaitFlags {
  readonly wait: boolean;
  readonly timeoutMs: number;
}

const waitSchema = z.object({
  wait: z.boolean().default(false),
  waitTimeout: z.number().optional(),
});

/** Gives a command `--wait` and the time for it (`--timeout`, or another name where that is taken). */
export function addWaitFlags(command: Command, timeoutFlag = "--timeout"): void {
  command.addOption(new Option("--wait", "follow it until it is done, with progress"));
  const option = durationOption(
    `${timeoutFlag} <duration>`,
    `of --wait (default: ${waitMsDefault / 1_000}s)`,
    { min: 0, max: waitMsMax },
  );
  option.attributeName = () => "waitTimeout";
  command.addOption(option);
}

/** Reads the flags of `addWaitFlags`. */
export function waitFlagsOf(options: unknown): WaitFlags {
  const { wait, waitTimeout } = waitSchema.parse(options);
  return { wait, timeoutMs: waitTimeout ?? waitMsDefault };
}

export interface Change {
  readonly service: string;
  /** The server's answer, for `-o json|yaml`. */
  readonly body: unknown;
  /** What was done, e.g. `process:api is added`. */
  readonly sentence: string;
  /** What to look at next. */
  readonly next: string;
  /** What `--wait` waits for; undefined: nothing is to be waited for. */
  readonly goal: Goal | undefined;
}

/** Prints a change that was made, waiting for its end first where that is asked for. */
export async function finishChange(
  session: Session,
  client: Client,
  change: Change,
  flags: WaitFlags,
): Promise<Outcome> {
  if (!flags.wait || change.goal === undefined) {
    session.print(change.body, () => `${change.sentence}; ${change.next}\n`);
    return done;
  }
  const waited = await waitForGoals(session, client, [change.goal], flags);
  if (!waited.ok) return waited;
  const after = await client.service(change.service);
  const place = after.ok && after.value.node !== undefined ? ` on ${after.value.node}` : "";
  const state = after.ok ? `${after.value.state}${place}` : "gone";
  session.print(
    after.ok ? after.body : change.body,
    () => `${change.sentence}: it is ${state} after ${formatSpan(waited.value)}\n`,
  );
  return done;
}

/** Tells what a person should know of a change that was made all the same. */
export function tellWarnings(session: Session, warnings: readonly string[] | undefined): void {
  for (const warning of warnings ?? []) session.io.stderr.write(`warning: ${oneLine(warning)}\n`);
}

/** The sentence that leads on after a change. */
export function follow(service: string): string {
  return `follow it with: holdfast service show ${service}`;
}
