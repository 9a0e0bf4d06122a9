import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { Store } from "../../src/ports/store.ts";
import { openSqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import {
  clock,
  eventually,
  type Harness,
  listOf,
  openStream,
  serviceBody,
  startHarness,
  temporaryDirectory,
} from "./harness.ts";

async function openStore(dataDirectory: string): Promise<Store> {
  const store = await openSqliteStore({ clock, file: join(dataDirectory, "store.db") });
  if (!store.ok) throw new Error(JSON.stringify(store.error));
  return store.value;
}

async function startOn(t: TestContext, dataDirectory: string) {
  const store = await openStore(dataDirectory);
  const harness = await startHarness(t, { store, dataDirectory });
  const stop = async () => {
    await harness.server.close();
    await store.close();
  };
  return { harness, stop };
}

async function isStarted(harness: Harness, name: string): Promise<boolean> {
  const service = await harness.call("GET", `/v1/services/process:${name}`);
  return String(service.json["state"]) === "started";
}

test("startServer() on the same data goes on where it was, with leases and history", async (t) => {
  const dataDirectory = await temporaryDirectory(t);
  const before = await startOn(t, dataDirectory);
  const agent = await before.harness.agent("node1");
  await before.harness.call("POST", "/v1/services", { body: serviceBody("api") });
  await eventually("it is placed", () => isStarted(before.harness, "api"));
  const service = await before.harness.call("GET", "/v1/services/process:api");
  const events = await before.harness.call("GET", "/v1/events");
  const info = JSON.parse(await readFile(join(dataDirectory, "server.json"), "utf8"));
  assert.deepEqual(info, { url: before.harness.server.url, pid: process.pid });
  await before.stop();
  await assert.rejects(stat(join(dataDirectory, "server.json")), { code: "ENOENT" });

  const after = await startOn(t, dataDirectory);
  t.after(after.stop);
  assert.equal(after.harness.server.serverId, before.harness.server.serverId);
  assert.equal(after.harness.adminToken, before.harness.adminToken);
  const again = await after.harness.call("GET", "/v1/services/process:api");
  assert.deepEqual(again.json, service.json, "same instruction, same uid");
  const { incarnation, leaseId, epoch, token } = agent;
  const renewed = await after.harness.call("POST", "/v1/agent/lease", {
    token,
    body: { incarnation, renew: { leaseId, epoch } },
  });
  assert.equal(renewed.status, 200, "the lease is alive, with a full time");
  await after.harness.call("POST", "/v1/services", { body: serviceBody("web") });
  await eventually("the new manager decides", () => isStarted(after.harness, "web"));
  const later = listOf((await after.harness.call("GET", "/v1/events")).json["items"]);
  const known = listOf(events.json["items"]);
  assert.deepEqual(later.slice(-known.length), known, "no event is lost");
  const sequences = later.map((event) => Number(event["sequence"])).reverse();
  const counted = sequences.map((_, index) => index + 1);
  assert.deepEqual(sequences, counted, "the sequence continues");
});

test("a cluster that was disarmed when its server ended has a manager again, and can be armed", async (t) => {
  const dataDirectory = await temporaryDirectory(t);
  const before = await startOn(t, dataDirectory);
  await before.harness.agent("node1");
  const arming = async (harness: Harness, mode: string) =>
    await harness.call("PUT", "/v1/arming", { body: { mode } });
  const asked = await arming(before.harness, "ignore");
  assert.equal(asked.status, 200, asked.text);
  await before.stop();
  const { harness, stop } = await startOn(t, dataDirectory);
  t.after(stop);
  const stateNow = async () => String((await harness.call("GET", "/v1/arming")).json["state"]);
  await eventually("the manager keeps the person's word", async () => {
    return (await stateNow()) === "disarmed";
  });
  const refused = await harness.call("POST", "/v1/services", { body: serviceBody("api") });
  assert.equal(String(refused.json["code"]), "refused", refused.text);
  assert.equal((await arming(harness, "armed")).status, 200);
  assert.equal(await stateNow(), "armed");
  await harness.agent("node2");
  await harness.call("POST", "/v1/services", { body: serviceBody("api") });
  await eventually("it decides again", () => isStarted(harness, "api"));
});

test("GET /v1/watch resumes across a restart of the server", async (t) => {
  const dataDirectory = await temporaryDirectory(t);
  const before = await startOn(t, dataDirectory);
  const made = await before.harness.call("POST", "/v1/services", { body: serviceBody("a") });
  await before.harness.call("POST", "/v1/services", { body: serviceBody("b") });
  await before.stop();
  const after = await startOn(t, dataDirectory);
  t.after(after.stop);
  const stream = await openStream(
    after.harness.server.url,
    `/v1/watch?after=${String(made.json["revision"])}`,
    { token: after.harness.adminToken },
  );
  t.after(() => stream.close());
  await stream.until(
    "what happened before the restart",
    (message) => message.event === "service" && String(message.data["id"]) === "process:b",
  );
});
