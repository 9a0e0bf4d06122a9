/**
 * The linearizability checker: is there, for each key, one order of its operations that fits their times and explains
 * what they returned? Keys are judged one by one, as linearizability is a property of each object by itself.
 */

import type { KeyValue, Operation } from "./operation.ts";
import { searchOrder } from "./search.ts";
import { smallestViolation } from "./smallest.ts";
import { stepsOf } from "./steps.ts";

export type Verdict =
  | { readonly kind: "linearizable"; readonly operationCount: number; readonly keyCount: number }
  | {
      readonly kind: "violation";
      readonly key: string;
      /** A small part of the key's history that no order explains; by time of invocation. */
      readonly operations: readonly Operation[];
      /** For a person. */
      readonly words: string;
    }
  /** The search was given up: neither good nor bad. */
  | { readonly kind: "undecided"; readonly key: string; readonly stepsMax: number };

export interface CheckOptions {
  /** What a key held before the history; default: nothing. */
  readonly initial?: ReadonlyMap<string, KeyValue>;
  /** The search of a key is given up after looking at so many places; default: 20 million. */
  readonly stepsMax?: number;
}

const stepsMaxByDefault = 20_000_000;

/** The first key's violation, or that there is none. */
export function checkHistory(history: readonly Operation[], options: CheckOptions = {}): Verdict {
  const { initial = new Map(), stepsMax = stepsMaxByDefault } = options;
  const byKey = Map.groupBy(history, ({ key }) => key);
  for (const [key, operations] of byKey) {
    const judge = (some: readonly Operation[]) =>
      searchOrder(stepsOf(some, initial.get(key)), stepsMax);
    const verdict = judge(operations);
    if (verdict === "undecided") return { kind: "undecided", key, stepsMax };
    if (verdict === "violation") {
      const smallest = smallestViolation(operations, judge);
      return { kind: "violation", key, operations: smallest, words: wordsOf(key, smallest) };
    }
  }
  return { kind: "linearizable", operationCount: history.length, keyCount: byKey.size };
}

/** Throws with the violation in words, unless the history is linearizable. */
export function assertLinearizable(
  history: readonly Operation[],
  options: CheckOptions = {},
): { readonly operationCount: number; readonly keyCount: number } {
  const verdict = checkHistory(history, options);
  if (verdict.kind === "linearizable") return verdict;
  if (verdict.kind === "violation") throw new Error(verdict.words);
  throw new Error(`the history of "${verdict.key}" is not decided after ${verdict.stepsMax} steps`);
}

function wordsOf(key: string, operations: readonly Operation[]): string {
  const start = Math.min(...operations.map(({ invokedAtMs }) => invokedAtMs));
  const at = (timeMs: number): string => `${(timeMs - start).toFixed(3)} ms`;
  const lines = operations.map((operation) => {
    const { process, invokedAtMs, returnedAtMs } = operation;
    const end = returnedAtMs === undefined ? "outcome unknown" : `to ${at(returnedAtMs)}`;
    return `  ${process} ${actionWords(operation)}, from ${at(invokedAtMs)} ${end}`;
  });
  const head = `no order of these operations on "${key}" explains what they returned:`;
  return [head, ...lines].join("\n");
}

function actionWords({ action, returnedAtMs }: Operation): string {
  const isKnown = returnedAtMs !== undefined;
  switch (action.kind) {
    case "read":
      return isKnown ? `read ${valueWords(action.value)}` : "tried to read";
    case "write":
      return `${isKnown ? "wrote" : "tried to write"} ${valueWords(action.value)}`;
    case "compare-and-set": {
      const change = `${valueWords(action.expected)} to ${valueWords(action.value)}`;
      if (!isKnown) return `tried to change ${change}`;
      return action.succeeded ? `changed ${change}` : `was refused to change ${change}`;
    }
    case "txn": {
      const branch = (write: { value: KeyValue } | undefined): string =>
        write === undefined ? "nothing" : valueWords(write.value);
      const held = `if ${valueWords(action.expected)} then ${branch(action.then)}`;
      const words = `${held} else ${branch(action.otherwise)}`;
      if (!isKnown) return `tried: ${words}`;
      return `did: ${words}; it ${action.succeeded ? "held" : "did not hold"}`;
    }
  }
}

function valueWords(value: KeyValue): string {
  return value === undefined ? "(nothing)" : `"${value}"`;
}
