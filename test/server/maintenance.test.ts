/** What people and agents say of nodes: maintenance, disarming, modes, removal. */
import assert from "node:assert/strict";
import test from "node:test";
import {
  type AgentDouble,
  type Answer,
  eventually,
  type Harness,
  listOf,
  openInstructions,
  serviceBody,
  startHarness,
} from "./harness.ts";

/** A service that was moved is not moved again within a round. */
const patient = { initialSettings: { profile: "patient", roundMs: 1_000 } } as const;
const service = "/v1/services/process:a";

function maintenance(harness: Harness, node: string, on: boolean): Promise<Answer> {
  return harness.call("PUT", `/v1/nodes/${node}/maintenance`, { body: { on } });
}

function arming(harness: Harness, mode: string, reason?: string): Promise<Answer> {
  return harness.call("PUT", "/v1/arming", { body: { mode, reason } });
}

async function untilState(harness: Harness, node: string, state: string): Promise<void> {
  await eventually(`${node} is ${state}`, async () => {
    return String((await harness.call("GET", `/v1/nodes/${node}`)).json["state"]) === state;
  });
}

/** Two nodes, and one service that is reported running on the first. */
async function startPair(t: Parameters<typeof startHarness>[0]): Promise<{
  readonly harness: Harness;
  readonly agents: Readonly<Record<string, AgentDouble>>;
}> {
  const harness = await startHarness(t, patient);
  const agents = { node1: await harness.agent("node1"), node2: await harness.agent("node2") };
  await untilState(harness, "node1", "online");
  await untilState(harness, "node2", "online");
  await harness.call("POST", "/v1/services", { body: serviceBody("a", { node: "node1" }) });
  await eventually("it is to run on node1", async () => {
    return String((await harness.call("GET", service)).json["state"]) === "started";
  });
  await report(harness, agents.node1, "running");
  return { harness, agents };
}

async function report(harness: Harness, agent: AgentDouble, result: string): Promise<void> {
  const uid = String((await harness.call("GET", service)).json["uid"]);
  const said = { uid, epoch: agent.epoch, result, detail: "", health: "none" };
  const answer = await agent.post("/v1/agent/report", { service: "process:a", ...said });
  assert.equal(answer.status, 204, answer.text);
}

test("PUT /v1/nodes/:id/maintenance has services move away and come back", async (t) => {
  const { harness, agents } = await startPair(t);
  const on = await maintenance(harness, "node1", true);
  assert.deepEqual([on.status, on.json["maintenance"]], [200, true]);
  await eventually("the service is on its way", async () => {
    return String((await harness.call("GET", service)).json["target"]) === "node2";
  });
  const moving = await harness.call("GET", service);
  assert.equal(moving.json["maintenanceNode"], "node1");
  assert.ok(agents["node1"] !== undefined && agents["node2"] !== undefined);
  await report(harness, agents["node1"], "stopped");
  await eventually("it runs on the other node", async () => {
    const { json } = await harness.call("GET", service);
    return String(json["node"]) === "node2" && String(json["state"]) === "started";
  });
  await report(harness, agents["node2"], "running");
  const off = await maintenance(harness, "node1", false);
  assert.equal(off.json["maintenance"], false);
  await eventually("it is on its way back", async () => {
    return String((await harness.call("GET", service)).json["target"]) === "node1";
  });
  const audit = await harness.call("GET", "/v1/audit");
  const actions = listOf(audit.json["items"]).map((item) => [item["action"], item["detail"]]);
  assert.deepEqual(actions.slice(0, 2), [
    ["node.maintenance", "off"],
    ["node.maintenance", "on"],
  ]);
});

test("PUT /v1/nodes/:id/maintenance is for online nodes; ending it is always allowed", async (t) => {
  const harness = await startHarness(t, patient);
  const agent = await harness.agent("node1");
  await untilState(harness, "node1", "online");
  assert.equal((await maintenance(harness, "node1", true)).status, 200);
  assert.equal((await maintenance(harness, "node1", true)).status, 200, "again is the same");
  await untilState(harness, "node1", "maintenance");
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  assert.equal((await maintenance(harness, "node1", false)).status, 200);
  await untilState(harness, "node1", "unknown");
  const refused = await maintenance(harness, "node1", true);
  assert.equal(refused.json["code"], "refused");
  assert.match(String(refused.json["detail"]), /node "node1" is unknown, not online/);
  assert.equal((await maintenance(harness, "node9", true)).status, 404);
});

test("PUT /v1/arming disarms once all is let go of, and arms again", async (t) => {
  const { harness, agents } = await startPair(t);
  const before = await harness.call("GET", "/v1/arming");
  assert.deepEqual(before.json, { revision: 0, mode: "armed", state: "armed", waitsFor: [] });
  const asked = await arming(harness, "freeze", "switches are replaced");
  assert.equal(asked.status, 200, asked.text);
  assert.equal(asked.json["reason"], "switches are replaced");
  await eventually("the service is frozen", async () => {
    return String((await harness.call("GET", service)).json["state"]) === "freeze";
  });
  const waiting = await harness.call("GET", "/v1/arming");
  assert.equal(waiting.json["state"], "disarming");
  assert.deepEqual(waiting.json["waitsFor"], [
    "the agent of node1 has not let go of process:a yet",
  ]);
  assert.ok(agents["node1"] !== undefined);
  await report(harness, agents["node1"], "released");
  await eventually("the cluster is disarmed", async () => {
    return String((await harness.call("GET", "/v1/arming")).json["state"]) === "disarmed";
  });
  const { json } = await harness.call("GET", "/v1/cluster");
  assert.equal(json["arming"]?.["state"], "disarmed");
  const other = await arming(harness, "ignore");
  assert.equal(other.json["code"], "refused", "from one way to the other it is armed first");
  const armed = await arming(harness, "armed");
  assert.equal(armed.json["state"], "armed");
  await eventually("the service is looked after again", async () => {
    return String((await harness.call("GET", service)).json["state"]) === "started";
  });
  const events = await harness.call("GET", "/v1/events?subject=cluster");
  assert.deepEqual(
    new Set(listOf(events.json["items"]).map((event) => String(event["kind"]))),
    new Set(["cluster"]),
  );
});

test("while it is disarmed, the cluster takes no orders, nothing new, and lets nothing go", async (t) => {
  const { harness } = await startPair(t);
  await arming(harness, "freeze");
  const tries = [
    await harness.call("POST", "/v1/services", { body: serviceBody("b") }),
    await harness.call("DELETE", service),
    await maintenance(harness, "node1", true),
    await harness.call("POST", `${service}/commands`, {
      body: { command: "relocate", target: "node2" },
    }),
  ];
  for (const answer of tries) {
    assert.deepEqual([answer.status, answer.json["code"]], [409, "refused"], answer.text);
    assert.match(String(answer.json["detail"]), /the cluster is disarmed/);
  }
  const changed = await harness.call("PATCH", service, { body: { description: "words" } });
  assert.equal(changed.status, 200, "a configuration can be changed");
});

test("located is taken of what nobody manages, and of nothing else", async (t) => {
  const { harness } = await startPair(t);
  const located = (target: string) =>
    harness.call("POST", `${service}/commands`, { body: { command: "located", target } });
  const managed = await located("node2");
  assert.equal(managed.json["code"], "refused");
  assert.match(String(managed.json["detail"]), /is managed/);
  await arming(harness, "ignore");
  await eventually("it is left alone", async () => {
    return (await harness.call("GET", service)).json["suspended"] !== undefined;
  });
  const nowhere = await located("node9");
  assert.match(String(nowhere.json["detail"]), /there is no node "node9"/);
  assert.equal((await located("node2")).status, 202);
  await eventually("it is taken to be there", async () => {
    return String((await harness.call("GET", service)).json["node"]) === "node2";
  });
});

const modes = [
  { policy: "conditional", kind: "agent-restart", mode: "restart" },
  { policy: "conditional", kind: "reboot", mode: "restart" },
  { policy: "conditional", kind: "power-off", mode: "shutdown" },
  { policy: "migrate", kind: "reboot", mode: "maintenance" },
  { policy: "failover", kind: "reboot", mode: "shutdown" },
  { policy: "freeze", kind: "power-off", mode: "restart" },
] as const;

test("POST /v1/agent/mode answers with what the shutdown policy makes of leaving", async (t) => {
  const harness = await startHarness(t, patient);
  const { post, epoch } = await harness.agent("node1");
  for (const { policy, kind, mode } of modes) {
    await harness.call("PATCH", "/v1/settings", { body: { shutdownPolicy: policy } });
    const answer = await post("/v1/agent/mode", { kind, epoch });
    assert.deepEqual([answer.status, answer.json], [200, { mode }], `${policy} ${kind}`);
    assert.equal((await harness.call("GET", "/v1/nodes/node1")).json["agentMode"], mode);
  }
  const active = await post("/v1/agent/mode", { kind: "active", epoch });
  assert.deepEqual(active.json, { mode: "active" });
  await untilState(harness, "node1", "online");
  await maintenance(harness, "node1", true);
  const leaving = await post("/v1/agent/mode", { kind: "reboot", epoch });
  assert.deepEqual(leaving.json, { mode: "shutdown" }, "a person's maintenance comes first");
});

test("POST /v1/agent/mode is refused without a live lease of that epoch", async (t) => {
  const harness = await startHarness(t, patient);
  const { post, epoch, leaseId } = await harness.agent("node1");
  const other = await post("/v1/agent/mode", { kind: "reboot", epoch: epoch + 1 });
  assert.equal(other.json["code"], "stale-epoch");
  await post("/v1/agent/release", { epoch, leaseId });
  const late = await post("/v1/agent/mode", { kind: "reboot", epoch });
  assert.equal(late.json["code"], "stale-epoch");
  assert.equal((await harness.call("GET", "/v1/nodes/node1")).json["agentMode"], "active");
});

test("a lease's answer tells how many operations may go on, as the settings say now", async (t) => {
  const harness = await startHarness(t, patient);
  const agent = await harness.agent("node1");
  const renewal = {
    incarnation: agent.incarnation,
    renew: { leaseId: agent.leaseId, epoch: agent.epoch },
  };
  const before = await agent.post("/v1/agent/lease", renewal);
  assert.equal(before.json["operationsPerNode"], 4);
  await harness.call("PATCH", "/v1/settings", { body: { operationsPerNode: 9 } });
  const after = await agent.post("/v1/agent/lease", renewal);
  assert.equal(after.json["operationsPerNode"], 9);
});

test("POST /v1/agent/join takes what the node has for services", async (t) => {
  const harness = await startHarness(t, patient);
  const { post } = await harness.agent("node1");
  const capacity = { cpuCores: 8, memoryBytes: 2_147_483_648 };
  await post("/v1/agent/join", { agentVersion: "1", properties: {}, capacity });
  assert.deepEqual((await harness.call("GET", "/v1/nodes/node1")).json["capacity"], capacity);
});

test("DELETE /v1/nodes/:id is for a node whose lease is over; its machine is turned away until a person lets it in", async (t) => {
  const harness = await startHarness(t, patient);
  const agent = await harness.agent("node1");
  const alive = await harness.call("DELETE", "/v1/nodes/node1");
  assert.equal(alive.json["code"], "refused");
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  const key = "agent-upgrade-reports/node1";
  const said = { version: 1, id: "u1", state: "success", detail: "", agentVersion: "1", atMs: 1 };
  const written = await harness.store.txn({
    compare: [],
    then: [{ kind: "put", key, value: said }],
  });
  assert.ok(written.ok);
  assert.equal((await harness.call("DELETE", "/v1/nodes/node1")).status, 204);
  assert.equal((await harness.call("GET", "/v1/nodes/node1")).status, 404);
  const left = await harness.store.get(key);
  assert.ok(left.ok && left.value.entry === undefined, "what its agent said goes with it");
  const words = { agentVersion: "1", properties: {} };
  const back = await agent.post("/v1/agent/join", words);
  assert.equal(back.json["code"], "not-allowed");
  assert.match(String(back.json["detail"]), /"node1" was taken out of the cluster.*empty its/);
  const lease = await agent.post("/v1/agent/lease", { incarnation: agent.incarnation });
  assert.match(String(lease.json["detail"]), /was taken out of the cluster/);
  const listening = await openInstructions(harness.server.url, agent);
  const made = await harness.call("POST", "/v1/tokens", { body: { role: "agent", node: "node1" } });
  const token = String(made.json["token"]);
  const again = await agent.post("/v1/agent/join", words);
  assert.equal(again.status, 403, "the old machine's token lets nobody in");
  const joined = await harness.call("POST", "/v1/agent/join", { body: words, token });
  assert.equal(joined.status, 200);
  const body = { incarnation: "another machine" };
  const granted = await harness.call("POST", "/v1/agent/lease", { body, token });
  assert.equal(granted.json["epoch"], agent.epoch + 1, "its epoch goes on where it was");
  const old = await agent.post("/v1/agent/join", words);
  assert.equal(old.status, 401, "the old machine speaks for its successor with its token");
  await eventually("the old machine is told no more", () => listening.ended());
});
