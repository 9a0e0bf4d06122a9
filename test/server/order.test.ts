/** What services say of each other and of memory: cycles and unknown names are refused, room is reckoned. */
import assert from "node:assert/strict";
import test from "node:test";
import {
  type Answer,
  eventually,
  type Harness,
  listOf,
  serviceBody,
  startHarness,
} from "./harness.ts";

const mebibyte = 1_048_576;

function add(harness: Harness, name: string, more: object = {}): Promise<Answer> {
  return harness.call("POST", "/v1/services", { body: serviceBody(name, more) });
}

test("POST /v1/services names services in after and requires that there are not", async (t) => {
  const harness = await startHarness(t);
  const answer = await add(harness, "api", { after: ["process:db"], requires: ["process:net"] });
  assert.deepEqual([answer.status, answer.json["code"]], [400, "bad-input"]);
  assert.deepEqual(answer.json["faults"], [
    { path: "after.0", message: 'there is no service "process:db"' },
    { path: "requires.0", message: 'there is no service "process:net"' },
  ]);
});

test("a cycle of after and requires is refused and written out", async (t) => {
  const harness = await startHarness(t);
  await add(harness, "a");
  await add(harness, "b", { requires: ["process:a"] });
  await add(harness, "c", { after: ["process:b"] });
  const path = "/v1/services/process:a";
  const answer = await harness.call("PATCH", path, { body: { after: ["process:c"] } });
  assert.deepEqual([answer.status, answer.json["code"]], [400, "bad-input"]);
  assert.deepEqual(answer.json["faults"], [
    {
      path: "after",
      message:
        "process:a would wait for itself: process:a waits for process:c waits for process:b waits for process:a",
    },
  ]);
  const itself = await add(harness, "d", { requires: ["process:d"] });
  assert.match(String(itself.json["detail"]), /process:d waits for process:d$/);
});

test("two changes at once never make a cycle together", async (t) => {
  const harness = await startHarness(t);
  await add(harness, "a");
  await add(harness, "b");
  for (let round = 0; round < 5; round += 1) {
    const both = await Promise.all([
      harness.call("PATCH", "/v1/services/process:a", { body: { after: ["process:b"] } }),
      harness.call("PATCH", "/v1/services/process:b", { body: { after: ["process:a"] } }),
    ]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 400]);
    for (const name of ["a", "b"]) {
      await harness.call("PATCH", `/v1/services/process:${name}`, { body: { after: [] } });
    }
  }
});

test("what others require cannot be removed; what only goes before them can", async (t) => {
  const harness = await startHarness(t, { initialSettings: { profile: "patient" } });
  await harness.agent("node1");
  await add(harness, "db", { state: "stopped" });
  await add(harness, "cache", { state: "ignored" });
  await add(harness, "api", { requires: ["process:db"], after: ["process:cache"] });
  const refused = await harness.call("DELETE", "/v1/services/process:db");
  assert.equal(refused.json["code"], "refused");
  assert.match(String(refused.json["detail"]), /"process:api" requires "process:db"/);
  assert.equal((await harness.call("DELETE", "/v1/services/process:cache")).status, 202);
  await eventually("the one that goes before is forgotten", async () => {
    return (await harness.call("GET", "/v1/services/process:cache")).status === 404;
  });
  const stopped = await harness.call("PATCH", "/v1/services/process:api", {
    body: { state: "stopped" },
  });
  assert.equal(stopped.status, 200, "a name that vanished later stands in nobody's way");
});

async function startWithRoom(
  t: Parameters<typeof startHarness>[0],
  action: "refuse" | "warn",
): Promise<Harness> {
  const admission = { losses: 1, action };
  const harness = await startHarness(t, { initialSettings: { profile: "patient", admission } });
  for (const node of ["node1", "node2"]) {
    const agent = await harness.agent(node);
    await agent.post("/v1/agent/join", {
      agentVersion: "1",
      properties: {},
      capacity: { cpuCores: 4, memoryBytes: 1_000 * mebibyte },
    });
  }
  return harness;
}

const limits = (mebibytes: number) => ({ limits: { memoryBytes: mebibytes * mebibyte } });

test("admission refuses a service for which memory would not suffice after a loss, with the figures", async (t) => {
  const harness = await startWithRoom(t, "refuse");
  assert.equal((await add(harness, "a", limits(600))).status, 201);
  const refused = await add(harness, "b", limits(500));
  assert.deepEqual([refused.status, refused.json["code"]], [409, "refused"]);
  assert.match(String(refused.json["detail"]), /after the loss of node[12]/);
  assert.match(String(refused.json["detail"]), /1100 MiB are needed, 1000 MiB would be left/);
  assert.match(String(refused.json["detail"]), /no room for process:[ab]/);
  assert.equal((await add(harness, "b", limits(400))).status, 201);
  const more = await harness.call("PATCH", "/v1/services/process:b", { body: limits(401) });
  assert.equal(more.json["code"], "refused");
  const free = await add(harness, "c", { ...limits(5_000), mayOvercommit: true });
  assert.equal(free.status, 201, "what may be overcommitted needs no room");
  const stopped = await add(harness, "d", { ...limits(5_000), state: "stopped" });
  assert.equal(stopped.status, 201, "what does not run needs no room");
  const started = await harness.call("PATCH", "/v1/services/process:d", {
    body: { state: "started" },
  });
  assert.equal(started.json["code"], "refused", "until it is to run");
});

test("admission that warns lets the service in and says the same", async (t) => {
  const harness = await startWithRoom(t, "warn");
  const first = await add(harness, "a", limits(600));
  assert.equal(first.json["warnings"], undefined);
  const second = await add(harness, "b", limits(500));
  assert.equal(second.status, 201);
  assert.match(String(listOf(second.json["warnings"])[0]), /1100 MiB are needed, 1000 MiB/);
});

test("two services at once are not both let in where there is room for one", async (t) => {
  const harness = await startWithRoom(t, "refuse");
  const both = await Promise.all([add(harness, "a", limits(600)), add(harness, "b", limits(600))]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [201, 409]);
});

test("where memory is short already, what needs no more than before is let in", async (t) => {
  const harness = await startWithRoom(t, "refuse");
  await harness.call("PATCH", "/v1/settings", { body: { admission: null } });
  await add(harness, "a", limits(900));
  await add(harness, "b", limits(900));
  await harness.call("PATCH", "/v1/settings", { body: { admission: {} } });
  const less = await harness.call("PATCH", "/v1/services/process:a", { body: limits(800) });
  assert.equal(less.status, 200, less.text);
  const more = await harness.call("PATCH", "/v1/services/process:a", { body: limits(900) });
  assert.equal(more.json["code"], "refused");
});

test("PATCH /v1/settings changes one field, merges a part, and sets back with null", async (t) => {
  const harness = await startHarness(t);
  const patch = (body: object) => harness.call("PATCH", "/v1/settings", { body });
  const first = await patch({ scheduler: "static", autoRebalance: { margin: 0.2 } });
  assert.equal(first.status, 200, first.text);
  const second = await patch({ autoRebalance: { threshold: 0.5 }, profile: "fast" });
  assert.equal(second.json["scheduler"], "static");
  assert.deepEqual(second.json["autoRebalance"], {
    method: "bruteforce",
    threshold: 0.5,
    holdRounds: 3,
    margin: 0.2,
  });
  const third = await patch({ autoRebalance: null, scheduler: null });
  assert.deepEqual([third.json["autoRebalance"], third.json["scheduler"]], [undefined, "basic"]);
  const bad = await patch({ brake: { lostShare: 2 } });
  assert.equal(listOf(bad.json["faults"])[0]?.["path"], "brake.lostShare");
  const unknown = await patch({ colour: "red" });
  assert.match(String(unknown.json["detail"]), /colour: unknown field/);
});
