/** A manager that loads much lets others work meanwhile: its office has to be renewed, and requests to be answered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { systemClock } from "../../src/adapters/clock/system-clock.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Log } from "../../src/ports/log.ts";
import type { Store } from "../../src/ports/store.ts";
import { runManager } from "../../src/runtime/manager-loop.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { createFaultyStore } from "../server/faulty-store.ts";

const silent: Log = { write: () => undefined, with: () => silent };
const serviceCount = 400;
/** As if each look at the clock took so long. */
const tickMs = 1;

test("runManager() rests while it loads", async (t) => {
  let aheadMs = 0;
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => {
      aheadMs += tickMs;
      return systemClock.monotonicMs() + aheadMs;
    },
  };
  const store = createMemoryStore({ clock: systemClock });
  t.after(() => store.close());
  const stop = new AbortController();
  t.after(() => stop.abort());
  const manager = { version: 1, serverId: "1", electedAtMs: 0 };
  const services = Array.from({ length: serviceCount }, (_, index) => {
    const id = `process:s${index}`;
    const config = { id, state: "stopped", process: { command: "/bin/true" } };
    const value = { version: 1, config, removing: false, addedAtMs: 0 };
    return { kind: "put" as const, key: `${keys.services}${id}`, value };
  });
  const put = { kind: "put" as const, key: keys.manager, value: manager };
  const filled = await store.txn({ compare: [], then: [put, ...services] });
  assert.ok(filled.ok);

  let turnCount = 0;
  let turnsBeforeWrite: number | undefined;
  const turns = (async () => {
    while (turnsBeforeWrite === undefined) {
      await nextTurn();
      turnCount += 1;
    }
  })();
  const watched: Store = {
    ...createFaultyStore(store),
    txn: (txn) => {
      turnsBeforeWrite ??= turnCount;
      return store.txn(txn);
    },
  };
  const term = { createRevision: filled.value.revision, signal: stop.signal };
  const running = runManager({ store: watched, clock, log: silent, term });
  await turns;
  stop.abort();
  await running;
  // Each service is one look at the clock at least; a rest is due after twenty of them.
  assert.ok((turnsBeforeWrite ?? 0) >= serviceCount / 40, `others had ${turnsBeforeWrite} turns`);
});
