/** Reads a line that a person typed, says what is wrong with one that cannot be meant, and completes one that is begun. */
import { compareIds } from "../../../core/ids.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import type { PlayCommand, PlayNames } from "../command.ts";
import { type CommandForm, commandForms } from "./forms-table.ts";
import { candidatesOf, match } from "./pattern.ts";

/** Longest line that is looked at, in characters. */
export const commandLengthMax = 500;

/** The command; undefined: the line is empty or a comment. The error says how to write it. */
export function parseCommand(
  line: string,
  names: PlayNames,
): Result<PlayCommand | undefined, string> {
  if (line.length > commandLengthMax) {
    return err(`the line is longer than ${commandLengthMax} characters`);
  }
  const words = wordsOf(line);
  if (words.length === 0) return ok(undefined);
  let closest:
    | { readonly form: CommandForm; readonly atIndex: number; because: string | undefined }
    | undefined;
  for (const form of commandForms) {
    const matched = match(form.slots, words, names);
    if (matched.ok) return ok(form.make(matched.value));
    const { atIndex, because } = matched.error;
    const isCloser = atIndex > 0 && (closest === undefined || atIndex > closest.atIndex);
    if (isCloser) closest = { form, atIndex, because };
  }
  if (closest === undefined) return err(unknownCommand(words[0] ?? ""));
  return err(closest.because ?? `write: ${writingsOf(closest.form, closest.atIndex, words)}`);
}

function wordsOf(line: string): readonly string[] {
  const [before = ""] = line.split("#", 1);
  return before.split(/\s+/).filter((word) => word !== "");
}

/** All patterns that fit as far as the words fitted. */
function writingsOf(form: CommandForm, atIndex: number, words: readonly string[]): string {
  const isAlike = (other: CommandForm): boolean =>
    other.slots
      .slice(0, atIndex)
      .every((slot, index) => slot.kind !== "choice" || slot.words.includes(words[index] ?? ""));
  const patterns = commandForms.filter(isAlike).map((other) => other.pattern);
  return (patterns.length > 0 ? patterns : [form.pattern]).join(", or: ");
}

function unknownCommand(word: string): string {
  const firstWords = firstWordsOf();
  const near = firstWords.filter((known) => distance(known, word) <= 2);
  const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : "help lists all commands";
  return `there is no command "${word}"; ${hint}`;
}

function firstWordsOf(): readonly string[] {
  const all = commandForms.flatMap(({ slots: [first] }) =>
    first?.kind === "choice" ? first.words : [],
  );
  return [...new Set(all)].sort(compareIds);
}

/** How many letters must be changed, added or left out. */
function distance(left: string, right: string): number {
  let before = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const change = left[row - 1] === right[column - 1] ? 0 : 1;
      const changed = (before[column - 1] ?? 0) + change;
      const grown = Math.min(before[column] ?? 0, current[column - 1] ?? 0) + 1;
      current.push(Math.min(changed, grown));
    }
    before = current;
  }
  return before[right.length] ?? 0;
}

/** What the last word of a line that is begun can become, in order; every one continues it. */
export function completionsOf(line: string, names: PlayNames): readonly string[] {
  const words = wordsOf(line);
  const typed = line === "" || /\s$/.test(line) ? "" : (words.at(-1) ?? "");
  const before = typed === "" ? words : words.slice(0, -1);
  const found = commandForms.flatMap(({ slots }) => {
    const slot = slots[before.length];
    const fits = match(slots.slice(0, before.length), before, names).ok;
    return slot !== undefined && fits ? candidatesOf(slot, names, typed) : [];
  });
  return [...new Set(found)].sort(compareIds);
}
