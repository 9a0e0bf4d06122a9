/** What the API says and does about nodes that are disabled, flushed, put offline and enabled. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import {
  type AgentDouble,
  type Answer,
  eventually,
  type Harness,
  listOf,
  serviceBody,
  startHarness,
} from "./harness.ts";

const patient = { initialSettings: { profile: "patient", roundMs: 1_000 } } as const;

function order(harness: Harness, node: string, said: string): Promise<Answer> {
  return harness.call("PUT", `/v1/nodes/${node}/mode`, { body: { order: said } });
}

/** Two nodes, of which node1 runs `process:a`. */
async function cluster(t: TestContext): Promise<{ harness: Harness; agent: AgentDouble }> {
  const harness = await startHarness(t, patient);
  const agent = await harness.agent("node1");
  await harness.agent("node2");
  for (const node of ["node1", "node2"]) {
    await eventually(`${node} is online`, async () => {
      return String((await harness.call("GET", `/v1/nodes/${node}`)).json["state"]) === "online";
    });
  }
  await harness.call("POST", "/v1/services", { body: serviceBody("a", { node: "node1" }) });
  await until(harness, "a", "node", "node1");
  await report(harness, agent, "running");
  return { harness, agent };
}

async function until(
  harness: Harness,
  name: string,
  field: string,
  value: string,
): Promise<Answer> {
  let found: Answer | undefined;
  await eventually(`its ${field} is ${value}`, async () => {
    found = await harness.call("GET", `/v1/services/process:${name}`);
    return String(found.json[field]) === value;
  });
  assert.ok(found !== undefined);
  return found;
}

async function report(harness: Harness, agent: AgentDouble, result: string): Promise<void> {
  const uid = String((await harness.call("GET", "/v1/services/process:a")).json["uid"]);
  const said = { uid, epoch: agent.epoch, result, detail: "", health: "none" };
  const answer = await agent.post("/v1/agent/report", { service: "process:a", ...said });
  assert.equal(answer.status, 204, answer.text);
}

test("PUT /v1/nodes/:id/mode disables a node: new services go elsewhere, and it says so", async (t) => {
  const { harness } = await cluster(t);
  const disabled = await order(harness, "node1", "disable");
  assert.deepEqual([disabled.status, disabled.json["mode"]], [200, "disabled"]);
  assert.match(
    String(disabled.json["reason"]),
    /^a person has disabled it: .*; node "node1" holds/,
  );
  await harness.call("POST", "/v1/services", { body: serviceBody("b", { node: "node1" }) });
  await until(harness, "b", "node", "node2");
  await until(harness, "a", "node", "node1");
  const command = { command: "relocate", target: "node1" };
  const refused = await harness.call("POST", "/v1/services/process:b/commands", { body: command });
  assert.match(String(refused.json["detail"]), /node "node1".*a person has disabled it/);
  const why = await harness.call("GET", "/v1/services/process:b/why");
  assert.match(JSON.stringify(why.json["nodes"]), /a person has disabled it/);
});

test("PUT /v1/nodes/:id/mode flushes a node, and names what stays and why", async (t) => {
  const { harness, agent } = await cluster(t);
  const rule = { type: "node-affinity", strict: true, services: ["process:b"] };
  await harness.call("POST", "/v1/services", { body: serviceBody("b", { node: "node1" }) });
  await until(harness, "b", "state", "started");
  const put = await harness.call("PUT", "/v1/rules/only", {
    body: { ...rule, name: "only", nodes: [{ node: "node1" }] },
  });
  assert.ok(put.status < 300, put.text);
  const flushed = await order(harness, "node1", "flush");
  assert.equal(flushed.json["mode"], "flushed");
  const [staying, ...others] = listOf(flushed.json["staying"]);
  assert.equal(staying?.["service"], "process:b");
  assert.match(String(staying?.["because"]), /only/);
  assert.deepEqual(others, []);
  await until(harness, "a", "target", "node2");
  await report(harness, agent, "stopped");
  await until(harness, "a", "node", "node2");
  const stays = await until(harness, "b", "node", "node1");
  assert.match(String(stays.json["reason"]), /would leave node "node1"/);
});

test("PUT /v1/nodes/:id/mode puts a node offline, which only enable ends", async (t) => {
  const { harness, agent } = await cluster(t);
  assert.equal((await order(harness, "node1", "offline")).json["mode"], "offline");
  for (const said of ["disable", "flush"]) {
    const refused = await order(harness, "node1", said);
    assert.equal(refused.json["code"], "refused");
    assert.match(String(refused.json["detail"]), /it is offline, and only enable ends that/);
  }
  const command = { command: "stop" };
  const stop = await harness.call("POST", "/v1/services/process:a/commands", { body: command });
  assert.match(String(stop.json["detail"]), /left alone: node "node1" is offline; enable it first/);
  const maintenance = await harness.call("PUT", "/v1/nodes/node1/maintenance", {
    body: { on: true },
  });
  assert.match(String(maintenance.json["detail"]), /is offline.*enable it first/);
  const released = await agent.post("/v1/agent/release", {
    epoch: agent.epoch,
    leaseId: agent.leaseId,
  });
  assert.ok(released.status < 300, released.text);
  await eventually("the lease is gone", async () => {
    return String((await harness.call("GET", "/v1/nodes/node1")).json["leased"]) === "false";
  });
  const why = await harness.call("GET", "/v1/services/process:a/why");
  assert.match(String(why.json["summary"]), /is started on node "node1" because .*put it offline/);
  assert.equal((await order(harness, "node1", "enable")).json["mode"], "enabled");
  await until(harness, "a", "node", "node2");
});

test("PUT /v1/nodes/:id/mode changes nothing twice, and is kept in the audit and the events", async (t) => {
  const { harness } = await cluster(t);
  for (const said of ["enable", "disable", "disable", "flush", "enable", "enable"]) {
    assert.equal((await order(harness, "node1", said)).status, 200, said);
  }
  const audit = listOf((await harness.call("GET", "/v1/audit")).json["items"]);
  const actions = audit.map(({ action }) => String(action));
  const own = actions.filter((one) => /^node\.(disable|flush|enable)$/.test(one));
  assert.deepEqual(own.sort(), ["node.disable", "node.enable", "node.flush"]);
  await eventually("each is an event of the node", async () => {
    const events = listOf((await harness.call("GET", "/v1/events")).json["items"]);
    const said = events.filter(({ code }) => String(code) === "node-mode");
    return said.length === 3 && said.every(({ subject }) => String(subject) === "node1");
  });
});

test("PUT /v1/nodes/:id/mode knows its orders and nodes, and flushes nothing in a disarmed cluster", async (t) => {
  const { harness } = await cluster(t);
  assert.equal((await order(harness, "node9", "disable")).status, 404);
  assert.equal((await order(harness, "node1", "explode")).status, 400);
  await harness.call("PUT", "/v1/arming", { body: { mode: "ignore" } });
  assert.match(String((await order(harness, "node1", "flush")).json["detail"]), /disarmed/);
  assert.equal((await order(harness, "node1", "disable")).status, 200);
});
