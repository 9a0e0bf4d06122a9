/** Requests that take their time: a change that is written but not shown yet, and bodies that come late or never. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import test from "node:test";
import { epochOf, parseNodeId } from "../../src/core/ids.ts";
import type { Store } from "../../src/ports/store.ts";
import { renewNodeCertificate } from "../../src/server/control-plane/join-node.ts";
import { createApp } from "../../src/server/http/app.ts";
import { createTables } from "../../src/server/view/view-tables.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { clock, eventually, quietLog, startHarness } from "./harness.ts";

/** A store whose watches tell nothing while they are held back. */
function withHeldWatches(store: Store): { readonly store: Store; hold(): void; release(): void } {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  return {
    store: {
      capabilities: store.capabilities,
      get: (key) => store.get(key),
      range: (prefix, options) => store.range(prefix, options),
      txn: (txn) => store.txn(txn),
      async *watch(prefix, options) {
        for await (const batch of store.watch(prefix, options)) {
          await gate.promise;
          yield batch;
        }
      },
      grantLease: (ttlMs) => store.grantLease(ttlMs),
      keepLeaseAlive: (leaseId) => store.keepLeaseAlive(leaseId),
      revokeLease: (leaseId) => store.revokeLease(leaseId),
      close: () => store.close(),
    },
    hold() {
      gate = Promise.withResolvers<void>();
    },
    release: () => gate.resolve(),
  };
}

test("change() does not call a change that is written unavailable: another server would be asked to do it again", async (t) => {
  const memory = createMemoryStore({ clock });
  const held = withHeldWatches(memory);
  const harness = await startHarness(t, { store: held.store });
  t.after(() => memory.close());
  held.hold();
  const body = { role: "viewer", name: "watcher" };
  // The server cannot end while its watch is held back.
  const made = await harness.call("POST", "/v1/tokens", { body }).finally(() => held.release());
  const tokens = await memory.range("tokens/");
  assert.ok(tokens.ok);
  const isWritten = tokens.value.entries.some(({ value }) =>
    JSON.stringify(value).includes('"watcher"'),
  );
  assert.deepEqual([isWritten, made.status, made.json["code"]], [true, 503, "outcome-unknown"]);
});

test("renewNodeCertificate() gives a removed machine no certificate of the one that has its name now", async () => {
  const parsed = parseNodeId("n1");
  assert.ok(parsed.ok);
  const node = parsed.value;
  const tables = createTables();
  const value = {
    ...{ version: 1, node, type: "device", properties: {}, agentVersion: "1", registeredAtMs: 0 },
    ...{ confirmedOffEpoch: epochOf(0), identity: "of the new machine" },
  };
  const entry = { key: "nodes/n1", value, createRevision: 1, modRevision: 1 };
  tables.put({ ...entry, leaseId: undefined });
  const issueForNode = () => Promise.resolve({ ok: true, value: "a certificate" });
  const context = { view: { tables }, controlPlane: { issueForNode, authorityPem: "" } };
  // It looks at these only.
  const asked = (identity: string) =>
    renewNodeCertificate(context as never, { node, identity }, "");
  assert.ok((await asked("of the new machine")).ok);
  const old = await asked("of the old machine");
  assert.ok(!old.ok);
  assert.match(old.error.detail, /removed or joined anew/);
});

test("createApp() ends a request whose body does not come, and keeps no place for it", async (t) => {
  const app = await createApp({
    ...{ log: quietLog, version: "0", answers: "trusted" },
    bodyWithinMs: 200,
  });
  app.post("/v1/login", () => ({}));
  await app.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => app.close());
  const address = app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  const socket = connect(address.port, "127.0.0.1");
  t.after(() => socket.destroy());
  let isClosed = false;
  socket.on("close", () => {
    isClosed = true;
  });
  socket.on("error", () => undefined); // "close" follows
  const head = ["POST /v1/login HTTP/1.1", "host: x", "content-type: application/json"];
  socket.write(`${[...head, "content-length: 100"].join("\r\n")}\r\n\r\n{`);
  await eventually("the connection is closed", () => isClosed);
});
