/**
 * How a command is written, as a pattern that people can read too: literal words, `a|b` one of them, a word in
 * capitals for a name or value, `[...]` for what may be left out at the end.
 */
import { assert } from "../../../core/assert.ts";
import { compareIds, type NodeId, type ServiceId } from "../../../core/ids.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import { readDuration } from "../../scenario/yaml/quantity.ts";
import type { PlayNames } from "../command.ts";
import { findName } from "./find-name.ts";

const slotKinds = ["NODE", "SERVICE", "DURATION", "NUMBER", "FILE"] as const;
type SlotKind = (typeof slotKinds)[number];

/** One place of a pattern. */
export type Slot = { readonly optional: boolean } & (
  | { readonly kind: "choice"; readonly words: readonly string[] }
  | { readonly kind: SlotKind }
);

/** What was written, by kind of slot, each kind in order. */
export interface Values {
  readonly words: readonly string[];
  readonly nodes: readonly NodeId[];
  readonly services: readonly ServiceId[];
  readonly durationMs: number | undefined;
  readonly number: number | undefined;
  readonly file: string | undefined;
}

/** The slots of a pattern. Optional ones come last. */
export function slotsOf(pattern: string): readonly Slot[] {
  const slots = pattern.split(" ").map(slotOf);
  const firstOptional = slots.findIndex((slot) => slot.optional);
  const mandatory = firstOptional < 0 ? [] : slots.slice(firstOptional);
  assert(
    mandatory.every((slot) => slot.optional),
    "what may be left out stands at the end",
  );
  return slots;
}

function slotOf(text: string): Slot {
  const optional = text.startsWith("[");
  const inner = optional ? text.slice(1, -1) : text;
  const kind = slotKinds.find((each) => each === inner);
  return kind === undefined
    ? { optional, kind: "choice", words: inner.split("|") }
    : { optional, kind };
}

/** Why words do not fit a pattern: at which word, and, when that is worth saying, what is wrong with it. */
export interface Mismatch {
  readonly atIndex: number;
  readonly because: string | undefined;
}

interface Draft {
  readonly words: string[];
  readonly nodes: NodeId[];
  readonly services: ServiceId[];
  durationMs: number | undefined;
  number: number | undefined;
  file: string | undefined;
}

/** Holds words against a pattern. */
export function match(
  slots: readonly Slot[],
  words: readonly string[],
  names: PlayNames,
): Result<Values, Mismatch> {
  const draft: Draft = {
    words: [],
    nodes: [],
    services: [],
    durationMs: undefined,
    number: undefined,
    file: undefined,
  };
  for (const [index, slot] of slots.entries()) {
    const word = words[index];
    if (word === undefined) {
      if (slot.optional) break;
      return err({ atIndex: index, because: undefined });
    }
    const fault = take(draft, slot, word, names);
    if (fault !== undefined) return err({ atIndex: index, because: fault.because });
  }
  if (words.length > slots.length) return err({ atIndex: slots.length, because: undefined });
  return ok(draft);
}

type Fault = { readonly because: string | undefined } | undefined;

function take(draft: Draft, slot: Slot, word: string, names: PlayNames): Fault {
  switch (slot.kind) {
    case "choice":
      if (!slot.words.includes(word)) return { because: undefined };
      draft.words.push(word);
      return undefined;
    case "NODE":
      return put(findName("node", names.nodes, word), (node) => draft.nodes.push(node));
    case "SERVICE":
      return put(findName("service", names.services, word), (service) =>
        draft.services.push(service),
      );
    case "DURATION":
      return put(readDuration(word), (durationMs) => {
        draft.durationMs = durationMs;
      });
    case "NUMBER":
      return put(readNumber(word), (number) => {
        draft.number = number;
      });
    case "FILE":
      draft.file = word;
      return undefined;
  }
}

function put<T>(result: Result<T, string>, keep: (value: T) => void): Fault {
  if (!result.ok) return { because: result.error };
  keep(result.value);
  return undefined;
}

function readNumber(word: string): Result<number, string> {
  const digits = word.replace(/x$/, ""); // a speed may be written 5x
  return /^-?\d{1,9}(\.\d{1,3})?$/.test(digits)
    ? ok(Number(digits))
    : err(`"${word}" is no number`);
}

/** What can stand in a slot and begins with `typed`. */
export function candidatesOf(slot: Slot, names: PlayNames, typed: string): readonly string[] {
  return allCandidates(slot, names)
    .filter((word) => word.startsWith(typed))
    .sort(compareIds);
}

function allCandidates(slot: Slot, names: PlayNames): readonly string[] {
  switch (slot.kind) {
    case "choice":
      return slot.words;
    case "NODE":
      return names.nodes;
    case "SERVICE":
      return names.services.flatMap((service) => [
        service,
        service.slice(service.indexOf(":") + 1),
      ]);
    case "DURATION":
    case "NUMBER":
    case "FILE":
      return [];
  }
}
