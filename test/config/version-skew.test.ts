/** Who is turned away for their version where they would come in, and who never is. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { err, ok } from "../../src/core/result.ts";
import type { LogLevel } from "../../src/ports/log.ts";
import type { Store } from "../../src/ports/store.ts";
import type { ControlPlane } from "../../src/server/control-plane/control-plane.ts";
import { openPresence } from "../../src/server/control-plane/presence.ts";
import { registerServer } from "../../src/server/control-plane/registration.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { serverRecordSchema } from "../../src/wire/servers.ts";
import { clock, quietLog, startHarness } from "../server/harness.ts";

function storeOf(t: TestContext): Store {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  return store;
}

/** Every server that is started here answers at once, for as long as its sign of life is there. */
function peersOf(store: Store): ControlPlane["askPeer"] {
  return async ({ url }) => {
    const id = String(Number(new URL(url).port) - 7000);
    const sign = await store.get(`server-leases/${id}`);
    const record = await store.get(`servers/${id}`);
    if (!sign.ok || !record.ok || sign.value.entry === undefined) return err("it is down");
    const value = serverRecordSchema.parse(record.value.entry?.value);
    return ok({ id, version: value.serverVersion });
  };
}

interface Start {
  readonly id: string;
  readonly version: string;
  readonly warned?: string[];
}

/** The answer is why it may not start; empty: it does. */
async function start(store: Store, { id, version, warned = [] }: Start): Promise<string> {
  const write = (level: LogLevel, sentence: string) => {
    if (level === "warn") warned.push(sentence);
  };
  const registered = await registerServer({
    ...{ store, clock, version, log: { ...quietLog, write } },
    self: { id, name: `s${id}`, url: `https://localhost:${7000 + Number(id)}`, member: undefined },
    memberId: undefined,
    serials: { certificate: id, etcdCertificate: id },
    openPresence: () => openPresence(store, { serverId: id, version }),
    askPeer: peersOf(store),
  });
  return registered.ok ? "" : registered.error;
}

/** Its sign of life goes, as when it ends or dies. */
async function stop(store: Store, id: string): Promise<void> {
  const deleted = await store.txn({
    compare: [],
    then: [{ kind: "delete", key: `server-leases/${id}` }],
  });
  assert.ok(deleted.ok);
}

test("registerServer() lets in a server one minor version apart, and refuses one that is two apart", async (t) => {
  const store = storeOf(t);
  assert.equal(await start(store, { id: "1", version: "0.1.0" }), "");
  assert.equal(await start(store, { id: "2", version: "0.2.0" }), "");
  assert.equal(
    await start(store, { id: "3", version: "0.3.0" }),
    'server "s3" is of version 0.3.0, and server "s1" of 0.1.0: servers work together when they are one minor version apart at most; install 0.1 or 0.2, or stop the servers that do not fit first',
  );
  const read = await store.get("servers/3");
  assert.ok(read.ok && read.value.entry === undefined, "nothing of it is written");
  assert.equal(
    await start(store, { id: "1", version: "0.3.0" }),
    "",
    "its own old version is none",
  );
});

test("registerServer() does not count servers that are down: all may be stopped, and become another version", async (t) => {
  const store = storeOf(t);
  assert.equal(await start(store, { id: "1", version: "0.1.0" }), "");
  assert.equal(await start(store, { id: "2", version: "0.1.0" }), "");
  await stop(store, "1");
  assert.match(await start(store, { id: "1", version: "0.9.0" }), /server "s2" of 0\.1\.0/);
  await stop(store, "2");
  assert.equal(await start(store, { id: "1", version: "0.9.0" }), "");
  assert.match(await start(store, { id: "2", version: "0.1.0" }), /install 0\.8 or 0\.9 or 0\.10/);
});

test("registerServer() of two that start at the same moment lets in only versions that fit", async (t) => {
  for (let round = 0; round < 20; round += 1) {
    const store = storeOf(t);
    for (const id of ["1", "2"]) {
      assert.equal(await start(store, { id, version: "0.1.0" }), "");
      await stop(store, id);
    }
    const ends = await Promise.all([
      start(store, { id: "1", version: "0.2.0" }),
      start(store, { id: "2", version: "0.5.0" }),
    ]);
    assert.equal(ends.filter((end) => end === "").length, 1, ends.join("; "));
  }
});

test("registerServer() lets in a version that is none, and says so", async (t) => {
  const store = storeOf(t);
  const warned: string[] = [];
  assert.equal(await start(store, { id: "1", version: "0.1.0" }), "");
  assert.equal(await start(store, { id: "2", version: "0.0.0-test", warned }), "");
  assert.match(warned.join(), /"0\.0\.0-test", which is no release/);
});

test("POST /v1/agent/join refuses a new node of a version that does not fit, and never one that is in", async (t) => {
  const { agentToken, call } = await startHarness(t, { version: "0.5.0" });
  const token = await agentToken("n1");
  const join = (agentVersion: string) =>
    call("POST", "/v1/agent/join", { token, body: { agentVersion, properties: {} } });
  for (const version of ["0.3.0", "0.6.0", "1.5.0"]) {
    const refused = await join(version);
    assert.equal(refused.status, 409);
    assert.equal(String(refused.json["code"]), "version-skew");
    assert.match(
      String(refused.json["detail"]),
      /^the agent of node "n1" is of version .*; install 0\.4 or 0\.5$/,
    );
  }
  const missing = await call("GET", "/v1/nodes/n1");
  assert.equal(missing.status, 404);
  assert.equal((await join("0.4.9")).status, 200);
  const words = async () =>
    JSON.stringify((await call("GET", "/v1/cluster")).json["versionWarnings"] ?? []);
  assert.equal(await words(), "[]");
  assert.equal((await join("0.3.0")).status, 200);
  const lease = await call("POST", "/v1/agent/lease", {
    token,
    body: { incarnation: "incarnation" },
  });
  assert.equal(lease.status, 200, "what it runs goes on");
  assert.match(
    await words(),
    /the agent of n1 \(0\.3\.0\) is older than the servers' version 0\.5\.0/,
  );
});
