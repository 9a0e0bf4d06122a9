/** `completion`: the shell's own completion of commands, flags, and of names that the server knows. */
import { Argument, type Command } from "commander";
import { argumentAt, type CommandContext } from "../command-context.ts";
import { completionScripts, completionShells } from "../completion-scripts.ts";
import { done, type Outcome } from "../failure.ts";
import { oneLine } from "../format/text-width.ts";
import { connect } from "../input/connection.ts";
import type { CliIo } from "../io.ts";
import { type NameKind, type Suggestion, type Suggestions, suggest } from "../suggest.ts";

/** A person who presses Tab does not wait longer for a server that does not answer. */
const namesTimeoutMs = 800;

/** Hangs `completion` into the program, and the hidden `complete` that its scripts call. */
export function addCompletionCommands(program: Command, context: CommandContext): void {
  const completion = program
    .command("completion")
    .description("print a completion script for your shell")
    .addArgument(new Argument("<shell>").choices(completionShells))
    .addHelpText("after", "\nExample:\n  source <(holdfast completion bash)");
  context.handle(completion, (session, values) => {
    const shell = completionShells.find((known) => known === argumentAt(values, 0));
    session.io.stdout.write(shell === undefined ? "" : completionScripts[shell]);
    return Promise.resolve(done);
  });
  const complete = program
    .command("complete", { hidden: true })
    .argument("[words...]", "the command line so far, after --");
  context.handle(complete, (session, values) => answerShell(program, values, session.io));
}

/** Prints what the last word can become: a value a line, with its description after a tab. */
async function answerShell(
  program: Command,
  words: readonly string[],
  io: CliIo,
): Promise<Outcome> {
  const found = suggest(program, words);
  const current = words.at(-1) ?? "";
  const all = [...found.fixed, ...(await readNames(found, io))];
  for (const { value, description } of all) {
    const word = `${found.prefix}${value}`;
    if (word.startsWith(current)) io.stdout.write(`${word}\t${oneLine(description)}\n`);
  }
  return done;
}

/** The server's names, or none when it cannot be asked: commands and flags are completed all the same. */
async function readNames(found: Suggestions, io: CliIo): Promise<readonly Suggestion[]> {
  if (found.names === undefined) return [];
  const server = found.flags.get("--server");
  const tokenFile = found.flags.get("--token-file");
  const client = await connect({ server, tokenFile }, io, { timeoutMs: namesTimeoutMs });
  if (!client.ok) return [];
  const readers: Record<NameKind, () => Promise<readonly Suggestion[]>> = {
    services: async () => {
      const answer = await client.value.services();
      const items = answer.ok ? answer.value.items : [];
      return items.map((item) => ({ value: item.id, description: item.state }));
    },
    nodes: async () => {
      const answer = await client.value.nodes();
      const items = answer.ok ? answer.value.items : [];
      return items.map((item) => ({ value: item.id, description: item.state }));
    },
    groups: async () => {
      const answer = await client.value.groups();
      const items = answer.ok ? answer.value.items : [];
      return items.map((item) => ({ value: item.name, description: "" }));
    },
    haGroups: async () => {
      const answer = await client.value.haGroups();
      const items = answer.ok ? answer.value.items : [];
      return items.map((item) => ({ value: item.name, description: item.description }));
    },
    definitions: async () => {
      const answer = await client.value.definitions();
      const services = new Set((answer.ok ? answer.value.items : []).map(({ service }) => service));
      return [...services].map((value) => ({ value, description: "" }));
    },
    deployments: async () => {
      const answer = await client.value.deployments();
      const items = answer.ok ? answer.value.items : [];
      return items.map((item) => ({ value: item.name, description: item.config.service }));
    },
    rules: async () => {
      const answer = await client.value.rules();
      const items = answer.ok ? answer.value.items : [];
      return items.map((item) => ({ value: item.name, description: item.config.type }));
    },
  };
  return readers[found.names]();
}
