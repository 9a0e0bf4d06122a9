/** Holding the office while the store forgets its history: what was not seen is no proof that the election is over. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { Log } from "../../src/ports/log.ts";
import type { Store } from "../../src/ports/store.ts";
import { runElection, type Term } from "../../src/runtime/election.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { holdsFor, waitFor } from "../e2e/harness/wait.ts";

const patienceMs = 10_000;

interface Bench {
  readonly store: Store;
  readonly terms: readonly Term[];
  readonly sentences: readonly string[];
}

/** A candidate of a store that remembers few revisions; `whenElected` comes before it begins to watch its key. */
function bench(t: TestContext, whenElected: (store: Store) => void): Bench {
  const store = createMemoryStore({ clock, historyRevisionsMax: 5 });
  const stop = new AbortController();
  const sentences: string[] = [];
  const terms: Term[] = [];
  const log: Log = {
    write: (_level, sentence) => {
      sentences.push(sentence);
      if (sentence === "elected as manager" && terms.length === 0) whenElected(store);
    },
    with: () => log,
  };
  const lead = (term: Term): Promise<void> => {
    terms.push(term);
    if (term.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      term.signal.addEventListener("abort", () => resolve());
    });
  };
  const times = { ttlMs: 60_000, renewEveryMs: 20_000 };
  const ended = runElection({
    ...times,
    store,
    clock,
    log,
    serverId: "one",
    lead,
    signal: stop.signal,
  });
  t.after(async () => {
    stop.abort();
    await ended;
    await store.close();
  });
  return { store, terms, sentences };
}

/** So many revisions that a watch from before them is told `compacted`. */
function writeMuch(store: Store): void {
  for (let value = 0; value < 50; value += 1) {
    void store.txn({ compare: [], then: [{ kind: "put", key: "other", value }] });
  }
}

test("runElection() keeps the office when its watch was compacted and its key is the same", async (t) => {
  const { store, terms, sentences } = bench(t, writeMuch);
  await waitFor("it is elected", patienceMs, () => terms.length > 0);
  const [term] = terms;
  const createRevision = term?.createRevision ?? 0;
  for await (const first of store.watch(keys.manager, {
    fromRevision: createRevision + 1,
    signal: AbortSignal.timeout(patienceMs),
  })) {
    assert.equal(first.ok ? "told" : first.error.kind, "compacted", "the history has gone");
    break;
  }
  await holdsFor("it is manager", 200, () => term?.signal.aborted === false);
  const compare = [{ kind: "created-at", key: keys.manager, revision: createRevision }] as const;
  const deposed = await store.txn({ compare, then: [{ kind: "delete", key: keys.manager }] });
  assert.ok(deposed.ok && deposed.value.succeeded, "it was the same election all the time");
  await waitFor("it sees the end", patienceMs, () => term?.signal.aborted);
  assert.ok(sentences.includes("no longer manager: its election was deleted"));
});

test("runElection() gives up the office when its key was replaced in what it could not see", async (t) => {
  const usurp = (store: Store): void => {
    const value = { version: 1, serverId: "other", electedAtMs: 1 };
    void store.txn({ compare: [], then: [{ kind: "delete", key: keys.manager }] });
    void store.txn({ compare: [], then: [{ kind: "put", key: keys.manager, value }] });
    writeMuch(store);
  };
  const { store, terms, sentences } = bench(t, usurp);
  await waitFor("it knows", patienceMs, () => terms[0]?.signal.aborted);
  assert.ok(sentences.includes("no longer manager: its election was deleted"));
  const read = await store.get(keys.manager);
  assert.ok(read.ok && read.value.entry !== undefined, "it left the other's key alone");
  assert.deepEqual(read.value.entry.value, { version: 1, serverId: "other", electedAtMs: 1 });
});
