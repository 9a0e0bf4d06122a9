/** What can follow the words of a command line: read from the program itself, so that it is never out of date. */
import type { Argument, Command, Option } from "commander";

export interface Suggestion {
  readonly value: string;
  readonly description: string;
}

/** Names that only a server knows. */
export type NameKind =
  | "services"
  | "nodes"
  | "groups"
  | "rules"
  | "definitions"
  | "deployments"
  | "haGroups";

export interface Suggestions {
  /** Known from the program; not yet held against what is typed. */
  readonly fixed: readonly Suggestion[];
  /** Names of this kind fit too. */
  readonly names: NameKind | undefined;
  /** What stands before the value in the word, e.g. `--node=`. */
  readonly prefix: string;
  /** Values of flags that were given before, by long name. */
  readonly flags: ReadonlyMap<string, string>;
}

interface Walk {
  command: Command;
  positionCount: number;
  pending: Option | undefined;
  readonly flags: Map<string, string>;
}

const nothing = { fixed: [], names: undefined, prefix: "" } as const;

/** Looks at all words but the last, which is being typed, and says what it can become. */
export function suggest(program: Command, words: readonly string[]): Suggestions {
  const walk: Walk = { command: program, positionCount: 0, pending: undefined, flags: new Map() };
  const before = words.slice(0, -1);
  for (const word of before) take(walk, word);
  const { flags } = walk;
  if (before.includes("--")) return { ...nothing, flags };
  if (walk.pending !== undefined) return { ...valuesOf(walk.pending), prefix: "", flags };
  const current = words.at(-1) ?? "";
  if (!current.startsWith("-")) return { ...positionals(walk), prefix: "", flags };
  const equals = current.indexOf("=");
  if (equals < 0) return { ...nothing, fixed: flagsOf(walk.command), flags };
  const option = findOption(walk.command, current.slice(0, equals));
  return option === undefined
    ? { ...nothing, flags }
    : { ...valuesOf(option), prefix: current.slice(0, equals + 1), flags };
}

function take(walk: Walk, word: string): void {
  if (walk.pending !== undefined) {
    walk.flags.set(walk.pending.long ?? "", word);
    walk.pending = undefined;
    return;
  }
  if (word.startsWith("-")) {
    const [flag = "", value] = word.split("=", 2);
    const option = findOption(walk.command, flag);
    if (option === undefined || !(option.required || option.optional)) return;
    if (value === undefined) walk.pending = option;
    else walk.flags.set(option.long ?? "", value);
    return;
  }
  const next = walk.command.commands.find((command) => command.name() === word);
  if (next !== undefined && walk.positionCount === 0) walk.command = next;
  else walk.positionCount += 1;
}

function optionsOf(command: Command): Option[] {
  const help = command.createHelp();
  help.showGlobalOptions = true;
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
}

function findOption(command: Command, flag: string): Option | undefined {
  return optionsOf(command).find((option) => option.long === flag || option.short === flag);
}

function flagsOf(command: Command): Suggestion[] {
  return optionsOf(command).flatMap((option) =>
    option.long == null ? [] : [{ value: option.long, description: option.description }],
  );
}

function positionals(walk: Walk): Pick<Suggestions, "fixed" | "names"> {
  const argument = walk.command.registeredArguments[walk.positionCount];
  const isMember = walk.command.parent?.name() === "member";
  const isNameless = namelessCommands.includes(walk.command.name()) && !isMember;
  const values = argument === undefined || isNameless ? nothing : valuesOfArgument(argument);
  if (walk.positionCount > 0) return values;
  const commands = walk.command.createHelp().visibleCommands(walk.command);
  const nouns = commands.map((command) => ({
    value: command.name(),
    description: command.description(),
  }));
  return { fixed: [...nouns, ...values.fixed], names: values.names };
}

const argumentNames: Readonly<Record<string, NameKind>> = {
  id: "services",
  service: "services",
  node: "nodes",
  name: "nodes",
  group: "groups",
  hagroup: "haGroups",
  rule: "rules",
  definition: "definitions",
  deployment: "deployments",
};

const optionNames: Readonly<Record<string, NameKind>> = {
  "--node": "nodes",
  "--group": "groups",
  "--ha-group": "haGroups",
  "--service": "services",
  "--after": "services",
  "--requires": "services",
  "--lose": "nodes",
  "--maintenance": "nodes",
};

/** Arguments of commands that make something, or take other ids, are no names that a server knows. */
const namelessCommands: readonly string[] = ["add", "revoke", "create"];

function valuesOfArgument(argument: Argument): Pick<Suggestions, "fixed" | "names"> {
  return { fixed: choicesOf(argument.argChoices), names: argumentNames[argument.name()] };
}

function valuesOf(option: Option): Pick<Suggestions, "fixed" | "names"> {
  const names = optionNames[option.long ?? ""];
  return { fixed: choicesOf(option.argChoices), names };
}

function choicesOf(choices: readonly string[] | undefined): Suggestion[] {
  return (choices ?? []).map((value) => ({ value, description: "" }));
}
