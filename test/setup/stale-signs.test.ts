/** All servers were stopped to become another version, and what the last ones left says that they live. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openEtcdStore } from "../../src/stores/etcd/etcd-store.ts";
import { keys } from "../../src/wire/records.ts";
import { serverRecordSchema } from "../../src/wire/servers.ts";
import { startControlPlane } from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { accessTo, firstOf } from "./support/facts.ts";

test("servers that were killed at a version that does not fit to theirs of now come back: signs of life that nobody answers for go", {
  skip: missingForEtcd(),
  timeout: 180_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 2 });
  t.after(() => controlPlane.stop());
  const opened = await openEtcdStore(await accessTo(firstOf(controlPlane)));
  assert.ok(opened.ok);
  const store = opened.value;
  const records = await store.range(keys.servers);
  assert.ok(records.ok && records.value.entries.length === 2);
  const then = records.value.entries.map(({ key, value }) => {
    const old = { ...serverRecordSchema.parse(value), serverVersion: "7.0.0" };
    return { kind: "put" as const, key, value: JSON.parse(JSON.stringify(old)) };
  });
  assert.ok((await store.txn({ compare: [], then })).ok);
  const signs = await store.range(keys.serverLeases);
  assert.ok(signs.ok && signs.value.entries.length === 2);
  await store.close();
  await Promise.all(controlPlane.servers.map((server) => server.kill()));

  for (const server of controlPlane.servers) server.start();
  await controlPlane.allServe();
  const logs = controlPlane.servers.map(({ logOfThisLife }) => logOfThisLife);
  assert.match(logs.join(""), /waits for at most 20 s until the sign of life is gone of server/);
  for (const { process } of controlPlane.servers) assert.equal(process?.exitCode, null);
});
