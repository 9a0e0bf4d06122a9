import assert from "node:assert/strict";
import { randomBytes, scryptSync } from "node:crypto";
import test from "node:test";
import { keys } from "../../../src/wire/records.ts";
import { listOf, serviceBody, startHarness } from "../harness.ts";
import { addUser, basic, logIn, makeToken, password, tryLogin } from "./support.ts";

test("POST /v1/login gives a token of the user for 12 h, with the body or with Basic", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "operator");
  const before = Date.now();
  const answer = await tryLogin(harness, "alice");
  assert.equal(answer.status, 201);
  const leftMs = Number(answer.json["expiresAtMs"]) - before;
  assert.ok(leftMs >= 43_199_000 && leftMs < 43_260_000, `it holds for ${leftMs} ms`);
  const options = { token: undefined, headers: basic("alice") };
  const other = await harness.call("POST", "/v1/login", options);
  assert.equal(other.status, 201, other.text);
  for (const token of [String(answer.json["token"]), String(other.json["token"])]) {
    const self = await harness.call("GET", "/v1/whoami", { token });
    assert.equal(String(self.json["who"]), "alice");
    assert.equal(String(self.json["role"]), "operator");
  }
  const nothing = await harness.call("POST", "/v1/login", { token: undefined });
  assert.equal(nothing.json["code"], "bad-input");
});

test("a wrong password and an unknown user are refused in the same words", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "viewer");
  const wrong = await tryLogin(harness, "alice", "wrong horse");
  const unknown = await tryLogin(harness, "bob");
  assert.deepEqual([wrong.status, wrong.json["code"]], [401, "bad-login"]);
  assert.deepEqual(wrong.json, unknown.json);
});

test("Authorization: Basic is accepted on every route, until the user's record changes", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "admin");
  const call = (given: string) =>
    harness.call("GET", "/v1/cluster", { token: undefined, headers: basic("alice", given) });
  assert.equal((await call(password)).status, 200);
  // A login is verified each time: by turns, both have the same share of a busy machine.
  let verifiedMs = 0;
  let rememberedMs = 0;
  for (let round = 0; round < 10; round += 1) {
    const startMs = performance.now();
    await logIn(harness, "alice");
    const verifiedAtMs = performance.now();
    assert.equal((await call(password)).status, 200);
    verifiedMs += verifiedAtMs - startMs;
    rememberedMs += performance.now() - verifiedAtMs;
  }
  const figures = `${verifiedMs} ms verified, ${rememberedMs} ms remembered`;
  t.diagnostic(figures);
  assert.ok(rememberedMs < verifiedMs / 2, `what was verified is remembered: ${figures}`);
  const path = "/v1/users/alice/password";
  const body = { password: "another horse" };
  assert.equal((await harness.call("PUT", path, { body })).status, 200);
  assert.equal((await call(password)).json["code"], "bad-login");
  assert.equal((await call("another horse")).status, 200);
  assert.equal((await harness.call("DELETE", "/v1/users/alice")).status, 204);
  assert.equal((await call("another horse")).json["code"], "bad-login");
});

test("a login may what its user may now, and ends with the user's password and with the user", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "viewer");
  const token = await logIn(harness, "alice");
  const put = () => harness.call("POST", "/v1/services", { token, body: serviceBody("api") });
  assert.equal((await put()).status, 403);
  const role = { role: "admin" };
  assert.equal((await harness.call("PUT", "/v1/users/alice/role", { body: role })).status, 200);
  assert.equal((await put()).status, 201, "the role of now counts");
  const changed = { password: "another horse" };
  await harness.call("PUT", "/v1/users/alice/password", { body: changed });
  assert.equal((await put()).json["code"], "bad-token");
  const next = await logIn(harness, "alice", "another horse");
  assert.equal((await harness.call("DELETE", "/v1/users/alice")).status, 204);
  assert.equal((await harness.call("GET", "/v1/nodes", { token: next })).status, 401);
  await addUser(harness, "alice", "admin", { password: "another horse" });
  const late = await harness.call("GET", "/v1/nodes", { token: next });
  assert.equal(late.status, 401, "a user of the same name who comes later is another one");
});

test("POST /v1/logout ends the login, and only that", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "viewer");
  const [first, second] = [await logIn(harness, "alice"), await logIn(harness, "alice")];
  assert.equal((await harness.call("POST", "/v1/logout", { token: first })).status, 204);
  assert.equal((await harness.call("GET", "/v1/nodes", { token: first })).status, 401);
  assert.equal((await harness.call("GET", "/v1/nodes", { token: second })).status, 200);
  const admin = await harness.call("POST", "/v1/logout");
  assert.equal(admin.json["code"], "bad-input", "a token of nobody is no login");
});

test("PUT /v1/users/:name/password: one's own needs the present one, another's the permission", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "viewer");
  await addUser(harness, "bob", "viewer");
  const token = await logIn(harness, "alice");
  const put = (name: string, body: object) =>
    harness.call("PUT", `/v1/users/${name}/password`, { token, body });
  const next = { password: "another horse" };
  assert.equal((await put("alice", next)).json["code"], "bad-input");
  const wrong = await put("alice", { ...next, currentPassword: "wrong horse" });
  assert.equal(wrong.json["code"], "bad-login");
  const foreign = await put("bob", { ...next, currentPassword: password });
  assert.equal(String(foreign.json["permission"]), "user.change");
  assert.equal((await put("alice", { ...next, currentPassword: password })).status, 200);
  assert.equal((await put("alice", { ...next, currentPassword: password })).status, 401);
  assert.ok(await logIn(harness, "alice", "another horse"));
});

test("nobody gives more than they have, neither directly nor by way of a weaker token", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "admin");
  await addUser(harness, "olga", "operator");
  await addUser(harness, "otto", "owner", { ownsServices: ["process:api"] });
  const alice = await logIn(harness, "alice");
  const olga = await logIn(harness, "olga");
  const otto = await logIn(harness, "otto");
  const weak = await makeToken(harness, { role: "viewer", own: true }, alice);
  const tries: readonly (readonly [string, object])[] = [
    [olga, { role: "admin", own: true }],
    [olga, { role: "admin" }],
    [olga, { role: "agent", node: "n1" }],
    [otto, { role: "operator", own: true }],
    [otto, { role: "owner", ownsServices: ["process:other"], own: true }],
    [weak, { role: "user", own: true }],
    [weak, { role: "admin", own: true }],
    [weak, { role: "operator" }],
  ];
  for (const [token, body] of tries) {
    const answer = await harness.call("POST", "/v1/tokens", { token, body });
    assert.equal(answer.status, 403, JSON.stringify(body));
    assert.equal(String(answer.json["permission"]), "token.create");
  }
  const users = await harness.call("POST", "/v1/users", {
    token: olga,
    body: { name: "eve", role: "viewer", password },
  });
  assert.equal(String(users.json["permission"]), "user.create");
  const good = await makeToken(
    harness,
    { role: "owner", ownsServices: ["process:api"], own: true },
    otto,
  );
  assert.equal((await harness.call("GET", "/v1/whoami", { token: good })).status, 200);
});

test("a user's own token may what both it and its user may", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "admin");
  const alice = await logIn(harness, "alice");
  const token = await makeToken(
    harness,
    { role: "owner", ownsServices: ["process:api"], own: true, name: "ci" },
    alice,
  );
  const add = (name: string) =>
    harness.call("POST", "/v1/services", { token, body: serviceBody(name) });
  assert.equal((await add("other")).status, 403);
  assert.equal((await add("api")).status, 201);
  const body = { role: "operator" };
  await harness.call("PUT", "/v1/users/alice/role", { body });
  const path = "/v1/services/process:api";
  const started = await harness.call("PATCH", path, { token, body: { state: "stopped" } });
  assert.equal(started.status, 200, "both an owner and an operator may stop it");
  const changed = await harness.call("PATCH", path, { token, body: { maxRestart: 5 } });
  assert.equal(String(changed.json["permission"]), "service.change");
  const audit = await harness.call("GET", "/v1/audit");
  assert.match(String(listOf(audit.json["items"])[0]?.["who"]), /^alice with [0-9a-f]+\/ci$/);
});

test("everybody takes their own tokens back, and nobody another's", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "viewer");
  await addUser(harness, "bob", "viewer");
  const [alice, bob] = [await logIn(harness, "alice"), await logIn(harness, "bob")];
  const made = await harness.call("POST", "/v1/tokens", {
    token: alice,
    body: { role: "user", own: true, name: "mine" },
  });
  assert.equal(made.status, 201, made.text);
  const path = `/v1/tokens/${String(made.json["id"])}`;
  const foreign = await harness.call("DELETE", path, { token: bob });
  assert.equal(String(foreign.json["permission"]), "token.revoke");
  assert.equal((await harness.call("DELETE", path, { token: alice })).status, 204);
});

test("the last admin stays, be it a user or a token, also when two are taken away at once", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "admin");
  const alice = await logIn(harness, "alice");
  const both = await Promise.all([
    harness.call("DELETE", "/v1/users/alice"),
    harness.call("DELETE", "/v1/tokens/admin", { token: alice }),
  ]);
  const outcomes = both.map(({ status }) => status);
  assert.equal(outcomes.filter((status) => status === 204).length, 1, outcomes.join());
  await t.test("the user is the last", async (part) => {
    const other = await startHarness(part);
    await addUser(other, "alice", "admin");
    const token = await logIn(other, "alice");
    assert.equal((await other.call("DELETE", "/v1/tokens/admin", { token })).status, 204);
    const tries = [
      other.call("DELETE", "/v1/users/alice", { token }),
      other.call("PUT", "/v1/users/alice/role", { token, body: { role: "viewer" } }),
    ];
    for (const { json } of await Promise.all(tries)) assert.equal(json["code"], "refused");
  });
});

test("a password's hash is made anew at login when it was made with less than today's cost", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "viewer");
  const key = `${keys.users}alice`;
  const salt = randomBytes(16);
  const hash = scryptSync(password, salt, 32, { N: 1_024, r: 8, p: 1 });
  const old = await harness.store.get(key);
  assert.ok(old.ok && old.value.entry !== undefined);
  const weak = {
    ...Object(old.value.entry.value),
    password: {
      algorithm: "scrypt",
      cost: 1_024,
      blockSize: 8,
      parallelization: 1,
      salt: salt.toString("base64url"),
      hash: hash.toString("base64url"),
    },
  };
  await harness.store.txn({ compare: [], then: [{ kind: "put", key, value: weak }] });
  await logIn(harness, "alice");
  const now = await harness.store.get(key);
  assert.ok(now.ok && now.value.entry !== undefined);
  const { password: made } = Object(now.value.entry.value);
  assert.equal(made.cost, 32_768);
  assert.equal(Object(now.value.entry.value).generation, weak.generation, "logins go on");
  assert.ok(await logIn(harness, "alice"));
});

test("GET /v1/users and GET /v1/tokens show no hash, and no login that has ended", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "owner", { ownsNodes: ["n1"] });
  const token = await logIn(harness, "alice");
  const users = await harness.call("GET", "/v1/users", { token });
  assert.deepEqual(listOf(users.json["items"])[0]?.["ownsNodes"], ["n1"]);
  for (const word of ["hash", "salt", "generation", "scrypt"]) {
    assert.ok(!users.text.includes(word), word);
  }
  const count = async () => listOf((await harness.call("GET", "/v1/tokens")).json["items"]).length;
  assert.equal(await count(), 2);
  await harness.call("DELETE", "/v1/users/alice");
  assert.equal(await count(), 1);
});

test("POST /v1/users refuses names, passwords and grants that cannot be", async (t) => {
  const harness = await startHarness(t);
  const good = { name: "alice", role: "viewer", password };
  const cases: readonly (readonly [object, string])[] = [
    [{ ...good, name: "Alice" }, "name"],
    [{ ...good, name: "a b" }, "name"],
    [{ ...good, password: "short" }, "password"],
    [{ ...good, role: "root" }, "role"],
    [{ ...good, role: "owner" }, "ownsNodes"],
    [{ ...good, ownsServices: ["process:api"] }, "ownsServices"],
    [{ ...good, role: "owner", ownsServices: ["api"] }, "ownsServices.0"],
  ];
  for (const [body, path] of cases) {
    const answer = await harness.call("POST", "/v1/users", { body });
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.equal(String(listOf(answer.json["faults"])[0]?.["path"]), path);
    assert.ok(!answer.text.includes(password), "no password is repeated");
  }
  assert.equal((await harness.call("POST", "/v1/users", { body: good })).status, 201);
  assert.equal(
    (await harness.call("POST", "/v1/users", { body: good })).json["code"],
    "already-exists",
  );
});
