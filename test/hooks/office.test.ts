/** Hooks of whole servers: in order, once for a change, after the office is held, and what a failing one leads to. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createHookRunner } from "../../src/adapters/hooks/hook-runner.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { holdsFor, waitFor } from "../e2e/harness/wait.ts";
import {
  clock,
  type Harness,
  quietLog,
  startHarness,
  temporaryDirectory,
} from "../server/harness.ts";
import { type HookProgram, wordsOf, writeHookProgram } from "./support/hook-program.ts";

async function startServerWith(
  t: TestContext,
  program: HookProgram,
  more: {
    readonly id: string;
    readonly store: ReturnType<typeof createMemoryStore>;
    readonly timeLimitMs?: number;
  },
): Promise<Harness> {
  const dataDirectory = await temporaryDirectory(t);
  const { id, store, timeLimitMs = 20_000 } = more;
  const hooks = createHookRunner({
    programs: { leader: program.path, follower: program.path },
    server: { id, name: `server${id}` },
    ...{ timeLimitMs, dataDirectory, clock, log: quietLog, address: undefined },
  });
  const office = { hooks, address: undefined };
  return await startHarness(t, { store, dataDirectory, serverId: id, office });
}

async function prepare(t: TestContext) {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  return { store, program: writeHookProgram(await temporaryDirectory(t)) };
}

test("a server tells its hooks that it follows, leads, and follows no more than once each", async (t) => {
  const { store, program } = await prepare(t);
  const { server } = await startServerWith(t, program, { id: "1", store });
  await waitFor("the leader hook to end", 10_000, () => program.runs().length === 4);
  await server.close();
  assert.deepEqual(wordsOf(program.runs()), [
    ...["follower start begin", "follower start end"],
    ...["leader elected begin", "leader elected end"],
    ...["follower stop begin", "follower stop end"],
  ]);
  const [, , { term = "" } = {}] = program.runs();
  assert.match(term, /^[1-9]\d*$/, "the leader's hook is told its election");
});

test("the leader hook runs only while its server is manager, and one hook at a time", async (t) => {
  const { store, program } = await prepare(t);
  program.does('if [ "$1" = leader ]; then sleep 600; fi');
  const { server } = await startServerWith(t, program, { id: "1", store });
  await waitFor("the leader hook to begin", 10_000, () => program.runs().length === 3);
  const held = await store.get(keys.manager);
  assert.ok(held.ok && held.value.entry !== undefined, "the office is held before");
  assert.equal(String(held.value.entry.createRevision), program.runs()[2]?.term);
  // Another one takes the office away: the hook is ended before the follower's begins.
  const usurper = { version: 1, serverId: "other", electedAtMs: 1 };
  await Promise.all([
    store.txn({ compare: [], then: [{ kind: "delete", key: keys.manager }] }),
    store.txn({ compare: [], then: [{ kind: "put", key: keys.manager, value: usurper }] }),
  ]);
  await waitFor("the follower hook", 10_000, () => program.runs().length === 5);
  assert.deepEqual(wordsOf(program.runs()).slice(2), [
    ...["leader elected begin", "follower lost begin", "follower lost end"],
  ]);
  await server.close();
  assert.equal(program.runs().length, 5, "who follows already is not told so again");
});

test("a server whose leader hook takes too long stays where there is no other, says so, and tries again", async (t) => {
  const { store, program } = await prepare(t);
  program.does('if [ "$1" = leader ]; then sleep 600; fi');
  const { call, server } = await startServerWith(t, program, { id: "1", store, timeLimitMs: 300 });
  await waitFor("the event", 10_000, async () => {
    const { text } = await call("GET", "/v1/events");
    return text.includes("the leader hook was ended: it took longer than");
  });
  const list = await call("GET", "/v1/servers");
  assert.match(list.text, /the leader hook was ended: it took longer/);
  const before = await store.get(keys.manager);
  await holdsFor("it stays manager", 1_000, async () => {
    const now = await store.get(keys.manager);
    return (
      now.ok && before.ok && now.value.entry?.createRevision === before.value.entry?.createRevision
    );
  });
  program.does(":");
  await waitFor("it to be run again", 15_000, () => {
    return wordsOf(program.runs()).at(-1) === "leader elected end";
  });
  await server.close();
});
