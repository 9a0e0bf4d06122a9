/** The command line from its words to its exit code; a failure is one line on standard error. */
import { type Command, CommanderError } from "commander";
import { CommandContext } from "./command-context.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { coloursOf } from "./format/colours.ts";
import { oneLine } from "./format/text-width.ts";
import type { CliIo } from "./io.ts";
import { buildProgram } from "./program.ts";
import type { Roles } from "./roles.ts";

/** Runs one command. Bugs throw; all else ends with an exit code. */
export async function runCli(words: readonly string[], io: CliIo, roles: Roles): Promise<number> {
  const context = new CommandContext(io, roles);
  const program = buildProgram(context);
  try {
    await program.parseAsync([...words], { from: "user" });
  } catch (error: unknown) {
    if (!(error instanceof CommanderError)) throw error;
    return endOfCommander(error, program, words, io);
  }
  if (context.outcome.ok) return context.outcome.value;
  printFailure(io, context.outcome.error);
  return context.outcome.error.exitCode;
}

function printFailure(io: CliIo, failure: Failure): void {
  const name = coloursOf(io.stderr, io.environment).paint("red", "holdfast:");
  const hint = failure.hint === undefined ? "" : `; ${failure.hint}`;
  io.stderr.write(`${name} ${oneLine(`${failure.what}${hint}`)}\n`);
}

/** Help and version end well; everything else that commander throws is wrong usage. */
function endOfCommander(
  error: CommanderError,
  program: Command,
  words: readonly string[],
  io: CliIo,
): ExitCode {
  if (error.exitCode === 0) return 0;
  if (error.code === "commander.help") return 2; // the help is already printed
  const what = error.message.replace(/^error: /, "").replace(/\.$/, "");
  const command = commandOf(program, words);
  const see = `see: ${command.path.join(" ")} --help`;
  // Most often such a flag was meant for the program of a service.
  const isStray = error.code === "commander.unknownOption" && command.takesArguments;
  const hint = isStray ? `flags of its program follow after --; ${see}` : see;
  printFailure(io, { exitCode: 2, what, hint });
  return 2;
}

interface NamedCommand {
  /** Its words, e.g. `holdfast`, `service`, `add`. */
  readonly path: readonly string[];
  /** It takes any number of arguments for a program of the person's own. */
  readonly takesArguments: boolean;
}

/** The command that the words lead to, as far as they name one. */
function commandOf(program: Command, words: readonly string[]): NamedCommand {
  let command = program;
  const path = ["holdfast"];
  for (const word of words) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) continue;
    command = next;
    path.push(word);
  }
  return { path, takesArguments: command.registeredArguments.some(({ variadic }) => variadic) };
}
