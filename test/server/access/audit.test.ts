/** Every change that somebody asks for is in the audit: walked over all routes that change something. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import {
  clock,
  eventually,
  type Harness,
  type Json,
  listOf,
  serviceBody,
  startHarness,
} from "../harness.ts";
import { type Example, fleetExamples } from "./audit-fleet-examples.ts";
import { addUser, auditedElsewhere, basic, logIn, makeToken, password } from "./support.ts";

const content = Buffer.from("a bundle");
const sha256 = createHash("sha256").update(content).digest("hex");
const group = { name: "g", nodes: [{ node: "n1" }] };
const rule = {
  name: "r",
  type: "node-affinity",
  services: ["process:api"],
  nodes: [{ node: "n1" }],
};
const api = "process:api";

async function withService(harness: Harness): Promise<string> {
  await harness.agent("n1");
  await harness.call("POST", "/v1/services", { body: serviceBody("api") });
  return api;
}

async function withUser(harness: Harness): Promise<undefined> {
  await addUser(harness, "eve", "viewer");
}

const examples: Readonly<Record<string, Example>> = {
  ...fleetExamples,
  "POST /v1/login": { body: { user: "eve", password }, before: withUser, action: "user.login" },
  "PUT /v1/settings": { body: { profile: "fast" }, action: "settings.change" },
  "PATCH /v1/settings": { body: { profile: "fast" }, action: "settings.change" },
  "PUT /v1/arming": { body: { mode: "freeze" }, action: "cluster.disarm" },
  "PUT /v1/freeze": { body: { reason: "upgrade" }, action: "cluster.freeze" },
  "DELETE /v1/freeze": {
    before: async (harness) => {
      await harness.call("PUT", "/v1/freeze", { body: {} });
      return undefined;
    },
    action: "cluster.unfreeze",
  },
  "PUT /v1/groups/{name}": {
    path: "/v1/groups/g",
    body: group,
    before: withService,
    action: "group.add",
  },
  "DELETE /v1/groups/{name}": {
    path: "/v1/groups/g",
    before: async (harness) => {
      await withService(harness);
      await harness.call("PUT", "/v1/groups/g", { body: group });
      return undefined;
    },
    action: "group.remove",
  },
  "PUT /v1/rules/{name}": {
    path: "/v1/rules/r",
    body: rule,
    before: withService,
    action: "rule.add",
  },
  "DELETE /v1/rules/{name}": {
    path: "/v1/rules/r",
    before: async (harness) => {
      await withService(harness);
      await harness.call("PUT", "/v1/rules/r", { body: rule });
      return undefined;
    },
    action: "rule.remove",
  },
  "PUT /v1/nodes/{id}/maintenance": {
    path: "/v1/nodes/n1/maintenance",
    body: { on: true },
    before: async (harness) => {
      await harness.agent("n1");
      await eventually("n1 is online", async () => {
        return String((await harness.call("GET", "/v1/nodes/n1")).json["state"]) === "online";
      });
      return undefined;
    },
    action: "node.maintenance",
  },
  "PUT /v1/nodes/{id}/mode": {
    path: "/v1/nodes/n1/mode",
    body: { order: "disable" },
    before: async (harness) => {
      await harness.agent("n1");
      return undefined;
    },
    action: "node.disable",
  },
  "POST /v1/nodes/{id}/confirm-off": {
    path: "/v1/nodes/n1/confirm-off",
    before: withoutLease,
    action: "node.confirm-off",
  },
  "DELETE /v1/nodes/{id}": { path: "/v1/nodes/n1", before: withoutLease, action: "node.remove" },
  "POST /v1/services": { body: serviceBody("api"), action: "service.add" },
  "PUT /v1/services/{id}": {
    path: `/v1/services/${api}`,
    body: serviceBody("api"),
    action: "service.add",
  },
  "PATCH /v1/services/{id}": {
    body: { maxRestart: 7 },
    before: withService,
    action: "service.replace",
  },
  "DELETE /v1/services/{id}": { before: withService, action: "service.remove" },
  "POST /v1/services/{id}/commands": {
    body: { command: "stop" },
    before: async (harness) => {
      const id = await withService(harness);
      await eventually("it has a node", async () => {
        const shown = await harness.call("GET", `/v1/services/${id}`);
        return shown.json["node"] !== undefined && String(shown.json["state"]) === "started";
      });
      return id;
    },
    action: "service.stop",
  },
  "PUT /v1/nodes/{id}/taints/{taint}": {
    path: "/v1/nodes/n1/taints/slow",
    before: withTwoNodes,
    action: "node.taint",
  },
  "DELETE /v1/nodes/{id}/taints/{taint}": {
    path: "/v1/nodes/n1/taints/slow",
    before: async (harness) => {
      await withTwoNodes(harness);
      const put = await harness.call("PUT", "/v1/nodes/n1/taints/slow");
      assert.ok(put.status < 300, put.text);
      return undefined;
    },
    action: "node.untaint",
  },
  "PATCH /v1/server-configs/{id}": {
    path: "/v1/server-configs/2",
    body: { logLevel: "debug" },
    before: withServerConfig,
    action: "server.configure",
  },
  "PUT /v1/load-balancer": {
    body: { loadBalancer: "10.0.0.9:7440" },
    action: "server.load-balancer",
  },
  "PUT /v1/bundles/{bundle}": {
    path: `/v1/bundles/${sha256}?name=b`,
    rawBody: content,
    before: withServer,
    action: "bundle.push",
  },
  "POST /v1/backup": { action: "backup.create" },
  "PUT /v1/backup-schedule": { body: { schedule: null }, action: "backup.schedule" },
  "DELETE /v1/bundles/{bundle}": {
    path: `/v1/bundles/${sha256}`,
    before: async (harness) => {
      await withServer(harness);
      const put = await harness.call("PUT", `/v1/bundles/${sha256}?name=b`, { rawBody: content });
      assert.ok(put.status < 300, put.text);
      return undefined;
    },
    action: "bundle.remove",
  },
  "POST /v1/agent/join": {
    body: { agentVersion: "1", properties: {} },
    action: "node.join",
  },
  "POST /v1/logout": { action: "user.logout" },
  "POST /v1/tokens": { body: { role: "viewer" }, action: "token.create" },
  "DELETE /v1/tokens/{id}": {
    before: async (harness) => {
      const made = await harness.call("POST", "/v1/tokens", { body: { role: "viewer" } });
      return String(made.json["id"]);
    },
    action: "token.delete",
  },
  "POST /v1/users": { body: { name: "eve", role: "viewer", password }, action: "user.add" },
  "PUT /v1/users/{name}/role": {
    path: "/v1/users/eve/role",
    body: { role: "operator" },
    before: withUser,
    action: "user.role",
  },
  "PUT /v1/users/{name}/password": {
    path: "/v1/users/eve/password",
    body: { password: "another horse" },
    before: withUser,
    action: "user.password",
  },
  "DELETE /v1/users/{name}": {
    path: "/v1/users/eve",
    before: withUser,
    action: "user.remove",
  },
};

async function withoutLease(harness: Harness): Promise<undefined> {
  const agent = await harness.agent("n1");
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  await eventually("its lease is gone", async () => {
    const shown = await harness.call("GET", "/v1/nodes/n1");
    return String(shown.json["leased"]) === "false" && String(shown.json["state"]) !== "online";
  });
}

/** One of them can be closed while the other is there. */
async function withTwoNodes(harness: Harness): Promise<undefined> {
  for (const node of ["n1", "n2"]) {
    await harness.agent(node);
    await eventually(`${node} is online`, async () => {
      const shown = await harness.call("GET", `/v1/nodes/${node}`);
      return String(shown.json["state"]) === "online";
    });
  }
}

/** Registered, as a server of a control plane is: copies are counted of these. */
async function withServer(harness: Harness): Promise<undefined> {
  const { serverId: id, url } = harness.server;
  const value = { version: 1, id, name: "s1", url, serverVersion: "0", registeredAtMs: 0 };
  const put = { kind: "put", key: `servers/${id}`, value } as const;
  assert.ok((await harness.store.txn({ compare: [], then: [put] })).ok);
}

/** As a server that does not run now has left it. */
async function withServerConfig(harness: Harness): Promise<undefined> {
  const values = { logLevel: "info", logFormat: "json" };
  const sources = { logLevel: "default", logFormat: "default" };
  const value = { version: 1, id: "2", name: "two", values, sources, pending: {} };
  const put = { kind: "put", key: "server-configs/2", value } as const;
  assert.ok((await harness.store.txn({ compare: [], then: [put] })).ok);
}

/** What machines say of themselves all the time, which nobody has asked for, and what changes nothing. */
const unaudited: Readonly<Record<string, string>> = {
  "POST /v1/agent/certificate": "the same node gets its next certificate",
  "POST /v1/agent/confirm": "a question: is this instruction still the current one",
  "POST /v1/agent/exec/{requestId}": "the answer to a command, which is in the audit",
  "POST /v1/agent/instructions":
    "what the agent is told; its lines renew its lease every few seconds",
  "POST /v1/agent/lease": "every few seconds",
  "POST /v1/agent/logs/{requestId}": "the answer to a person who reads",
  "POST /v1/agent/mode": "the agent says that its node goes down; the event log has it",
  "POST /v1/agent/release": "the end of a lease",
  "POST /v1/agent/report": "what became of an instruction; the event log has it",
  "POST /v1/agent/upgrade": "what an agent says of its own upgrade; the event log has it",
  "POST /v1/agent/usage": "every few seconds",
  "POST /v1/check": "a question: are deployments and nodes compatible",
  "POST /v1/deployments/{name}/plan": "a question: what would this change come to",
};

async function newestAudit(harness: Harness): Promise<Json | undefined> {
  return listOf((await harness.call("GET", "/v1/audit?limit=1")).json["items"])[0];
}

test("every route that changes something has an example here", async (t) => {
  const harness = await startHarness(t);
  const document = (await harness.call("GET", "/openapi.json")).json;
  const changing = Object.entries(document["paths"] ?? {})
    .flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`))
    .filter((name) => !name.startsWith("GET "));
  const known = [...Object.keys(examples), ...auditedElsewhere, ...Object.keys(unaudited)];
  assert.deepEqual(changing.sort(), known.sort());
});

/** Only users log out, only agents join; for all else a token is quicker than a password. */
async function tokenFor(harness: Harness, name: string): Promise<string> {
  if (name === "POST /v1/agent/join") {
    return await makeToken(harness, { role: "agent", node: "n1", name: "alice" });
  }
  if (name !== "POST /v1/logout") return await makeToken(harness, { role: "admin", name: "alice" });
  await addUser(harness, "alice", "admin");
  return await logIn(harness, "alice");
}

for (const [name, example] of Object.entries(examples)) {
  test(`${name} is in the audit, with who, what, when and from where`, async (t) => {
    // The agents never renew: their leases have to last for the whole test.
    const harness = await startHarness(t, { initialSettings: { profile: "patient" } });
    const token = await tokenFor(harness, name);
    const id = await example.before?.(harness);
    const before = Number((await newestAudit(harness))?.["revision"]);
    const [method = "", described = ""] = name.split(" ");
    const path = example.path ?? described.replace("{id}", id ?? "");
    const { body, rawBody } = example;
    const startMs = Date.now();
    const answer = await harness.call(method, path, {
      token,
      body,
      ...(rawBody === undefined ? {} : { rawBody }),
    });
    assert.ok(answer.status >= 200 && answer.status < 300, answer.text);
    const entry = await newestAudit(harness);
    assert.ok(Number(entry?.["revision"]) > before, "there is a new entry");
    assert.equal(String(entry?.["action"]), example.action);
    assert.match(String(entry?.["who"]), name === "POST /v1/login" ? /^eve$/ : /(^|\/)alice$/);
    assert.equal(String(entry?.["from"]), "127.0.0.1");
    const atMs = Number(entry?.["atMs"]);
    assert.ok(atMs >= startMs && atMs <= Date.now(), "when");
    for (const secret of [password, "another horse", token]) {
      assert.ok(!JSON.stringify(entry).includes(secret), "no secret is kept");
    }
  });
}

test("the audit names a user who came with a password, and a token by id and name", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "admin");
  const body = { profile: "fast" };
  const headers = basic("alice");
  await harness.call("PUT", "/v1/settings", { token: undefined, headers, body });
  assert.equal(String((await newestAudit(harness))?.["who"]), "alice");
  const token = await makeToken(harness, { role: "admin", name: "deploy" });
  await harness.call("PUT", "/v1/settings", { token, body: {} });
  assert.match(String((await newestAudit(harness))?.["who"]), /^[0-9a-f]{12}\/deploy$/);
});

test("GET /v1/audit takes sinceMs, and with after and waitMs gives what comes next, each entry once", async (t) => {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const harness = await startHarness(t, { store });
  const profiles = ["fast", "patient", "balanced"];
  const put = (index: number) =>
    harness.call("PUT", "/v1/settings", { body: { profile: profiles[index % 3] } });
  for (let index = 0; index < 5; index += 1) await put(index);
  const all = await harness.call("GET", "/v1/audit");
  const middle = listOf(all.json["items"])[2];
  const since = await harness.call("GET", `/v1/audit?sinceMs=${Number(middle?.["atMs"])}`);
  assert.ok(listOf(since.json["items"]).length >= 3 && listOf(since.json["items"]).length <= 5);
  const future = await harness.call("GET", `/v1/audit?sinceMs=${Date.now() + 60_000}`);
  assert.equal(listOf(future.json["items"]).length, 0);

  const begin = Number(listOf(all.json["items"]).at(-1)?.["revision"]);
  const seen: number[] = [];
  let after = begin;
  const take = (json: Json): void => {
    const revisions = listOf(json["items"]).map((item) => Number(item["revision"]));
    seen.push(...revisions.reverse());
    after = Number(json["revision"]);
  };
  const follow = async () =>
    take((await harness.call("GET", `/v1/audit?after=${after}&waitMs=5000&limit=2`)).json);
  await follow();
  await follow();
  assert.equal(seen.length, 4, "two pages of two");
  const waiting = follow();
  await put(5);
  await waiting;
  assert.equal(seen.length, 5);
  assert.deepEqual(
    seen,
    [...new Set(seen)].sort((left, right) => left - right),
  );
});

test("GET /v1/audit gives entries that were written at once in their order, and none is lost between two pages", async (t) => {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const harness = await startHarness(t, { store });
  const begin = Number((await harness.call("GET", "/v1/audit")).json["revision"]);
  const record = { version: 1, who: "eve", action: "service.add", from: "10.0.0.1", detail: "" };
  const moved = await store.txn({
    compare: [],
    then: [1, 2, 3, 4, 5].map((atMs) => ({
      kind: "put",
      key: `audit/${String(atMs).padStart(16, "0")}`,
      value: { ...record, subject: `process:a${atMs}`, atMs },
    })),
  });
  assert.ok(moved.ok);
  const subjectsOf = (json: Json): string[] =>
    listOf(json["items"]).map((item) => String(item["subject"]));
  const newestFirst = ["process:a5", "process:a4", "process:a3", "process:a2", "process:a1"];
  const list = await harness.call("GET", "/v1/audit");
  assert.deepEqual(subjectsOf(list.json).slice(-5), newestFirst);
  const page = await harness.call("GET", `/v1/audit?after=${begin}&limit=2`);
  assert.deepEqual(subjectsOf(page.json), newestFirst, "what has one revision goes together");
  const next = await harness.call("GET", `/v1/audit?after=${Number(page.json["revision"])}`);
  assert.deepEqual(subjectsOf(next.json), []);
});

test("GET /v1/audit that waits does not hold up the server's end", async (t) => {
  const harness = await startHarness(t);
  const { revision } = (await harness.call("GET", "/v1/audit")).json;
  const waiting = harness.call("GET", `/v1/audit?after=${Number(revision)}&waitMs=30000`);
  const outcome = waiting.then(
    ({ status }) => status,
    () => "cut",
  );
  const startMs = Date.now();
  await harness.server.close();
  await outcome;
  assert.ok(Date.now() - startMs < 10_000);
});

test("the audit is in the store: another server shows what the first one wrote", async (t) => {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const first = await startHarness(t, { store, serverId: "1" });
  await first.call("PUT", "/v1/settings", { body: { profile: "fast" } });
  const { adminToken: token } = first;
  await first.server.close();
  const second = await startHarness(t, {
    store,
    serverId: "1",
    dataDirectory: first.dataDirectory,
  });
  const entry = listOf((await second.call("GET", "/v1/audit", { token })).json["items"])[0];
  assert.equal(String(entry?.["action"]), "settings.change");
});
