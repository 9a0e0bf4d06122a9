/** A server whose program cannot serve beside the others: it gets no vote, or gives it back, and the others go on. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonValue, Store } from "../../src/ports/store.ts";
import { keys } from "../../src/wire/records.ts";
import {
  startControlPlane,
  type TestControlPlane,
  type TestServer,
  until,
} from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { firstOf, Members } from "./support/facts.ts";
import { comesIn, frozenHalfIn, halfIn, storeThrough } from "./support/half-in.ts";

const options = { skip: missingForEtcd(), timeout: 180_000 };
const versionWords =
  /server "server2" is of version [0-9.]+, and server "server1" of 7\.0\.0: servers work together when they are one minor version apart at most; install .*, then start it again/;

/** Changes what is stored; the answer is what was there. */
async function change(
  store: Store,
  key: string,
  to: (value: JsonValue | undefined) => JsonValue,
): Promise<JsonValue | undefined> {
  const read = await store.get(key);
  assert.ok(read.ok);
  const before = read.value.entry?.value;
  const then = [{ kind: "put" as const, key, value: to(before) }];
  assert.ok((await store.txn({ compare: [], then })).ok);
  return before;
}

function withVersion(serverVersion: string): (value: JsonValue | undefined) => JsonValue {
  return (value) => {
    assert.ok(typeof value === "object" && value !== null && !Array.isArray(value));
    return { ...value, serverVersion };
  };
}

/** The first server is of another version from now on, as far as its record says; `back` ends that. */
async function pretendNewer(
  t: TestContext,
  controlPlane: TestControlPlane,
): Promise<{ back(): Promise<unknown> }> {
  const store = await storeThrough(t, firstOf(controlPlane));
  const key = `${keys.servers}1`;
  const before = await change(store, key, withVersion("7.0.0"));
  assert.ok(before !== undefined);
  return { back: () => change(store, key, () => before) };
}

async function memberCount(t: TestContext, server: TestServer): Promise<number> {
  const members = await Members.of(server);
  t.after(() => members.close());
  return (await members.list()).length;
}

async function assertRefused(server: TestServer, words: RegExp): Promise<void> {
  assert.equal(await server.ended(), 1, server.logOfThisLife.slice(-2_000));
  assert.match(server.logOfThisLife, words);
}

async function assertDecidesAlone(t: TestContext, controlPlane: TestControlPlane): Promise<void> {
  const first = firstOf(controlPlane);
  const created = await controlPlane.client(first).createJoinToken({ role: "node" });
  assert.ok(created.ok, "the first server can write");
  assert.equal(await memberCount(t, first), 1);
}

test("a server that is too old by the time it is started gets no vote", options, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1 });
  t.after(() => controlPlane.stop());
  const server = await controlPlane.prepareServer();
  const newer = await pretendNewer(t, controlPlane);
  server.start();
  await assertRefused(server, versionWords);
  assert.doesNotMatch(server.log, /as a learner|has caught up and votes/);
  await assertDecidesAlone(t, controlPlane);
  await newer.back();
  await comesIn(controlPlane, server);
});

test("a server that does not know the store's schema gets no vote", options, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1 });
  t.after(() => controlPlane.stop());
  const server = await controlPlane.prepareServer();
  const first = firstOf(controlPlane);
  const store = await storeThrough(t, first);
  first.process?.kill("SIGSTOP"); // it would end; its member goes on
  const record = { version: 1, schema: 99, migratedAtMs: 1, byVersion: "7.0.0" };
  await change(store, keys.schema, () => record);
  server.start();
  await assertRefused(
    server,
    /the store has schema 99 of holdfast 7\.0\.0.*start holdfast 7\.0\.0/,
  );
  assert.doesNotMatch(server.log, /as a learner|has caught up and votes/);
  assert.equal(await memberCount(t, first), 1);
  await change(store, keys.schema, () => record); // its quorum can still decide
});

test(
  "a server that was killed right after its promotion, and is too old then, gives its vote back",
  options,
  async (t) => {
    let newer: Awaited<ReturnType<typeof pretendNewer>> | undefined;
    const { controlPlane, server } = await halfIn(t, async (running) => {
      newer = await pretendNewer(t, running);
    });
    server.start();
    await assertRefused(server, versionWords);
    await assertDecidesAlone(t, controlPlane);
    await newer?.back();
    await comesIn(controlPlane, server);
  },
);

test("a server that is refused after its promotion gives its vote back", options, async (t) => {
  const { controlPlane, server } = await frozenHalfIn(t);
  const newer = await pretendNewer(t, controlPlane);
  server.thaw();
  await assertRefused(server, /server "server2" is of version [0-9.]+, and server "server1" of 7/);
  await assertDecidesAlone(t, controlPlane);
  await newer.back();
  await comesIn(controlPlane, server);
});

test(
  "a server that was silent for so long on its way in that its member was taken out enters anew",
  options,
  async (t) => {
    const { controlPlane, server } = await frozenHalfIn(t, 2);
    server.freeze();
    const members = await Members.of(firstOf(controlPlane));
    t.after(() => members.close());
    await until("its member to be out", async () => (await members.list()).length === 2);
    server.thaw();
    // Its own member may tell it first, or the others, once it is registered.
    await assertRefused(server, /is out for good|was taken out|does not answer|removed/);
    await comesIn(controlPlane, server);
    assert.equal((await members.list()).length, 3);
  },
);
