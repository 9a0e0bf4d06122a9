/** The recorder: what it writes down of a real store and a real server is linearizable, and of a liar it is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../src/adapters/clock/system-clock.ts";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import { assertLinearizable, checkHistory } from "../linearizability/check.ts";
import type { HistoryClient, Outcome } from "./history-client.ts";
import { recordHistory } from "./record-history.ts";
import { record, seed } from "./record-support.ts";
import { storeClient } from "./store-client.ts";

/** Time passes on the way there and on the way back, so that operations overlap. */
function slowed(client: HistoryClient): HistoryClient {
  const late = async <T>(run: () => Promise<T>): Promise<T> => {
    await sleep(Math.random());
    const answer = await run();
    await sleep(Math.random());
    return answer;
  };
  const { further } = client;
  return {
    read: (key) => late(() => client.read(key)),
    write: (key, value) => late(() => client.write(key, value)),
    compareAndSet: (...asked) => late(() => client.compareAndSet(...asked)),
    ...(further === undefined
      ? {}
      : {
          further: {
            remove: (key) => late(() => further.remove(key)),
            txn: (...asked) => late(() => further.txn(...asked)),
          },
        }),
  };
}

function memoryClient(): HistoryClient {
  return slowed(storeClient(createMemoryStore({ clock: systemClock })));
}

test("recordHistory() of the memory store is linearizable and holds every kind of operation", async () => {
  const client = memoryClient();
  const history = await record([client, client, client, client]);
  assertLinearizable(history);
  const kinds = new Set(history.map(({ action }) => action.kind));
  assert.deepEqual([...kinds].sort(), ["compare-and-set", "read", "txn", "write"]);
});

test("recordHistory() shows a store that answers with old values", async () => {
  const client = memoryClient();
  let readCount = 0;
  const old = new Map<string, Awaited<ReturnType<HistoryClient["read"]>>>();
  const stale: HistoryClient = {
    ...client,
    read: async (key) => {
      readCount += 1;
      const remembered = old.get(key);
      if (remembered !== undefined && readCount % 10 === 0) return remembered;
      const fresh = await client.read(key);
      old.set(key, remembered ?? fresh);
      return fresh;
    },
  };
  assert.equal(checkHistory(await record([client, client, stale])).kind, "violation");
});

test("recordHistory() shows a store that loses what it has acknowledged", async () => {
  const client = memoryClient();
  let writeCount = 0;
  const forgetful: HistoryClient = {
    ...client,
    write: async (key, value) => {
      writeCount += 1;
      return writeCount % 20 === 0 ? { kind: "done", value: undefined } : client.write(key, value);
    },
  };
  assert.equal(checkHistory(await record([client, forgetful])).kind, "violation");
});

test("recordHistory() shows a store that says not-done of what it did", async () => {
  const client = memoryClient();
  const liar: HistoryClient = {
    ...client,
    write: async (key, value) => {
      await client.write(key, value);
      return { kind: "not-done" };
    },
  };
  assert.equal(checkHistory(await record([client, liar])).kind, "violation");
});

test("recordHistory() takes what is not answered in time as unknown, and goes on", async () => {
  const client = memoryClient();
  let writeCount = 0;
  const silent: HistoryClient = {
    ...client,
    write: async (key, value): Promise<Outcome<void>> => {
      writeCount += 1;
      if (writeCount % 10 !== 0) return client.write(key, value);
      await client.write(key, value);
      return new Promise(() => undefined);
    },
  };
  const history = await record([client, silent], { answerMsMax: 20, operationsMax: 800 });
  assert(history.some(({ returnedAtMs }) => returnedAtMs === undefined));
  assertLinearizable(history);
});

test("recordHistory() tells the longest time without an acknowledged change", async () => {
  const client = memoryClient();
  let isDown = false;
  const down: HistoryClient = {
    read: (key) => client.read(key),
    write: async (key, value) => (isDown ? { kind: "not-done" } : client.write(key, value)),
    compareAndSet: async (...asked) =>
      isDown ? { kind: "not-done" } : client.compareAndSet(...asked),
  };
  const recording = recordHistory({ clients: [down], keys: ["a"], seed, pauseMs: 1 });
  await waitFor("a change", 5_000, () => recording.counts().written > 3);
  isDown = true;
  await waitFor("refusals", 5_000, () => recording.counts().notDone > 20);
  isDown = false;
  const { written } = recording.counts();
  await waitFor("changes again", 5_000, () => recording.counts().written > written + 3);
  assertLinearizable(await recording.stop());
  assert(recording.longestSilenceMs() >= 20, `${recording.longestSilenceMs()} ms`);
});
