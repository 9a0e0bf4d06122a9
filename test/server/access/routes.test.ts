/** Walks every route that the server describes, as everybody who could ask. */
import assert from "node:assert/strict";
import test from "node:test";
import fastify from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { guardRoutes } from "../../../src/server/access/guard-routes.ts";
import { createPasswordDesk } from "../../../src/server/access/password-desk.ts";
import type { ServerContext } from "../../../src/server/context.ts";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import {
  type Answer,
  clock,
  type Harness,
  quietLog,
  serviceBody,
  startHarness,
} from "../harness.ts";
import { addUser, logIn, makeToken } from "./support.ts";

/** Who may call it: the least of viewer, operator, admin; machines; or everybody. */
type Least = "open" | "viewer" | "operator" | "admin" | "agent" | "server";

interface Line {
  readonly least: Least;
  /** What a viewer is told is missing. */
  readonly missing?: string;
  readonly body?: unknown;
  /** The answer goes on for as long as somebody listens: only refusals are looked at. */
  readonly endless?: true;
}

const open: Line = { least: "open" };
const read: Line = { least: "viewer" };
const agent: Line = { least: "agent" };
const server: Line = { least: "server" };

function operator(missing: string, body?: unknown): Line {
  return { least: "operator", missing, body };
}

function admin(missing: string, body?: unknown): Line {
  return { least: "admin", missing, body };
}

const group = { name: "ghost", nodes: [{ node: "ghost" }] };
const rule = {
  name: "ghost",
  type: "node-affinity",
  services: ["process:x"],
  nodes: [{ node: "x" }],
};
const definition = { service: "process:ghost", version: "1", process: { command: "/bin/true" } };
const deployment = { name: "ghost", service: "process:ghost", versions: [{ version: "1" }] };
const user = { name: "eve", role: "viewer", password: "correct horse" };

const lines: Readonly<Record<string, Line>> = {
  "GET /livez": open,
  "GET /readyz": open,
  "GET /leader": open,
  "GET /openapi.json": open,
  "POST /v1/login": open,
  "GET /v1/join/authority": open,
  "POST /v1/join/node": open,
  "POST /v1/join/server": open,
  "GET /v1/cluster": read,
  "GET /v1/settings": read,
  "PUT /v1/settings": admin("settings.change", {}),
  "PATCH /v1/settings": admin("settings.change", {}),
  "GET /v1/arming": read,
  "PUT /v1/arming": operator("cluster.arm", { mode: "armed" }),
  "GET /v1/upgrade": read,
  "POST /v1/upgrade": admin("upgrade.apply", { to: "0.2.0" }),
  "PUT /v1/upgrade/order": admin("upgrade.order", { order: "pause" }),
  "GET /v1/upgrade/check": read,
  "GET /v1/freeze": read,
  "PUT /v1/freeze": operator("cluster.freeze", {}),
  "DELETE /v1/freeze": operator("cluster.freeze"),
  "GET /v1/groups": read,
  "GET /v1/groups/{name}": read,
  "PUT /v1/groups/{name}": admin("group.change", group),
  "DELETE /v1/groups/{name}": admin("group.change"),
  "GET /v1/definitions": read,
  "POST /v1/definitions": admin("definition.change", definition),
  "GET /v1/definitions/{service}/{version}": read,
  "DELETE /v1/definitions/{service}/{version}": admin("definition.change"),
  "GET /v1/deployments": read,
  "GET /v1/deployments/{name}": read,
  "PUT /v1/deployments/{name}": admin("deployment.change", deployment),
  "DELETE /v1/deployments/{name}": admin("deployment.change"),
  "GET /v1/deployments/{name}/status": read,
  "GET /v1/deployments/{name}/rollouts": read,
  "POST /v1/deployments/{name}/plan": { ...read, body: deployment },
  "POST /v1/deployments/{name}/rollout/{order}": operator("rollout.order"),
  "GET /v1/policies": read,
  "GET /v1/policies/{name}": read,
  "PUT /v1/policies/{name}": admin("policy.change", { name: "ghost", agentVersion: "latest" }),
  "DELETE /v1/policies/{name}": admin("policy.change"),
  "GET /v1/policies/{name}/status": read,
  "POST /v1/check": { ...read, body: { node: "ghost" } },
  "PATCH /v1/nodes/{id}": admin("node.change", {}),
  "GET /v1/ha-groups": read,
  // What groups take beyond that is in the tests of HA groups.
  "POST /v1/ha-groups": { ...read, body: { name: "made" } },
  "GET /v1/ha-groups/{name}": read,
  "PUT /v1/ha-groups/{name}": { ...read, body: {} },
  "DELETE /v1/ha-groups/{name}": read,
  "PUT /v1/ha-groups/{name}/members/{node}": read,
  "DELETE /v1/ha-groups/{name}/members/{node}": read,
  "GET /v1/rules": read,
  "GET /v1/rules/{name}": read,
  "PUT /v1/rules/{name}": admin("rule.change", rule),
  "DELETE /v1/rules/{name}": admin("rule.change"),
  "GET /v1/nodes": read,
  "GET /v1/nodes/{id}": read,
  "POST /v1/nodes/{id}/confirm-off": operator("node.confirm-off"),
  "PUT /v1/nodes/{id}/maintenance": operator("node.maintenance", { on: false }),
  "PUT /v1/nodes/{id}/mode": operator("node.maintenance", { order: "enable" }),
  "PUT /v1/nodes/{id}/taints/{taint}": admin("node.change", {}),
  "DELETE /v1/nodes/{id}/taints/{taint}": admin("node.change"),
  "DELETE /v1/nodes/{id}": admin("node.remove"),
  "GET /v1/services": read,
  "POST /v1/services": admin("service.create", serviceBody("x")),
  "GET /v1/services/{id}": read,
  "PUT /v1/services/{id}": admin("service.change", serviceBody("ghost")),
  "PATCH /v1/services/{id}": operator("service.start", { state: "started" }),
  "DELETE /v1/services/{id}": admin("service.remove"),
  "GET /v1/services/{id}/why": read,
  "POST /v1/services/{id}/commands": operator("service.stop", { command: "stop" }),
  "GET /v1/services/{id}/logs": read,
  "POST /v1/services/{id}/exec": admin("service.exec"),
  "GET /v1/events": read,
  "GET /v1/watch": { ...read, endless: true },
  "GET /v1/audit": read,
  "GET /v1/roles": read,
  "GET /v1/whoami": read,
  "POST /v1/logout": read,
  "GET /v1/tokens": read,
  "POST /v1/tokens": admin("token.create", { role: "viewer" }),
  "DELETE /v1/tokens/{id}": admin("token.revoke"),
  "GET /v1/users": read,
  "GET /v1/users/{name}": read,
  "POST /v1/users": admin("user.create", user),
  "PUT /v1/users/{name}/role": admin("user.change", { role: "viewer" }),
  "PUT /v1/users/{name}/password": admin("user.change", { password: "correct horse" }),
  "DELETE /v1/users/{name}": admin("user.remove"),
  "GET /v1/server": read,
  "GET /v1/schema": read,
  "GET /v1/servers": read,
  "DELETE /v1/servers/{id}": admin("server.remove"),
  "GET /v1/server-configs": read,
  "PATCH /v1/server-configs/{id}": admin("server.configure", {}),
  "GET /v1/load-balancer": read,
  "PUT /v1/load-balancer": admin("server.change", { loadBalancer: null }),
  "GET /v1/isolation": read,
  "PUT /v1/isolation": admin("server.change", { wish: "off" }),
  "GET /v1/move-to-etcd": read,
  "POST /v1/move-to-etcd": admin("server.change"),
  "GET /v1/join-tokens": read,
  "POST /v1/join-tokens": admin("node.join", { role: "node" }),
  "DELETE /v1/join-tokens/{id}": admin("token.revoke"),
  "GET /v1/bundles": read,
  "GET /v1/bundles/{bundle}": read,
  "PUT /v1/bundles/{bundle}": admin("bundle.push"),
  "DELETE /v1/bundles/{bundle}": admin("bundle.remove"),
  "GET /v1/bundles/{bundle}/content": read,
  "GET /v1/bundles/{bundle}/verification": read,
  "POST /v1/backup": admin("backup.create"),
  "GET /v1/backup-schedule": read,
  "PUT /v1/backup-schedule": admin("backup.create", { schedule: null }),
  "GET /v1/peers/status": server,
  "GET /v1/peers/reach": server,
  "GET /v1/peers/bundles/{bundle}": server,
  "GET /v1/peers/bundles/{bundle}/verification": server,
  "POST /v1/peers/certificate": server,
  "POST /v1/agent/join": agent,
  "POST /v1/agent/certificate": agent,
  "POST /v1/agent/lease": agent,
  "POST /v1/agent/release": agent,
  "POST /v1/agent/mode": agent,
  "POST /v1/agent/instructions": { ...agent, endless: true },
  "POST /v1/agent/confirm": agent,
  "POST /v1/agent/report": agent,
  "POST /v1/agent/usage": agent,
  "POST /v1/agent/logs/{requestId}": agent,
  "POST /v1/agent/exec/{requestId}": agent,
  "POST /v1/agent/upgrade": agent,
  "GET /v1/agent/packages/{sha256}": agent,
};

interface Walked {
  readonly name: string;
  readonly line: Line;
  call(token: string | undefined, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

/** All routes that are described, each with its line here. */
async function walk(harness: Harness): Promise<readonly Walked[]> {
  const document = (await harness.call("GET", "/openapi.json")).json;
  const names = Object.entries(document["paths"] ?? {}).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.ok(names.length > 50, "the server describes its routes");
  return names.map((name) => {
    const line = lines[name];
    assert.ok(line !== undefined, `${name} has no line in this test`);
    const [method = "", path = ""] = name.split(" ");
    const place = path
      .replace("{id}", path.includes("/services/") ? "process:ghost" : "ghost")
      .replace("{bundle}", "0".repeat(64))
      .replaceAll(/\{\w+\}/g, "ghost");
    const { body } = line;
    const call: Walked["call"] = (token, headers = {}) =>
      harness.call(method, place, { token, body, headers });
    return { name, line, call };
  });
}

const order: readonly Least[] = ["viewer", "operator", "admin"];
/** Agents here never renew: their leases have to last for the whole test. */
const patient = { initialSettings: { profile: "patient" } } as const;

test("every route refuses who brings nothing, but for those that are open", async (t) => {
  const harness = await startHarness(t);
  for (const { name, line, call } of await walk(harness)) {
    const answer = await call(undefined);
    if (line.least === "open") assert.ok(![401, 403].includes(answer.status), name);
    else assert.ok([401, 403].includes(answer.status), `${name}: ${answer.status}`);
  }
});

test("every route lets those in whose role suffices, and tells the others what is missing", async (t) => {
  const harness = await startHarness(t);
  const tokens = {
    viewer: await makeToken(harness, { role: "viewer" }),
    operator: await makeToken(harness, { role: "operator" }),
    admin: await makeToken(harness, { role: "admin" }),
    agent: await harness.agentToken("n1"),
  };
  for (const { name, line, call } of await walk(harness)) {
    if (line.least === "open") continue;
    for (const [role, token] of Object.entries(tokens)) {
      const may = role === line.least || order.indexOf(role as Least) >= rankOf(line.least);
      if (may && line.endless === true) continue;
      const answer: Answer = await call(token);
      const what: string = `${name} as ${role}: ${answer.text}`;
      if (may) assert.ok(![401, 403].includes(answer.status), what);
      else assert.deepEqual([answer.status, answer.json["code"]], [403, "not-allowed"], what);
      if (may) continue;
      assert.match(String(answer.json["detail"]), whoPattern(role), what);
      if (role === "viewer" && line.missing !== undefined) {
        assert.equal(String(answer.json["permission"]), line.missing, what);
        assert.ok(String(answer.json["detail"]).includes(`"${line.missing}"`), what);
      }
    }
  }
});

/** No role of a person reaches what machines call. */
function rankOf(least: Least): number {
  const rank = order.indexOf(least);
  return rank < 0 ? Number.POSITIVE_INFINITY : rank;
}

function whoPattern(role: string): RegExp {
  return role === "agent" ? /the agent of node "n1"/ : new RegExp(`/unnamed, ${role}`);
}

test("an owner may do everything with what is theirs, and nothing with anything else", async (t) => {
  const harness = await startHarness(t, patient);
  await harness.agent("n1");
  await harness.agent("n2");
  const add = (name: string) => harness.call("POST", "/v1/services", { body: serviceBody(name) });
  assert.equal((await add("other")).status, 201);
  await addUser(harness, "otto", "owner", {
    ownsNodes: ["n1"],
    ownsServices: ["process:api", "process:db"],
  });
  const token = await logIn(harness, "otto");
  const affinity = { name: "apart", type: "resource-affinity", affinity: "negative" };
  const own = ["process:api", "process:db"];
  const both = ["process:api", "process:other"];
  const steps: readonly (readonly [string, string, unknown, "may" | string])[] = [
    ["POST", "/v1/services", serviceBody("api"), "may"],
    ["POST", "/v1/services", serviceBody("db"), "may"],
    ["POST", "/v1/services", serviceBody("more"), "service.create"],
    ["PUT", "/v1/services/process:api", serviceBody("api", { maxRestart: 3 }), "may"],
    ["PUT", "/v1/services/process:other", serviceBody("other"), "service.change"],
    ["PATCH", "/v1/services/process:api", { state: "stopped", maxRestart: 4 }, "may"],
    ["PATCH", "/v1/services/process:other", { state: "stopped" }, "service.stop"],
    ["PATCH", "/v1/services/process:other", { state: "stopped", maxRestart: 4 }, "service.change"],
    ["POST", "/v1/services/process:other/commands", { command: "stop" }, "service.stop"],
    [
      "POST",
      "/v1/services/process:other/commands",
      { command: "located", target: "n1" },
      "service.locate",
    ],
    [
      "POST",
      "/v1/services/process:other/commands",
      { command: "migrate", target: "n1" },
      "service.move",
    ],
    ["PUT", "/v1/nodes/n1/maintenance", { on: true }, "may"],
    ["PUT", "/v1/nodes/n2/maintenance", { on: true }, "node.maintenance"],
    ["DELETE", "/v1/nodes/n2", undefined, "node.remove"],
    ["POST", "/v1/nodes/n2/confirm-off", undefined, "node.confirm-off"],
    ["PUT", "/v1/rules/apart", { ...affinity, services: own }, "may"],
    ["PUT", "/v1/rules/apart", { ...affinity, services: both }, "rule.change"],
    ["PUT", "/v1/groups/mine", { name: "mine", nodes: [{ node: "n1" }] }, "may"],
    ["PUT", "/v1/groups/mine", { name: "mine", nodes: [{ node: "n2" }] }, "group.change"],
    ["PUT", "/v1/settings", {}, "settings.change"],
    ["PUT", "/v1/arming", { mode: "armed" }, "cluster.arm"],
    ["POST", "/v1/tokens", { role: "viewer" }, "token.create"],
    ["DELETE", "/v1/services/process:other", undefined, "service.remove"],
    ["DELETE", "/v1/rules/apart", undefined, "may"],
    ["DELETE", "/v1/services/process:api", undefined, "may"],
  ];
  for (const [method, path, body, expected] of steps) {
    const answer = await harness.call(method, path, { token, body });
    const what = `${method} ${path} ${JSON.stringify(body)}: ${answer.text}`;
    if (expected === "may") assert.ok(answer.status < 300, what);
    else
      assert.deepEqual([answer.status, String(answer.json["permission"])], [403, expected], what);
  }
});

test("a rule or group that concerns another's objects already is not an owner's to change", async (t) => {
  const harness = await startHarness(t, patient);
  await harness.agent("n1");
  await harness.agent("n2");
  const put = (path: string, body: unknown, token?: string) =>
    harness.call("PUT", path, token === undefined ? { body } : { body, token });
  await put("/v1/groups/shared", { name: "shared", nodes: [{ node: "n1" }] });
  const more = { group: "shared" };
  await harness.call("POST", "/v1/services", { body: serviceBody("grouped", more) });
  await harness.call("POST", "/v1/services", { body: serviceBody("other") });
  await harness.call("POST", "/v1/services", { body: serviceBody("api") });
  const services = ["process:api", "process:other"];
  const rule = { name: "both", type: "resource-affinity", affinity: "negative", services };
  assert.equal((await put("/v1/rules/both", rule)).status, 201);
  const owned = { ownsNodes: ["n1"], ownsServices: ["process:api"] };
  const token = await makeToken(harness, { role: "owner", ...owned });
  const taken = {
    name: "both",
    type: "node-affinity",
    services: ["process:api"],
    nodes: [{ node: "n1" }],
  };
  assert.equal((await put("/v1/rules/both", taken, token)).status, 403);
  assert.equal((await harness.call("DELETE", "/v1/rules/both", { token })).status, 403);
  const restricted = { name: "shared", nodes: [{ node: "n1" }], restricted: true };
  const refused = await put("/v1/groups/shared", restricted, token);
  assert.match(String(refused.json["detail"]), /for service "process:grouped"/);
});

test("a route without a line in the table does not start", async (t) => {
  const app = fastify().withTypeProvider<ZodTypeProvider>();
  const listen = () => () => undefined;
  const view = { connected: true, tables: {}, listen } as unknown as ServerContext["view"]; // never looked at
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  guardRoutes(
    app,
    { view, store, clock, log: quietLog },
    createPasswordDesk({ clock, log: quietLog }),
  );
  assert.throws(() => app.get("/v1/forgotten", () => ""), /GET \/v1\/forgotten has no line/);
  await app.close();
});

test("what is refused is logged with who, what was missing and where, and is not in the audit", async (t) => {
  const written: { sentence: string; fields: unknown }[] = [];
  const log = {
    write: (_level: string, sentence: string, fields?: unknown) => {
      written.push({ sentence, fields });
    },
    with: () => log,
  };
  const harness = await startHarness(t, { log });
  const token = await makeToken(harness, { role: "viewer", name: "screen" });
  const count = async () => (await harness.call("GET", "/v1/audit")).text;
  const before = await count();
  await harness.call("PUT", "/v1/settings", { token, body: {} });
  await harness.call("DELETE", "/v1/rules/x", { token });
  assert.equal(await count(), before);
  const refused = written.filter(({ sentence }) => sentence.startsWith("refused: "));
  assert.equal(refused.length, 2);
  const { fields } = refused[0] ?? {};
  assert.match(
    JSON.stringify(fields),
    /\/screen.*settings\.change.*127\.0\.0\.1.*PUT.*\/v1\/settings/,
  );
});
