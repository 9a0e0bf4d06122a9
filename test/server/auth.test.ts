import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { startServer } from "../../src/server/start.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import {
  clock,
  eventually,
  listOf,
  quietLog,
  serviceBody,
  startHarness,
  temporaryDirectory,
} from "./harness.ts";

test("authenticate() refuses what is no valid token, with the reason", async (t) => {
  const harness = await startHarness(t);
  const [, id = ""] = harness.adminToken.split("_");
  const otherSecret = `hf_${id}_${randomBytes(32).toString("base64url")}`;
  const unknownId = harness.adminToken.replace("hf_admin", "hf_other");
  const cases: readonly (readonly [string, Record<string, string>, string])[] = [
    ["no header", {}, "no-token"],
    ["another scheme", { authorization: "Digest YTpi" }, "bad-token"],
    ["no such user", { authorization: "Basic YTpi" }, "bad-login"],
    ["no password", { authorization: "Basic YTpi".slice(0, -2) }, "bad-login"],
    ["no token after Bearer", { authorization: "Bearer" }, "bad-token"],
    ["not the form", { authorization: "Bearer secret" }, "bad-token"],
    ["wrong secret", { authorization: `Bearer ${otherSecret}` }, "bad-token"],
    ["unknown id", { authorization: `Bearer ${unknownId}` }, "bad-token"],
  ];
  for (const [name, headers, code] of cases) {
    const answer = await harness.call("GET", "/v1/cluster", { token: undefined, headers });
    assert.equal(answer.status, 401, name);
    assert.equal(answer.json["code"], code, name);
    assert.equal(answer.headers["www-authenticate"], "Bearer", name);
    assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/, name);
    assert.ok(!answer.text.includes(otherSecret), "no secret is repeated");
  }
  assert.equal((await harness.call("GET", "/v1/cluster")).status, 200);
});

test("authenticate() refuses a token that has expired, and one that was deleted", async (t) => {
  const harness = await startHarness(t);
  const made = await harness.call("POST", "/v1/tokens", { body: { role: "admin", ttlMs: 3_000 } });
  const token = String(made.json["token"]);
  assert.equal((await harness.call("GET", "/v1/nodes", { token })).status, 200);
  await eventually("the token expires", async () => {
    const answer = await harness.call("GET", "/v1/nodes", { token });
    return answer.status === 401 && String(answer.json["code"]) === "token-expired";
  });
  const other = await harness.call("POST", "/v1/tokens", { body: { role: "admin" } });
  const otherToken = String(other.json["token"]);
  const path = `/v1/tokens/${String(other.json["id"])}`;
  assert.equal((await harness.call("DELETE", path)).status, 204);
  const refused = await harness.call("GET", "/v1/nodes", { token: otherToken });
  assert.equal(refused.json["code"], "bad-token");
});

test("DELETE /v1/tokens/:id refuses to take the last admin's token", async (t) => {
  const harness = await startHarness(t);
  const answer = await harness.call("DELETE", "/v1/tokens/admin");
  assert.equal(answer.json["code"], "refused");
  assert.equal((await harness.call("GET", "/v1/tokens")).status, 200);
});

test("DELETE /v1/tokens/:id keeps one admin's token that does not expire, so that nobody is locked out", async (t) => {
  const harness = await startHarness(t);
  const body = { role: "admin", name: "short", ttlMs: 60_000 };
  const short = await harness.call("POST", "/v1/tokens", { body });
  const refused = await harness.call("DELETE", "/v1/tokens/admin");
  assert.equal(refused.json["code"], "refused");
  assert.match(String(refused.json["detail"]), /last admin: .*token that does not expire/);
  const gone = await harness.call("DELETE", `/v1/tokens/${String(short.json["id"])}`);
  assert.equal(gone.status, 204);
  const lasting = await harness.call("POST", "/v1/tokens", { body: { role: "admin" } });
  const token = String(lasting.json["token"]);
  assert.equal((await harness.call("DELETE", "/v1/tokens/admin", { token })).status, 204);
});

test("GET /v1/tokens shows no secret and no hash", async (t) => {
  const harness = await startHarness(t);
  const made = await harness.call("POST", "/v1/tokens", { body: { role: "agent", node: "n1" } });
  // The secret itself may have underscores.
  const secret = String(made.json["token"]).split("_").slice(2).join("_");
  assert.equal(secret.length, 43);
  const list = await harness.call("GET", "/v1/tokens");
  assert.equal(listOf(list.json["items"]).length, 2);
  assert.ok(!list.text.includes(secret) && !list.text.includes("sha256"));
});

test("guardRoutes() keeps agents out of people's routes and people out of agents'", async (t) => {
  const harness = await startHarness(t);
  const token = await harness.agentToken("node1");
  const peoples: readonly (readonly [string, string, unknown])[] = [
    ["GET", "/v1/cluster", undefined],
    ["POST", "/v1/services", serviceBody("api")],
    ["POST", "/v1/tokens", { role: "admin" }],
    ["PUT", "/v1/settings", { profile: "fast" }],
    ["POST", "/v1/nodes/node1/confirm-off", undefined],
    ["GET", "/v1/audit", undefined],
  ];
  for (const [method, path, body] of peoples) {
    const answer = await harness.call(method, path, { token, body });
    assert.equal(answer.status, 403, path);
    assert.equal(answer.json["code"], "not-allowed", path);
  }
  const lease = await harness.call("POST", "/v1/agent/lease", {
    body: { incarnation: "12345678" },
  });
  assert.equal(lease.json["code"], "not-allowed");
  assert.equal(listOf((await harness.call("GET", "/v1/services")).json["items"]).length, 0);
});

test("an agent's token does nothing for another node", async (t) => {
  const harness = await startHarness(t);
  const first = await harness.agent("node1");
  const second = await harness.agent("node2");
  const { incarnation, leaseId, epoch } = first;
  const renewal = await second.post("/v1/agent/lease", {
    incarnation,
    renew: { leaseId, epoch: epoch + 1 },
  });
  assert.equal(renewal.json["code"], "stale-epoch");
  await second.post("/v1/agent/release", { epoch, leaseId });
  const node = await harness.call("GET", "/v1/nodes/node1");
  assert.equal(node.json["leased"], true, "only its own lease was released");
});

test("startServer() makes one admin token in a file of mode 0600, and no second one", async (t) => {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const dataDirectory = await temporaryDirectory(t);
  const harness = await startHarness(t, { store, dataDirectory });
  const path = join(dataDirectory, "admin.token");
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await harness.server.close();
  await rm(path);
  const again = await startServer({
    store,
    clock,
    log: quietLog,
    dataDirectory,
    listen: { host: "127.0.0.1", port: 0 },
    version: "0",
  });
  assert.ok(again.ok);
  await again.value.close();
  await assert.rejects(stat(path), { code: "ENOENT" });
});

test("startServer() says what is wrong with a port in use and a directory without permission", async (t) => {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  t.after(() => taken.close());
  const address = taken.address();
  assert.ok(typeof address === "object" && address !== null);
  const base = { store, clock, log: quietLog, version: "0" };
  const dataDirectory = await temporaryDirectory(t);
  const listen = { host: "127.0.0.1", port: address.port };
  const inUse = await startServer({ ...base, dataDirectory, listen });
  assert.deepEqual(inUse, {
    ok: false,
    error: `cannot listen on 127.0.0.1 port ${address.port}: another process uses this address and port`,
  });
  await t.test("a directory without permission", async (part) => {
    if (process.getuid?.() === 0) return part.skip("root may write everywhere");
    await chmod(dataDirectory, 0o500);
    const refused = await startServer({ ...base, dataDirectory, listen: { ...listen, port: 0 } });
    await chmod(dataDirectory, 0o700);
    assert.deepEqual(refused, {
      ok: false,
      error: `cannot use the data directory "${dataDirectory}": no permission`,
    });
  });
  const file = join(dataDirectory, "server-id");
  const notADirectory = await startServer({ ...base, dataDirectory: file, listen });
  assert.equal(notADirectory.ok, false);
});
