/** A server that dies on its way in: it goes on where it was when it is started again, and leaves nothing when it is not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { openEtcdStore } from "../../src/stores/etcd/etcd-store.ts";
import { keys } from "../../src/wire/records.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestServer,
  until,
} from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { accessTo, firstOf, Members } from "./support/facts.ts";
import { comesIn, halfIn, killAt } from "./support/half-in.ts";

const skip = missingForEtcd();
/** One that has voted and was killed before it was a server of the control plane; on a fast machine not the first. */
async function killedAsVoter(controlPlane: TestControlPlane): Promise<TestServer> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const server = await controlPlane.prepareServer();
    await killAt(server, "has caught up and votes");
    const listed = await controlPlane.client().servers();
    assert(listed.ok);
    const known = listed.value.items.find(({ id }) => id === server.id);
    if (known === undefined || known.health === "starting") return server;
    controlPlane.servers.pop();
    assert((await controlPlane.client().removeServer(server.id)).ok);
  }
  throw new Error("each was a server before it could be killed");
}

test("a server that is killed right after its promotion, when the others need its vote, goes on from its data", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { controlPlane, server } = await halfIn(t);
  await comesIn(controlPlane, server);
  assert.match(server.log, /goes on with its way into the store's cluster/);
  assert.equal((await controlPlane.list()).length, 2);
});

test("a freeze that came while a server was on its way in is ended after all of them were killed: its vote is back", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { controlPlane, server } = await halfIn(t, async (frozen) =>
    answerOf(await frozen.client().freeze({ reason: "all servers are restarted" })),
  );
  const first = firstOf(controlPlane);
  await first.kill();
  first.start();
  await comesIn(controlPlane, server);
  const client = controlPlane.client();
  assert.equal(answerOf(await client.freezeState()).frozen, true);
  answerOf(await client.unfreeze());
});

test("a server that is killed as a learner is gone when its lease is over, and can enter anew", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1 });
  t.after(() => controlPlane.stop());
  const server = await controlPlane.prepareServer();
  await killAt(server, "enters the store's cluster as a learner");
  const members = await Members.of(firstOf(controlPlane));
  t.after(() => members.close());
  await until("no member to be left behind", async () => (await members.list()).length === 1);
  await comesIn(controlPlane, server);
  assert.equal((await members.list()).length, 2);
});

test("a server that was taken out while it was away enters anew", {
  skip,
  timeout: 120_000,
}, async (t) => {
  // Two voters stay without it, so that it can be taken out.
  const controlPlane = await startControlPlane({ servers: 2 });
  t.after(() => controlPlane.stop());
  const server = await killedAsVoter(controlPlane);
  const members = await Members.of(firstOf(controlPlane));
  t.after(() => members.close());
  await until("no member to be left behind", async () => (await members.list()).length === 2);
  await comesIn(controlPlane, server);
  assert.match(server.log, /taken out while it was away; it enters anew/);
});

test("a server that waits and dies gives its place free, and one that is told to end leaves nothing", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1 });
  t.after(() => controlPlane.stop());
  const opened = await openEtcdStore(await accessTo(firstOf(controlPlane)));
  assert.ok(opened.ok);
  const store = opened.value;
  t.after(() => store.close());
  const lease = await store.grantLease(60_000);
  assert.ok(lease.ok);
  const value = { version: 1, id: "99", name: "slow", peerUrl: "https://127.0.0.1:1", sinceMs: 0 };
  const key = `${keys.joins}99`;
  const then = [{ kind: "put" as const, key, value, leaseId: lease.value }];
  assert.ok((await store.txn({ compare: [], then })).ok);
  const places = async (): Promise<number> => {
    const read = await store.range(keys.joins);
    return read.ok ? read.value.entries.length : -1;
  };

  const server = await controlPlane.prepareServer();
  await killAt(server, "waits for its turn to join: 1 before it");
  await until("its place to be free", async () => (await places()) === 1);
  const from = server.log.length;
  server.start();
  await until("it waits", () =>
    server.log.slice(from).includes("waits for its turn to join: 1 before it"),
  );
  const ended = server.process === undefined ? undefined : once(server.process, "exit");
  server.process?.kill("SIGTERM");
  await ended;
  assert.equal(server.process?.exitCode, 0);
  assert.equal(await places(), 1, "its place is free at once");
  assert.ok((await store.revokeLease(lease.value)).ok);
  await comesIn(controlPlane, server);
});
