/** Events: what happened and why, numbered, written in the transaction that did it; old ones are taken away. */
import type { Reason } from "../core/explain/reason.ts";
import { sentenceOf } from "../core/explain/sentence.ts";
import type { InstantMs } from "../core/time.ts";
import type { Operation } from "../ports/store.ts";
import { type EventRecord, keys } from "../wire/records.ts";
import { jsonOf } from "./manager-records.ts";

/** Events that are kept. */
export const eventsKeptMax = 10_000;

/** The key of an event. */
export function eventKey(sequence: number): string {
  return `${keys.events}${String(sequence).padStart(16, "0")}`;
}

/** What an event says; the one who writes it adds when, and the sentence. */
export type EventFacts = Omit<EventRecord, "version" | "atMs" | "sentence" | "reason"> & {
  readonly reason: Reason;
};

/** Writes an event, and takes away the one that is too old by then. */
export function eventOperations(
  facts: EventFacts,
  { sequence, now }: { readonly sequence: number; readonly now: InstantMs },
): readonly Operation[] {
  const change = facts.to === undefined ? "" : `${facts.from ?? "new"} -> ${facts.to}: `;
  const sentence = `${change}${sentenceOf(facts.reason)}`;
  const value = jsonOf({ version: 1, ...facts, atMs: now, sentence });
  const put = { kind: "put", key: eventKey(sequence), value } as const;
  if (sequence <= eventsKeptMax) return [put];
  return [put, { kind: "delete", key: eventKey(sequence - eventsKeptMax) }];
}
