/** `exec`: a command beside a service, on whichever node it is at the moment. */
import { constants } from "node:os";
import type { Command } from "commander";
import * as z from "zod";
import { assertNever } from "../../../core/assert.ts";
import { ok } from "../../../core/result.ts";
import { type ExecEnd, execTimeoutRange } from "../../../wire/exec/messages.ts";
import {
  argumentAt,
  type CommandContext,
  durationOption,
  repeatedOption,
} from "../../command-context.ts";
import { done, fail, failOfApi, type Outcome, usage } from "../../failure.ts";
import type { Session } from "../../session.ts";

const helpAfter = `
It runs as the service's user, in its directory and environment, and among its processes; it ends with the service,
with its time, and with this command (Ctrl-C). Standard input is passed on unless it is a terminal. There is no
interactive terminal (no -t).
Exit code: the command's own, 128 + N when signal N killed it, 124 when its time was over. What Holdfast itself says
is on standard error, after "holdfast:": 125 it was not run, or was cut short; 126 the program cannot be run; 127 there
is no such program; a command that exits with one of these codes itself looks the same.`;

/** Hangs the command into the program. */
export function addExecCommand(program: Command, context: CommandContext): void {
  const exec = program
    .command("exec")
    .description("run a command beside a service, on its node")
    .argument("<service>")
    .argument("<command...>", "the program and its arguments, after --")
    .addOption(
      durationOption(
        "--timeout <duration>",
        "killed after so long (default: 60s)",
        execTimeoutRange,
      ),
    )
    .addOption(repeatedOption("--env <NAME=VALUE>", "added to the service's environment"))
    .option("--no-stdin", "do not pass standard input on, e.g. in a loop that reads it itself")
    .addHelpText("after", helpAfter);
  context.handle(exec, execute);
}

const optionsSchema = z.object({
  timeout: z.number().default(60_000),
  env: z.array(z.string()).default([]),
  stdin: z.boolean().default(true),
});

async function execute(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { timeout: timeoutMs, env, stdin } = optionsSchema.parse(options);
  const [service, ...command] = [argumentAt(values, 0), ...values.slice(1)];
  const environment: Record<string, string> = {};
  for (const text of env) {
    const at = text.indexOf("=");
    if (at < 1) return usage(`--env "${text}" sets nothing`, "write --env NAME=VALUE");
    environment[text.slice(0, at)] = text.slice(at + 1);
  }
  const client = await session.client();
  if (!client.ok) return client;
  const { bytes, signal } = session.io;
  let isUnread = false;
  const answer = await client.value.exec(service, {
    request: { command, environment, timeoutMs },
    input: stdin ? bytes.input() : undefined,
    async output(stream, data) {
      await bytes.write(stream, data).catch((error: unknown) => {
        isUnread = true;
        throw error;
      });
    },
    signal,
  });
  if (isUnread) return done; // whoever read the output has enough of it
  if (answer.ok) return outcomeOf(answer.value, service);
  const failed = failOfApi(answer.error);
  const { exitCode } = failed.error;
  return exitCode === 130 || exitCode === 2
    ? failed
    : { ok: false, error: { ...failed.error, exitCode: 125 } };
}

function outcomeOf(end: ExecEnd, service: string): Outcome {
  switch (end.kind) {
    case "exited":
      return ok(end.code);
    case "killed":
      return ok(128 + (signalNumbers.get(end.signal) ?? 0));
    case "timed-out":
      return fail(124, `the command took too long: ${end.message}`, "give it more with --timeout");
    case "not-found":
      return fail(127, end.message);
    case "not-executable":
      return fail(126, end.message);
    case "failed":
      return fail(125, end.message, `look with: holdfast service show ${service}`);
    default:
      return assertNever(end);
  }
}

const signalNumbers = new Map<string, number>(Object.entries(constants.signals));
