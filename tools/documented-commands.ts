/** Finds `holdfast ...` commands in the fenced blocks of a page and compares them with what `--help` says. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { SourceFile } from "./sources.ts";

/** The text of `holdfast COMMAND... --help`, or why there is none. */
export type HelpReader = (command: readonly string[]) => {
  readonly kind: "text" | "failed";
  readonly text: string;
};

const helpTimeoutMs = 60_000;
const launcherPattern = /^(?:\$ )?(?:\.\/bin\/)?holdfast(?: (.*))?$/;

/** Asks the checkout's own launcher, which first brings the build up to date; each command once. */
export function helpFromLauncher(root: string): HelpReader {
  const known = new Map<string, ReturnType<HelpReader>>();
  return (command) => {
    const key = command.join(" ");
    const help = known.get(key) ?? askLauncher(root, command);
    known.set(key, help);
    return help;
  };
}

function askLauncher(root: string, command: readonly string[]): ReturnType<HelpReader> {
  const result = spawnSync(join(root, "bin/holdfast"), [...command, "--help"], {
    encoding: "utf8",
    timeout: helpTimeoutMs,
  });
  if (result.status === 0) return { kind: "text", text: result.stdout };
  return { kind: "failed", text: (result.stderr ?? result.error?.message ?? "").trim() };
}

/** One sentence for each documented command, sub-command or flag that does not exist. */
export function faultsOfCommands(page: SourceFile, readHelp: HelpReader): readonly string[] {
  return commandLines(page.text).flatMap(({ line, words }) => {
    const fault = faultOfCommand(words, readHelp);
    return fault === undefined ? [] : [`${page.path}:${line}: ${fault}`];
  });
}

interface CommandLine {
  readonly line: number;
  readonly words: readonly string[];
}

function commandLines(text: string): readonly CommandLine[] {
  const found: CommandLine[] = [];
  let fence: "outside" | "shell" | "other" = "outside";
  // A line that ends in a backslash goes on in the next one.
  const joined = text.replaceAll(/\\\n/g, " ");
  joined.split("\n").forEach((line, index) => {
    if (line.startsWith("```")) {
      fence = fence === "outside" ? fenceKind(line) : "outside";
      return;
    }
    const rest = fence === "shell" ? launcherPattern.exec(line.trim()) : null;
    if (rest !== null) found.push({ line: index + 1, words: wordsOf(rest[1] ?? "") });
  });
  return found;
}

function fenceKind(line: string): "shell" | "other" {
  return /^```(sh|bash|console)\b/.test(line) ? "shell" : "other";
}

/** Up to a comment, a pipe or the service's own command after `--`; quoted parts are one word. */
function wordsOf(text: string): readonly string[] {
  const words = text.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  const end = words.findIndex((word) => ["#", "|", "--", "&&", ">", "&"].includes(word));
  return end < 0 ? words : words.slice(0, end);
}

function faultOfCommand(words: readonly string[], readHelp: HelpReader): string | undefined {
  const command: string[] = [];
  let help = readHelp([]);
  const flags = words
    .filter((word) => word.startsWith("-"))
    .map((flag) => flag.split("=")[0] ?? "");
  for (const word of words) {
    // What follows a flag may be its value.
    if (word.startsWith("-")) break;
    if (help.kind === "failed") break;
    const subcommands = subcommandsOf(help.text);
    if (subcommands.length === 0) {
      if (takesArguments(help.text)) break; // the rest are those
      return `"holdfast ${command.join(" ")}" takes no argument, and "${word}" is one`;
    }
    if (!subcommands.includes(word)) {
      return `"holdfast ${[...command, word].join(" ")}" does not exist; there are ${subcommands.join(", ")}`;
    }
    command.push(word);
    help = readHelp(command);
  }
  const name = ["holdfast", ...command].join(" ");
  if (help.kind === "failed") return `"${name} --help" failed: ${help.text}`;
  const text = `${readHelp([]).text}\n${help.text}`;
  const unknown = flags.find((flag) => !new RegExp(`(^|[\\s,])${flag}(?![\\w-])`, "m").test(text));
  return unknown === undefined ? undefined : `"${name}" has no flag ${unknown}`;
}

function takesArguments(help: string): boolean {
  const usage = /^Usage: (.*)$/m.exec(help)?.[1] ?? "";
  return /[<[]/.test(usage.replace("[options]", "").replace("[command]", ""));
}

/** The names in the section `Commands:` of a help text. */
function subcommandsOf(help: string): readonly string[] {
  const section = /^Commands:\n((?: .*\n?|\n)*)/m.exec(help)?.[1] ?? "";
  return [...section.matchAll(/^ {2}([a-z][\w-]*)/gm)].map((match) => match[1] ?? "");
}
