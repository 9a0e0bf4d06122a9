/** What the API says and does about taints, volumes, and nodes that were taken out. */
import assert from "node:assert/strict";
import test from "node:test";
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
const path = "/v1/services/process:a";

function taint(harness: Harness, node: string, name: string, wish: "on" | "off"): Promise<Answer> {
  return harness.call(wish === "on" ? "PUT" : "DELETE", `/v1/nodes/${node}/taints/${name}`);
}

async function untilOnline(harness: Harness, ...nodes: readonly string[]): Promise<void> {
  for (const node of nodes) {
    await eventually(`${node} is online`, async () => {
      return String((await harness.call("GET", `/v1/nodes/${node}`)).json["state"]) === "online";
    });
  }
}

async function untilService(harness: Harness, field: string, value: string): Promise<Answer> {
  let found: Answer | undefined;
  await eventually(`its ${field} is ${value}`, async () => {
    found = await harness.call("GET", path);
    return String(found.json[field]) === value;
  });
  assert.ok(found !== undefined);
  return found;
}

async function report(harness: Harness, agent: AgentDouble, result: string): Promise<void> {
  const uid = String((await harness.call("GET", path)).json["uid"]);
  const said = { uid, epoch: agent.epoch, result, detail: "", health: "none" };
  const answer = await agent.post("/v1/agent/report", { service: "process:a", ...said });
  assert.equal(answer.status, 204, answer.text);
}

test("PUT /v1/nodes/:id/taints/:taint closes a node, while another one is open, and DELETE opens it", async (t) => {
  const harness = await startHarness(t, patient);
  const agent = await harness.agent("node1");
  await untilOnline(harness, "node1");
  const alone = await taint(harness, "node1", "control-plane", "on");
  assert.equal(alone.json["code"], "refused");
  assert.match(
    String(alone.json["detail"]),
    /no other node is online, enabled and without a taint/,
  );
  await harness.agent("node2");
  await untilOnline(harness, "node2");
  await harness.call("POST", "/v1/services", { body: serviceBody("a", { node: "node1" }) });
  await untilService(harness, "state", "started");
  await report(harness, agent, "running");
  await harness.call("PUT", "/v1/nodes/node2/mode", { body: { order: "disable" } });
  const last = await taint(harness, "node1", "control-plane", "on");
  assert.equal(last.json["code"], "refused", "a disabled node takes none of its services");
  await harness.call("PUT", "/v1/nodes/node2/mode", { body: { order: "enable" } });
  const closed = await taint(harness, "node1", "control-plane", "on");
  assert.deepEqual([closed.status, closed.json["taints"]], [200, ["control-plane"]]);
  const again = await taint(harness, "node1", "control-plane", "on");
  assert.deepEqual(again.json["taints"], ["control-plane"], "saying it twice changes nothing");
  assert.equal((await taint(harness, "node2", "old", "on")).json["code"], "refused");
  await untilService(harness, "target", "node2");
  await report(harness, agent, "stopped");
  await untilService(harness, "node", "node2");
  const back = await harness.call("POST", `${path}/commands`, {
    body: { command: "migrate", target: "node1" },
  });
  assert.match(String(back.json["detail"]), /cannot go to node "node1": .* "control-plane"/);
  const opened = await taint(harness, "node1", "control-plane", "off");
  assert.deepEqual(opened.json["taints"], []);
  const audit = listOf((await harness.call("GET", "/v1/audit")).json["items"]);
  const taints = audit.map(({ action }) => String(action)).filter((one) => one.includes("taint"));
  assert.deepEqual(taints.sort(), ["node.taint", "node.untaint"]);
});

test("PUT /v1/nodes/:id/taints/:taint knows nodes and names, and has a bound", async (t) => {
  const harness = await startHarness(t, patient);
  await harness.agent("node1");
  await harness.agent("node2");
  await untilOnline(harness, "node1", "node2");
  assert.equal((await taint(harness, "node9", "a", "on")).status, 404);
  assert.equal((await taint(harness, "node1", "a%20b", "on")).status, 400);
  for (let index = 0; index < 16; index += 1) {
    assert.equal((await taint(harness, "node1", `t${index}`, "on")).status, 200);
  }
  assert.equal((await taint(harness, "node1", "t16", "on")).status, 429);
});

test("a service with volumes stays with its node, and goes on elsewhere once that is removed", async (t) => {
  const harness = await startHarness(t, patient);
  const agent = await harness.agent("node1");
  await harness.agent("node2");
  await untilOnline(harness, "node1", "node2");
  const body = serviceBody("a", { node: "node1", volumes: ["data"] });
  await harness.call("POST", "/v1/services", { body });
  await untilService(harness, "state", "started");
  await report(harness, agent, "running");
  await untilService(harness, "boundTo", "node1");
  const moved = await harness.call("POST", `${path}/commands`, {
    body: { command: "relocate", target: "node2" },
  });
  assert.equal(moved.json["code"], "refused");
  assert.match(String(moved.json["detail"]), /volumes \(data\) are bound to node "node1"/);
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  const waiting = await untilService(harness, "state", "recovery");
  await eventually("it says what it waits for", async () => {
    const { json } = await harness.call("GET", path);
    return /waits for node "node1", where its volume data is/.test(String(json["reason"]));
  });
  assert.equal(waiting.json["node"], "node1");
  const why = (await harness.call("GET", `${path}/why`)).json;
  assert.match(JSON.stringify(why["next"]), /holdfast node remove node1/);
  assert.equal((await harness.call("DELETE", "/v1/nodes/node1")).status, 204);
  const free = await untilService(harness, "node", "node2");
  assert.equal(free.json["boundTo"], undefined);
});

test("a node that stays lost is purged, its volumes are free, and its machine is turned away", async (t) => {
  const harness = await startHarness(t, {
    initialSettings: { profile: "patient", roundMs: 1_000, purgeAfterMs: 500 },
  });
  const agent = await harness.agent("node1");
  await harness.agent("node2");
  await untilOnline(harness, "node1", "node2");
  const body = serviceBody("a", { node: "node1", volumes: ["data"] });
  await harness.call("POST", "/v1/services", { body });
  await untilService(harness, "state", "started");
  await report(harness, agent, "running");
  await untilService(harness, "boundTo", "node1");
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  await untilService(harness, "node", "node2");
  assert.equal((await harness.call("GET", "/v1/nodes/node1")).status, 404);
  const back = await agent.post("/v1/agent/join", { agentVersion: "1", properties: {} });
  assert.equal(back.status, 403);
  assert.match(
    String(back.json["detail"]),
    /"node1" was taken out of the cluster.*it was lost for/,
  );
  const events = listOf((await harness.call("GET", "/v1/events?subject=node1")).json["items"]);
  assert.ok(events.some(({ code }) => String(code) === "node-purged"));
});
