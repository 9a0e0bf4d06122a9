import assert from "node:assert/strict";
import test from "node:test";
import { type Json, startHarness } from "./harness.ts";

const routes = [
  "GET /livez",
  "GET /readyz",
  "GET /leader",
  "GET /openapi.json",
  "GET /v1/cluster",
  "GET /v1/settings",
  "PUT /v1/settings",
  "PATCH /v1/settings",
  "GET /v1/arming",
  "PUT /v1/arming",
  "GET /v1/upgrade",
  "POST /v1/upgrade",
  "PUT /v1/upgrade/order",
  "GET /v1/upgrade/check",
  "GET /v1/freeze",
  "PUT /v1/freeze",
  "DELETE /v1/freeze",
  "GET /v1/groups",
  "GET /v1/groups/{name}",
  "PUT /v1/groups/{name}",
  "DELETE /v1/groups/{name}",
  "GET /v1/definitions",
  "POST /v1/definitions",
  "GET /v1/definitions/{service}/{version}",
  "DELETE /v1/definitions/{service}/{version}",
  "GET /v1/deployments",
  "GET /v1/deployments/{name}",
  "PUT /v1/deployments/{name}",
  "DELETE /v1/deployments/{name}",
  "GET /v1/deployments/{name}/status",
  "GET /v1/deployments/{name}/rollouts",
  "POST /v1/deployments/{name}/plan",
  "POST /v1/deployments/{name}/rollout/{order}",
  "POST /v1/check",
  "GET /v1/policies",
  "GET /v1/policies/{name}",
  "PUT /v1/policies/{name}",
  "DELETE /v1/policies/{name}",
  "GET /v1/policies/{name}/status",
  "PATCH /v1/nodes/{id}",
  "GET /v1/ha-groups",
  "POST /v1/ha-groups",
  "GET /v1/ha-groups/{name}",
  "PUT /v1/ha-groups/{name}",
  "DELETE /v1/ha-groups/{name}",
  "PUT /v1/ha-groups/{name}/members/{node}",
  "DELETE /v1/ha-groups/{name}/members/{node}",
  "GET /v1/rules",
  "GET /v1/rules/{name}",
  "PUT /v1/rules/{name}",
  "DELETE /v1/rules/{name}",
  "GET /v1/nodes",
  "GET /v1/nodes/{id}",
  "DELETE /v1/nodes/{id}",
  "PUT /v1/nodes/{id}/taints/{taint}",
  "DELETE /v1/nodes/{id}/taints/{taint}",
  "POST /v1/nodes/{id}/confirm-off",
  "PUT /v1/nodes/{id}/maintenance",
  "PUT /v1/nodes/{id}/mode",
  "GET /v1/services",
  "POST /v1/services",
  "GET /v1/services/{id}",
  "PUT /v1/services/{id}",
  "PATCH /v1/services/{id}",
  "DELETE /v1/services/{id}",
  "POST /v1/services/{id}/commands",
  "GET /v1/services/{id}/why",
  "GET /v1/services/{id}/logs",
  "POST /v1/services/{id}/exec",
  "GET /v1/events",
  "GET /v1/watch",
  "GET /v1/audit",
  "POST /v1/login",
  "POST /v1/logout",
  "GET /v1/whoami",
  "GET /v1/roles",
  "GET /v1/users",
  "POST /v1/users",
  "GET /v1/users/{name}",
  "PUT /v1/users/{name}/role",
  "PUT /v1/users/{name}/password",
  "DELETE /v1/users/{name}",
  "GET /v1/tokens",
  "POST /v1/tokens",
  "DELETE /v1/tokens/{id}",
  "GET /v1/bundles",
  "GET /v1/bundles/{bundle}",
  "PUT /v1/bundles/{bundle}",
  "DELETE /v1/bundles/{bundle}",
  "GET /v1/bundles/{bundle}/content",
  "GET /v1/bundles/{bundle}/verification",
  "POST /v1/backup",
  "GET /v1/backup-schedule",
  "PUT /v1/backup-schedule",
  "GET /v1/peers/bundles/{bundle}",
  "GET /v1/peers/bundles/{bundle}/verification",
  "GET /v1/peers/status",
  "GET /v1/peers/reach",
  "GET /v1/server",
  "GET /v1/schema",
  "GET /v1/servers",
  "DELETE /v1/servers/{id}",
  "GET /v1/isolation",
  "PUT /v1/isolation",
  "GET /v1/server-configs",
  "PATCH /v1/server-configs/{id}",
  "GET /v1/load-balancer",
  "PUT /v1/load-balancer",
  "GET /v1/move-to-etcd",
  "POST /v1/move-to-etcd",
  "GET /v1/join-tokens",
  "POST /v1/join-tokens",
  "DELETE /v1/join-tokens/{id}",
  "GET /v1/join/authority",
  "POST /v1/join/node",
  "POST /v1/join/server",
  "POST /v1/agent/join",
  "POST /v1/agent/certificate",
  "POST /v1/agent/lease",
  "POST /v1/agent/release",
  "POST /v1/agent/mode",
  "POST /v1/agent/instructions",
  "POST /v1/agent/confirm",
  "POST /v1/agent/report",
  "POST /v1/agent/usage",
  "POST /v1/agent/logs/{requestId}",
  "POST /v1/agent/exec/{requestId}",
  "POST /v1/agent/upgrade",
  "GET /v1/agent/packages/{sha256}",
];

test("GET /openapi.json is OpenAPI 3.1, needs no token and names every route", async (t) => {
  const harness = await startHarness(t);
  const answer = await harness.call("GET", "/openapi.json", { token: undefined });
  assert.equal(answer.status, 200);
  assert.match(String(answer.json["openapi"]), /^3\.1\./);
  assert.equal(answer.json["info"]?.["title"], "Holdfast");
  const found = Object.entries(answer.json["paths"] ?? {}).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(found.sort(), [...routes].sort());
});

test("GET /openapi.json holds together: parameters, references, answers", async (t) => {
  const harness = await startHarness(t);
  const document = (await harness.call("GET", "/openapi.json")).json;
  for (const [path, item] of Object.entries(document["paths"] ?? {})) {
    for (const [method, operation] of Object.entries(item)) {
      const name = `${method} ${path}`;
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = Object.values(operation["parameters"] ?? {})
        .filter((parameter) => String(parameter["in"]) === "path")
        .map((parameter) => String(parameter["name"]));
      assert.deepEqual(declared, inPath, name);
      const answers = Object.entries(operation["responses"] ?? {});
      assert.ok(answers.length > 0, name);
      for (const [status, answer] of answers) {
        assert.match(status, /^([1-5]\d\d|[1-5]XX|default)$/, name);
        assert.equal(typeof answer["description"], "string", name);
      }
    }
  }
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)];
  for (const [, reference = ""] of references) {
    let target: Json | undefined = document;
    for (const piece of reference.split("/")) target = target?.[piece];
    assert.notEqual(target, undefined, reference);
  }
});

test("GET /livez and /readyz need no token", async (t) => {
  const harness = await startHarness(t);
  for (const path of ["/livez", "/readyz"]) {
    const answer = await harness.call("GET", path, { token: undefined });
    assert.deepEqual([answer.status, answer.json], [200, { status: "ok" }]);
  }
});

test("GET /openapi.json says of every operation what it is, what it answers and what it is conditional on", async (t) => {
  const harness = await startHarness(t);
  const document = (await harness.call("GET", "/openapi.json")).json;
  const ids: string[] = [];
  for (const [path, item] of Object.entries(document["paths"] ?? {})) {
    for (const [method, operation] of Object.entries(item)) {
      const name = `${method} ${path}`;
      ids.push(String(operation["operationId"]));
      assert.equal(typeof operation["summary"], "string", name);
      const statuses = Object.keys(operation["responses"] ?? {});
      assert.ok(
        statuses.some((status) => status.startsWith("2")),
        name,
      );
    }
  }
  assert.equal(new Set(ids).size, ids.length, "each operation has an id of its own");
  const headersOf = (path: string, method: string): string[] =>
    Object.values(document["paths"]?.[path]?.[method]?.["parameters"] ?? {})
      .filter((parameter) => String(parameter["in"]) === "header")
      .map((parameter) => String(parameter["name"]));
  assert.deepEqual(headersOf("/v1/services/{id}", "put"), ["if-match", "if-none-match"]);
  assert.deepEqual(headersOf("/v1/watch", "get"), ["last-event-id"]);
});

test("HEAD /livez and /readyz answer as GET does, without a body", async (t) => {
  const harness = await startHarness(t);
  for (const path of ["/livez", "/readyz"]) {
    const answer = await harness.call("HEAD", path, { token: undefined });
    assert.deepEqual([answer.status, answer.text], [200, ""]);
  }
});
