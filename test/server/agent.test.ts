import assert from "node:assert/strict";
import { request } from "node:http";
import test from "node:test";
import type { Store } from "../../src/ports/store.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { createFaultyStore } from "./faulty-store.ts";
import {
  type AgentDouble,
  clock,
  eventually,
  type Harness,
  type Json,
  openInstructions,
  openStream,
  send,
  serviceBody,
  startHarness,
} from "./harness.ts";

const path = "/v1/services/process:api";

interface Placed {
  readonly uid: string;
  readonly node: string;
}

async function place(harness: Harness): Promise<Placed> {
  await harness.call("POST", "/v1/services", { body: serviceBody("api") });
  await eventually("the service is placed", async () => {
    return (await harness.call("GET", path)).json["node"] !== undefined;
  });
  const { json } = await harness.call("GET", path);
  return { uid: String(json["uid"]), node: String(json["node"]) };
}

function renewal(agent: AgentDouble): object {
  const { incarnation, leaseId, epoch } = agent;
  return { incarnation, renew: { leaseId, epoch } };
}

function reportOf(agent: AgentDouble, uid: string, more: object = {}): object {
  const { epoch } = agent;
  const said = { result: "running", detail: "", health: "none" };
  return { service: "process:api", epoch, uid, ...said, ...more };
}

test("POST /v1/agent/join registers once and updates what the agent says of itself", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const before = await harness.call("GET", "/v1/nodes/node1");
  const again = await agent.post("/v1/agent/join", {
    agentVersion: "1",
    properties: { rack: "r1" },
  });
  assert.deepEqual(again.json, { node: "node1", serverVersion: "0.0.0-test" });
  const same = await harness.call("GET", "/v1/nodes/node1");
  assert.equal(same.json["revision"], before.json["revision"], "saying the same changes nothing");
  await agent.post("/v1/agent/join", { agentVersion: "2", properties: {} });
  const after = await harness.call("GET", "/v1/nodes/node1");
  assert.equal(after.json["agentVersion"], "2");
});

test("grantLease() needs a joined node and refuses while the old lease lives", async (t) => {
  const harness = await startHarness(t);
  const token = await harness.agentToken("node9");
  const early = await harness.call("POST", "/v1/agent/lease", {
    token,
    body: { incarnation: "12345678" },
  });
  assert.equal(early.json["code"], "conflict");
  const agent = await harness.agent("node1");
  assert.equal(agent.epoch, 1);
  const second = await agent.post("/v1/agent/lease", { incarnation: "another-agent" });
  assert.equal(second.status, 409);
  assert.match(String(second.json["detail"]), /wait until it has ended/);
});

test("renewLease() keeps the epoch alive and refuses another epoch or agent", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const renewed = await agent.post("/v1/agent/lease", renewal(agent));
  assert.equal(renewed.status, 200, renewed.text);
  assert.equal(renewed.json["epoch"], agent.epoch);
  assert.equal(renewed.json["leaseId"], agent.leaseId);
  assert.equal(renewed.json["ttlMs"], 6_000);
  const otherEpoch = await agent.post("/v1/agent/lease", renewal({ ...agent, epoch: 2 }));
  assert.equal(otherEpoch.json["code"], "stale-epoch");
  const otherAgent = await agent.post(
    "/v1/agent/lease",
    renewal({ ...agent, incarnation: "another-agent" }),
  );
  assert.equal(otherAgent.json["code"], "stale-epoch");
});

test("a renewal takes over longer times at once, shorter ones when the agent counts on no more", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const renew = async (leaseId: string, countsOnMs?: number) => {
    const { incarnation, epoch } = agent;
    const wish = { incarnation, renew: { leaseId, epoch, countsOnMs } };
    const { json, status } = await agent.post("/v1/agent/lease", wish);
    assert.equal(status, 200, JSON.stringify(json));
    const { ttlMs, shorter, leaseId: answered } = json;
    return { ttlMs, shorterMs: shorter?.["ttlMs"], leaseId: String(answered) };
  };
  await harness.call("PUT", "/v1/settings", { body: { profile: "patient" } });
  const longer = await renew(agent.leaseId);
  assert.equal(longer.ttlMs, 60_000);
  assert.notEqual(longer.leaseId, agent.leaseId);
  await harness.call("PUT", "/v1/settings", { body: { profile: "fast" } });
  const asked = await renew(longer.leaseId);
  assert.deepEqual(asked, { ttlMs: 60_000, shorterMs: 3_000, leaseId: longer.leaseId });
  const notEnough = await renew(longer.leaseId, 6_000);
  assert.deepEqual(notEnough, asked, "it still counts on more than the new time");
  const ofAnother = await renew("4711", 3_000);
  assert.deepEqual(ofAnother, asked, "what was said of another lease says nothing of this one");
  const shorter = await renew(longer.leaseId, 3_000);
  assert.deepEqual([shorter.ttlMs, shorter.shorterMs], [3_000, undefined]);
  assert.notEqual(shorter.leaseId, longer.leaseId);
  const unaware = await renew(longer.leaseId, 3_000);
  assert.deepEqual(unaware, shorter, "an agent that missed the answer goes on");
  assert.equal((await harness.call("GET", "/v1/nodes/node1")).json["leased"], true);
});

test("a lease of which an agent said that it counts on less is not the one that is long again", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const { incarnation, epoch, leaseId } = agent;
  const renew = { leaseId, epoch, countsOnMs: 3_000 };
  const { json } = await agent.post("/v1/agent/lease", { incarnation, renew });
  assert.equal(json["ttlMs"], 6_000);
  assert.notEqual(json["leaseId"], leaseId, "what it said of that one may arrive late");
});

test("releaseLease() ends the lease of its epoch, of no other, and is idempotent", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const { epoch, leaseId } = agent;
  const other = await agent.post("/v1/agent/release", { epoch: epoch + 1, leaseId });
  assert.equal(other.status, 204);
  assert.equal((await harness.call("GET", "/v1/nodes/node1")).json["leased"], true);
  for (const _ of [1, 2]) {
    assert.equal((await agent.post("/v1/agent/release", { epoch, leaseId })).status, 204);
  }
  assert.equal((await harness.call("GET", "/v1/nodes/node1")).json["leased"], false);
  const late = await agent.post("/v1/agent/lease", renewal(agent));
  assert.equal(late.json["code"], "stale-epoch");
  const anew = await agent.post("/v1/agent/lease", { incarnation: agent.incarnation });
  assert.ok(Number(anew.json["epoch"]) > epoch);
});

test("report() takes the word of the live epoch on the current instruction only", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const { uid } = await place(harness);
  for (const _ of [1, 2]) {
    assert.equal((await agent.post("/v1/agent/report", reportOf(agent, uid))).status, 204);
  }
  assert.equal((await harness.call("GET", path)).json["running"], "running");
  const wrongUid = await agent.post("/v1/agent/report", reportOf(agent, "other-uid"));
  assert.equal(wrongUid.json["code"], "stale-epoch");
  const { epoch, leaseId } = agent;
  await agent.post("/v1/agent/release", { epoch, leaseId });
  const late = await agent.post("/v1/agent/report", reportOf(agent, uid, { result: "stopped" }));
  assert.equal(late.status, 409);
  assert.equal(late.json["code"], "stale-epoch");
  const anew = await agent.post("/v1/agent/lease", { incarnation: agent.incarnation });
  assert.ok(Number(anew.json["epoch"]) > epoch);
  const old = await agent.post("/v1/agent/report", reportOf(agent, uid, { result: "failed" }));
  assert.equal(old.json["code"], "stale-epoch", "also when the node has a lease of a new epoch");
});

test("report() refuses what another node says of a service", async (t) => {
  const harness = await startHarness(t);
  const first = await harness.agent("node1");
  const { uid, node } = await place(harness);
  assert.equal(node, first.node);
  const second = await harness.agent("node2");
  const answer = await second.post(
    "/v1/agent/report",
    reportOf(second, uid, { result: "stopped" }),
  );
  assert.equal(answer.json["code"], "stale-epoch");
  assert.equal((await harness.call("GET", path)).json["running"], "unknown");
});

test("confirm() says current only for this node, this uid and this live epoch", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const { uid } = await place(harness);
  const other = await harness.agent("node2");
  const ask = async (who: AgentDouble, what: object) => {
    const body = { service: "process:api", uid, epoch: who.epoch, ...what };
    return (await who.post("/v1/agent/confirm", body)).json["current"];
  };
  assert.equal(await ask(agent, {}), true);
  assert.equal(await ask(agent, { uid: "older" }), false);
  assert.equal(await ask(agent, { epoch: agent.epoch + 1 }), false);
  assert.equal(await ask(agent, { service: "process:none" }), false);
  assert.equal(await ask(other, {}), false);
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  assert.equal(await ask(agent, {}), false);
});

test("a released lease moves the services to another node under a new epoch", async (t) => {
  const harness = await startHarness(t);
  const first = await harness.agent("node1");
  await place(harness);
  const second = await harness.agent("node2");
  const oldStream = await openInstructions(harness.server.url, first);
  const newStream = await openInstructions(harness.server.url, second);
  t.after(() => {
    oldStream.close();
    newStream.close();
  });
  await oldStream.until("the snapshot", (message) => message.event === "snapshot");
  await first.post("/v1/agent/release", { epoch: first.epoch, leaseId: first.leaseId });
  await oldStream.until("gone", (message) => message.event === "gone");
  const told = await newStream.until(
    "the instruction",
    (message) =>
      message.event === "instruction" &&
      String(message.data["instruction"]?.["state"]) === "started",
  );
  const instruction: Json | undefined = told.data["instruction"];
  assert.equal(instruction?.["node"], "node2");
  assert.equal(instruction?.["nodeEpoch"], second.epoch);
  assert.equal((await harness.call("GET", "/v1/nodes/node1")).json["epoch"], first.epoch + 1);
});

test("confirm-off is refused while the node holds a lease, and sets its epoch after", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const confirmOff = () => harness.call("POST", "/v1/nodes/node1/confirm-off");
  assert.equal((await confirmOff()).json["code"], "refused");
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  const confirmed = await confirmOff();
  assert.equal(confirmed.status, 200, confirmed.text);
  assert.ok(Number(confirmed.json["confirmedOffEpoch"]) >= agent.epoch);
});

test("InstructionHub closes the older stream of the same node", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const older = await openInstructions(harness.server.url, agent);
  const newer = await openInstructions(harness.server.url, agent);
  t.after(() => newer.close());
  await newer.until("the snapshot", (message) => message.event === "snapshot");
  await eventually("the older one ends", () => older.ended());
  assert.equal(newer.ended(), false);
});

test("GET /v1/services/:id/logs pipes what the agent sends, and says when it cannot", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  await place(harness);
  const away = await harness.call("GET", `${path}/logs`);
  assert.equal(away.status, 503);
  assert.match(
    String(away.json["detail"]),
    /agent of node "node1" (is not connected|has not answered)/,
  );
  const stream = await openInstructions(harness.server.url, agent);
  t.after(() => stream.close());
  const reading = harness.call("GET", `${path}/logs?lines=7`);
  const wish = await stream.until("the request", (message) => message.event === "log-request");
  assert.equal(wish.data["linesMax"], 7);
  assert.equal(wish.data["follow"], false);
  const upload = await send(
    harness.server.url,
    "POST",
    `/v1/agent/logs/${String(wish.data["requestId"])}`,
    {
      token: agent.token,
      rawBody: "line 1\nline 2\n",
      headers: { "content-type": "text/plain" },
    },
  );
  assert.equal(upload.status, 204, upload.text);
  const read = await reading;
  assert.equal(read.text, "line 1\nline 2\n");
  assert.match(String(read.headers["content-type"]), /^text\/plain/);
});

test("LogRelay ends the agent's upload when the reader goes away", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  await place(harness);
  const stream = await openInstructions(harness.server.url, agent);
  t.after(() => stream.close());
  const reader = openStream(harness.server.url, `${path}/logs?follow=true`, {
    token: harness.adminToken,
  });
  const wish = await stream.until("the request", (message) => message.event === "log-request");
  const headers = { authorization: `Bearer ${agent.token}`, "content-type": "text/plain" };
  const url = `${harness.server.url}/v1/agent/logs/${String(wish.data["requestId"])}`;
  let uploadEnded = false;
  const upload = request(url, { method: "POST", headers, agent: false });
  upload.on("close", () => {
    uploadEnded = true;
  });
  upload.on("error", () => {
    uploadEnded = true;
  });
  upload.write("first line\n");
  const open = await reader;
  await eventually("the first line arrives", () => open.text() === "first line\n");
  open.close();
  await eventually("the upload is ended", () => uploadEnded);
});

test("report() writes an agent's word although its instruction is written anew meanwhile", async (t) => {
  const inner = createMemoryStore({ clock });
  let interrupted = false;
  const store: Store = {
    ...createFaultyStore(inner),
    async txn(txn) {
      const isReport = txn.then.some(({ key }) => key.startsWith("reports/"));
      if (isReport && !interrupted) {
        interrupted = true;
        const read = await inner.get("statuses/process:api");
        assert.ok(read.ok && read.value.entry !== undefined);
        const { key, value } = read.value.entry;
        await inner.txn({ compare: [], then: [{ kind: "put", key, value }] });
      }
      return inner.txn(txn);
    },
  };
  const harness = await startHarness(t, { store });
  const agent = await harness.agent("node1");
  const { uid } = await place(harness);
  const answer = await agent.post("/v1/agent/report", reportOf(agent, uid));
  assert.equal(answer.status, 204, answer.text);
  assert.ok(interrupted);
  await eventually("the word is there", async () => {
    return String((await harness.call("GET", path)).json["running"]) === "running";
  });
});

test("putUsages() keeps the measured use of the node's own services under its live lease only", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  await place(harness);
  const { epoch, leaseId } = agent;
  const usage = (service: string, cpuCores: number): object => {
    return { service, cpuCores, memoryBytes: 4_096 };
  };
  const said = await agent.post("/v1/agent/usage", {
    epoch,
    usages: [usage("process:api", 1.5), usage("process:unknown", 1)],
  });
  assert.equal(said.status, 204, said.text);
  const stored = async (key: string): Promise<unknown> => {
    const read = await harness.store.get(key);
    return read.ok ? read.value.entry?.value : read;
  };
  assert.deepEqual(await stored("usages/process:api"), {
    version: 1,
    cpuCores: 1.5,
    memoryBytes: 4_096,
  });
  assert.equal(await stored("usages/process:unknown"), undefined);
  const shown = await harness.call("GET", "/v1/services/process:api");
  assert.equal(shown.json["usage"]?.["cpuCores"], 1.5);
  const other = await harness.agent("node2");
  const foreign = { epoch: other.epoch, usages: [usage("process:api", 9)] };
  assert.equal((await other.post("/v1/agent/usage", foreign)).status, 204);
  const many = { epoch, usages: Array.from({ length: 51 }, () => usage("process:api", 9)) };
  assert.equal((await agent.post("/v1/agent/usage", many)).status, 400);
  await agent.post("/v1/agent/release", { epoch, leaseId });
  const late = await agent.post("/v1/agent/usage", { epoch, usages: [usage("process:api", 9)] });
  assert.equal(late.json["code"], "stale-epoch");
  const kept = await stored("usages/process:api");
  assert.deepEqual(kept, { version: 1, cpuCores: 1.5, memoryBytes: 4_096 });
});
