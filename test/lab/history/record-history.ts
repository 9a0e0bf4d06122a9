/**
 * A stream of reads and writes by several processes at once, written down with their times, for the checker of
 * linearizability. Every written value is unique, so that each read says whose write it saw.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Action, KeyValue, Operation } from "../linearizability/operation.ts";
import { randomFrom } from "../random.ts";
import type { HistoryClient, Outcome, Seen } from "./history-client.ts";

export interface RecordOptions {
  /** One process each; the same client may be given several times. */
  readonly clients: readonly HistoryClient[];
  readonly keys: readonly string[];
  /** Decides what is asked in which order; print it. */
  readonly seed: number;
  /** Rest of a process between two operations; default: 5 ms. */
  readonly pauseMs?: number;
  /** An operation without answer for so long is unknown, and its process goes on; default: 10 s. */
  readonly answerMsMax?: number;
  /** The stream ends by itself after so many operations; default: 100,000. */
  readonly operationsMax?: number;
}

/** What became of what was asked. */
export interface HistoryCounts {
  readonly done: number;
  readonly notDone: number;
  readonly unknown: number;
  /** Changes that were acknowledged. */
  readonly written: number;
}

export interface Recording {
  counts(): HistoryCounts;
  /** The longest time without an acknowledged change between two moments; default: from the start until now. */
  longestSilenceMs(fromMs?: number, toMs?: number): number;
  /** Lets each process finish what it is doing; the history without what certainly was not done. */
  stop(): Promise<readonly Operation[]>;
}

/** Begins at once. Times are those of `performance.now()`. */
export function recordHistory(options: RecordOptions): Recording {
  return new HistoryRecorder(options);
}

class HistoryRecorder implements Recording {
  readonly #options: RecordOptions;
  readonly #operations: Operation[] = [];
  readonly #writtenAtMs: number[] = [];
  readonly #startedAtMs = performance.now();
  readonly #processes: readonly Promise<void>[];
  #counts = { done: 0, notDone: 0, unknown: 0 };
  #askedCount = 0;
  #isStopping = false;

  constructor(options: RecordOptions) {
    this.#options = options;
    this.#processes = options.clients.map((client, index) => this.#run(client, index));
  }

  counts(): HistoryCounts {
    return { ...this.#counts, written: this.#writtenAtMs.length };
  }

  longestSilenceMs(fromMs = this.#startedAtMs, toMs = performance.now()): number {
    const inside = this.#writtenAtMs.filter((atMs) => atMs > fromMs && atMs < toMs);
    const moments = [fromMs, ...inside, toMs];
    return moments.reduce((longest, atMs, index) => {
      return Math.max(longest, atMs - (moments[index - 1] ?? atMs));
    }, 0);
  }

  async stop(): Promise<readonly Operation[]> {
    this.#isStopping = true;
    await Promise.all(this.#processes);
    return this.#operations;
  }

  async #run(client: HistoryClient, index: number): Promise<void> {
    const { keys, pauseMs = 5, operationsMax = 100_000, seed } = this.#options;
    const random = randomFrom(seed + index * 7_919);
    const name = `process ${index + 1}`;
    const seen = new Map<string, Seen>();
    for (let number = 1; !this.#isStopping && this.#askedCount < operationsMax; number += 1) {
      this.#askedCount += 1;
      const key = keys[Math.floor(random() * keys.length)] ?? "";
      const value = `${index + 1}.${number}`;
      const asked = chooseOperation(client, { key, value, seen, random: random() });
      await this.#record(name, { key, ...asked });
      if (pauseMs > 0) await sleep(pauseMs);
    }
  }

  async #record(process: string, asked: Asked & { readonly key: string }): Promise<void> {
    const invokedAtMs = performance.now();
    const outcome = await this.#withinTime(asked.run());
    const returnedAtMs = performance.now();
    const { key } = asked;
    if (outcome.kind === "not-done") {
      this.#counts.notDone += 1;
    } else if (outcome.kind === "unknown") {
      this.#counts.unknown += 1;
      const unknown = { process, key, invokedAtMs, returnedAtMs: undefined };
      this.#operations.push({ ...unknown, action: asked.ifUnknown });
    } else {
      this.#counts.done += 1;
      this.#operations.push({ process, key, invokedAtMs, returnedAtMs, action: outcome.value });
      if (outcome.value.kind !== "read") this.#writtenAtMs.push(returnedAtMs);
    }
  }

  async #withinTime(answer: Promise<Outcome<Action>>): Promise<Outcome<Action>> {
    const timer = new AbortController();
    const late = sleep(this.#options.answerMsMax ?? 10_000, undefined, { signal: timer.signal });
    const unknown = late.then(
      (): Outcome<Action> => ({ kind: "unknown" }),
      (): Outcome<Action> => ({ kind: "unknown" }), // answered in time: nobody looks at this
    );
    try {
      return await Promise.race([answer, unknown]);
    } finally {
      timer.abort();
    }
  }
}

interface Asked {
  run(): Promise<Outcome<Action>>;
  /** What is written down when nobody can say what came of it. */
  readonly ifUnknown: Action;
}

interface Choice {
  readonly key: string;
  readonly value: string;
  /** What this process saw of each key last: it forgets what it has used as a condition. */
  readonly seen: Map<string, Seen>;
  readonly random: number;
}

/** 40 % reads, 30 % writes; conditions on what was read before where something was. */
function chooseOperation(client: HistoryClient, choice: Choice): Asked {
  const { key, value, seen, random } = choice;
  const expected = seen.get(key);
  seen.delete(key);
  if (random < 0.4 || (random >= 0.7 && expected === undefined)) return askRead(client, choice);
  const { further } = client;
  if (random < 0.65 || expected === undefined) {
    const run = () => client.write(key, value);
    return askWrite(run, { kind: "write", value });
  }
  if (random < 0.7 && further !== undefined) {
    return askWrite(() => further.remove(key), { kind: "write", value: undefined });
  }
  if (random < 0.85 && further !== undefined) {
    const [then, otherwise] = [{ value: `${value}t` }, { value: `${value}o` }];
    const run = () => further.txn(key, { expected, then, otherwise });
    return askCondition(run, (succeeded) => {
      return { kind: "txn", expected: expected.value, then, otherwise, succeeded };
    });
  }
  const run = () => client.compareAndSet(key, expected, value);
  return askCondition(run, (succeeded) => {
    return { kind: "compare-and-set", expected: expected.value, value, succeeded };
  });
}

function askRead(client: HistoryClient, { key, seen }: Choice): Asked {
  const run = async (): Promise<Outcome<Action>> => {
    const outcome = await client.read(key);
    if (outcome.kind !== "done") return outcome;
    seen.set(key, outcome.value);
    return { kind: "done", value: { kind: "read", value: outcome.value.value } };
  };
  const nothing: KeyValue = undefined;
  return { run, ifUnknown: { kind: "read", value: nothing } };
}

function askWrite(run: () => Promise<Outcome<void>>, action: Action): Asked {
  return {
    run: async () => {
      const outcome = await run();
      return outcome.kind === "done" ? { kind: "done", value: action } : outcome;
    },
    ifUnknown: action,
  };
}

function askCondition(
  run: () => Promise<Outcome<boolean>>,
  actionOf: (succeeded: boolean) => Action,
): Asked {
  return {
    run: async () => {
      const outcome = await run();
      return outcome.kind === "done" ? { kind: "done", value: actionOf(outcome.value) } : outcome;
    },
    ifUnknown: actionOf(false),
  };
}
