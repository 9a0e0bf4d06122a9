/** What a server answers while it only waits for its store's schema, beside one that serves on the same store. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import type { Store } from "../../../src/ports/store.ts";
import { storeOf } from "../../support/store-of.ts";
import { type CallOptions, clock, eventually, send } from "../harness.ts";
import {
  because,
  listen,
  startWaiting,
  upgradeRecord,
  type WaitingBench,
} from "./support/waiting.ts";

const order = "/v1/upgrade/order";

/** Both servers are asked the same; what they say has to be the same, too. */
async function sameOf(
  { harness, call }: WaitingBench,
  [method, path, options]: readonly [string, string, CallOptions?],
): Promise<{ readonly status: number; readonly code: string; readonly detail: string }> {
  const serving = await harness.call(method, path, options);
  const waiting = await call(method, path, options);
  const headers = ["content-type", "www-authenticate"] as const;
  const typeOf = (value: unknown): string => String(value).split(";")[0] ?? "";
  assert.equal(waiting.status, serving.status, `${serving.text} ${waiting.text}`);
  assert.deepEqual(waiting.json, serving.json);
  for (const name of headers) {
    assert.equal(typeOf(waiting.headers[name]), typeOf(serving.headers[name]), name);
  }
  const { code, detail } = waiting.json;
  return { status: waiting.status, code: String(code), detail: String(detail) };
}

test("a waiting server lives, and says to all but the upgrade's calls why it serves nobody", async (t) => {
  const { call } = await startWaiting(t);
  const alive = await call("GET", "/livez", { token: undefined });
  assert.deepEqual([alive.status, alive.json], [200, { status: "ok" }]);
  const others = [
    ["GET", "/readyz"],
    ["GET", "/v1/cluster"],
    ["POST", "/v1/upgrade"],
    ["GET", "/v1/upgrade/check"],
    ["GET", "/v1/upgrade/order"],
    ["DELETE", "/v1/upgrade"],
    ["POST", "/v1/agent/lease"],
  ] as const;
  for (const [method, path] of others) {
    const { status, json } = await call(method, path, { body: { node: "n1" } });
    assert.deepEqual(
      [status, json["code"], json["detail"], json["hint"]],
      [503, "unavailable", because, "see how far it is with: holdfast upgrade status"],
      `${method} ${path}`,
    );
  }
});

test("GET /v1/upgrade of a waiting server is that of one that serves", async (t) => {
  const bench = await startWaiting(t);
  await sameOf(bench, ["GET", "/v1/upgrade"]);
  assert.deepEqual((await bench.call("GET", "/v1/upgrade")).json, { upgrade: null });
  await bench.put("system-upgrade", upgradeRecord("paused"));
  await sameOf(bench, ["GET", "/v1/upgrade"]);
  const { json } = await bench.call("GET", "/v1/upgrade");
  assert.equal(String(json["upgrade"]?.["state"]), "paused");
});

test("PUT /v1/upgrade/order of a waiting server changes the stored upgrade, and answers with it", async (t) => {
  const bench = await startWaiting(t);
  const missing = await sameOf(bench, ["PUT", order, { body: { order: "pause" } }]);
  assert.deepEqual([missing.status, missing.code], [404, "not-found"]);
  // This server is told of it by the store, and begins nothing while it is paused.
  await bench.put("system-upgrade", upgradeRecord("paused"));
  const paused = await bench.call("PUT", order, { body: { order: "pause" } });
  assert.equal(String(paused.json["upgrade"]?.["state"]), "paused", paused.text);
  const aborting = await bench.call("PUT", order, { body: { order: "abort" } });
  assert.equal(aborting.status, 200, aborting.text);
  assert.equal(String(aborting.json["upgrade"]?.["state"]), "aborting");
  assert.match(String(aborting.json["upgrade"]?.["detail"]), /^asked for by admin\//);
  await bench.put("system-upgrade", upgradeRecord("done"));
  const late = await sameOf(bench, ["PUT", order, { body: { order: "abort" } }]);
  assert.deepEqual([late.status, late.detail], [409, "the upgrade is done already"]);
});

test("a waiting server refuses a body that is no order in the words of one that serves", async (t) => {
  const bench = await startWaiting(t);
  await bench.put("system-upgrade", upgradeRecord("paused"));
  const before = await bench.read("system-upgrade");
  const json = { "content-type": "application/json" };
  const bodies: readonly (readonly [CallOptions, string])[] = [
    [{ rawBody: "{", headers: json }, "bad-input"],
    [{ rawBody: "", headers: json }, "bad-input"],
    [{ rawBody: Buffer.from([0, 1, 255]), headers: json }, "bad-input"],
    [
      { rawBody: "order=abort", headers: { "content-type": "application/x-www-form-urlencoded" } },
      "not-supported",
    ],
    [{ body: { order: "stop" } }, "bad-input"],
    [{ body: { order: "abort", more: 1 } }, "bad-input"],
    [{ body: {} }, "bad-input"],
    [{ body: null }, "bad-input"],
    [{ body: ["abort"] }, "bad-input"],
  ];
  for (const [options, code] of bodies) {
    assert.equal((await sameOf(bench, ["PUT", order, options])).code, code);
  }
  const large = await bench.call("PUT", order, { body: { order: "abort".repeat(10_000) } });
  assert.deepEqual([large.status, large.json["code"]], [413, "too-large"]);
  assert.deepEqual(await bench.read("system-upgrade"), before);
});

test("a waiting server ends a request whose body does not come", async (t) => {
  const { url, harness } = await startWaiting(t);
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  t.after(() => socket.destroy());
  let text = "";
  socket.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  const ended = new Promise((resolve) => socket.once("close", resolve));
  const head = [
    `PUT ${order} HTTP/1.1`,
    "host: a",
    `authorization: Bearer ${harness.adminToken}`,
    "content-type: application/json",
    "content-length: 20",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n{"order":`);
  await ended;
  assert.match(text, /^HTTP\/1\.1 400 [\s\S]*the request did not arrive in time/);
});

test("a waiting server lets in those whom one that serves lets in, by their tokens", async (t) => {
  const bench = await startWaiting(t);
  await bench.put("system-upgrade", upgradeRecord("paused"));
  const ask = ["GET", "/v1/upgrade"] as const;
  const abort = { order: "abort" };
  const viewer = await bench.token({ role: "viewer", name: "screen" });
  assert.equal((await sameOf(bench, [...ask, { token: viewer.token }])).status, 200);
  const refused = await sameOf(bench, ["PUT", order, { token: viewer.token, body: abort }]);
  assert.deepEqual([refused.status, refused.code], [403, "not-allowed"]);
  const operator = await bench.token({ role: "operator", name: "shift" });
  const alsoRefused = await sameOf(bench, ["PUT", order, { token: operator.token, body: abort }]);
  assert.match(alsoRefused.detail, /needs the permission "upgrade\.order"/);
  const agent = await bench.harness.agentToken("node1");
  assert.equal((await sameOf(bench, [...ask, { token: agent }])).code, "not-allowed");

  const wrong = viewer.token.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  for (const token of [wrong, "nonsense", "hf_none_".padEnd(51, "x")]) {
    assert.equal((await sameOf(bench, [...ask, { token }])).code, "bad-token", token);
  }
  const record = await bench.read(`tokens/${viewer.id}`);
  assert.ok(typeof record === "object" && record !== null);
  const expiresAtMs = clock.wallMs() - 1_000;
  await bench.put(`tokens/${viewer.id}`, { ...record, expiresAtMs });
  await eventually(
    "the other answer",
    async () => (await bench.harness.call(...ask, viewer)).status === 401,
  );
  const expired = await sameOf(bench, [...ask, { token: viewer.token }]);
  assert.deepEqual([expired.status, expired.code], [401, "token-expired"]);
});

test("a waiting server knows the users behind tokens, and takes no passwords", async (t) => {
  const bench = await startWaiting(t);
  const { harness, call } = bench;
  const password = "correct horse";
  const made = await harness.call("POST", "/v1/users", {
    body: { name: "erika", role: "admin", password },
  });
  assert.equal(made.status, 201, made.text);
  const basic = `Basic ${Buffer.from(`erika:${password}`).toString("base64")}`;
  const login = await harness.call("POST", "/v1/login", { body: { user: "erika", password } });
  const token = String(login.json["token"]);
  await bench.put("system-upgrade", upgradeRecord("paused"));
  const asked = await call("PUT", order, { token, body: { order: "abort" } });
  assert.equal(String(asked.json["upgrade"]?.["detail"]), "asked for by erika", asked.text);

  const shown = [{ headers: { authorization: basic } }, {}, { headers: { authorization: "" } }];
  for (const options of shown) {
    const answer = await call("GET", "/v1/upgrade", { token: undefined, ...options });
    assert.equal(answer.status, 401, answer.text);
    assert.equal(answer.headers["www-authenticate"], "Bearer");
  }
  const { json } = await call("GET", "/v1/upgrade", { token: undefined, ...shown[0] });
  assert.match(String(json["detail"]), /^while this server waits .* it takes tokens only/);

  const path = "/v1/users/erika/password";
  const changed = await harness.call("PUT", path, { body: { password: "other password" } });
  assert.equal(changed.status < 300, true, changed.text);
  const after = await sameOf(bench, ["GET", "/v1/upgrade", { token }]);
  assert.match(after.detail, /^the token's user "erika" was removed, or has another password/);
});

test("a waiting server says of records that it cannot read that they may be of another schema", async (t) => {
  // The one that serves would end for a bug: only the one that waits looks here.
  const bench = await startWaiting(t);
  const { token, id } = await bench.token({ role: "admin", name: "next" });
  const record = await bench.read(`tokens/${id}`);
  assert.ok(typeof record === "object" && record !== null && !Array.isArray(record));
  const { store } = bench;
  const shapes: Readonly<Record<string, object>> = {
    [`tokens/${id}`]: { ...record, version: 3 },
    "system-upgrade": { version: 2, phases: [] },
  };
  for (const [key, value] of Object.entries(shapes)) {
    const changed: Store = {
      ...storeOf(store),
      get: async (asked) => {
        const read = await store.get(asked);
        if (!read.ok || asked !== key) return read;
        const entry = { key, createRevision: 1, modRevision: 1, leaseId: undefined };
        const json = JSON.parse(JSON.stringify(value));
        return { ok: true, value: { ...read.value, entry: { ...entry, value: json } } };
      },
    };
    const { url } = await listen(t, changed);
    for (const [method, path] of [
      ["GET", "/v1/upgrade"],
      ["PUT", order],
    ] as const) {
      const answer = await send(url, method, path, { token, body: { order: "abort" } });
      assert.deepEqual([answer.status, answer.json["code"]], [503, "unavailable"], answer.text);
      assert.match(
        String(answer.json["detail"]),
        /^this server cannot read the (token's|upgrade's) record while it waits for its store's schema: version: /,
      );
    }
  }
});

test("a waiting server's order is given to the upgrade as it is by then, or not at all", async (t) => {
  const { store, put, read, harness } = await startWaiting(t);
  const { adminToken: token } = harness;
  await put("system-upgrade", upgradeRecord("paused"));
  let raceCount = 0;
  let raceMax = 2;
  const racing: Store = {
    ...storeOf(store),
    txn: async (txn) => {
      raceCount += 1;
      if (raceCount <= raceMax) {
        const record = await read("system-upgrade");
        assert.ok(typeof record === "object" && record !== null);
        await put("system-upgrade", { ...record, attempt: raceCount + 1 });
      }
      return await store.txn(txn);
    },
  };
  const { url } = await listen(t, racing);
  const body = { order: "pause" };
  const late = await send(url, "PUT", order, { token, body });
  assert.equal(Number(late.json["upgrade"]?.["attempt"]), 3, late.text);
  assert.equal(raceCount, 3);
  raceMax = Number.POSITIVE_INFINITY;
  const never = await send(url, "PUT", order, { token, body });
  assert.deepEqual([never.status, never.json["code"]], [409, "conflict"]);
});

test("a waiting server whose store is silent says so in time, and what it does not know of an order", async (t) => {
  const { store, put, harness } = await startWaiting(t);
  await put("system-upgrade", upgradeRecord("paused"));
  const { adminToken: token } = harness;
  const silent = () => new Promise<never>(() => undefined);
  const deaf = await listen(t, { ...storeOf(store), get: silent });
  const mute = await listen(t, { ...storeOf(store), txn: silent });
  const [read, ordered] = await Promise.all([
    send(deaf.url, "GET", "/v1/upgrade", { token }),
    send(mute.url, "PUT", order, { token, body: { order: "pause" } }),
  ]);
  assert.deepEqual([read.status, read.json["code"]], [503, "unavailable"]);
  assert.match(String(read.json["detail"]), /^the store does not answer within 3 s$/);
  assert.deepEqual([ordered.status, ordered.json["code"]], [503, "outcome-unknown"]);
});

test("a waiting server slows down whoever guesses, and nobody else", async (t) => {
  const { call } = await startWaiting(t);
  const ask = (token?: string) => call("GET", "/v1/upgrade", token === undefined ? {} : { token });
  for (let count = 0; count < 300; count += 1) {
    assert.equal((await ask()).status, 200, "those who may ask cost nothing");
  }
  let refused = 0;
  for (let count = 0; count < 210; count += 1) {
    const { status } = await ask(`hf_admin_${"x".repeat(43)}`);
    if (status === 429) refused += 1;
    else assert.equal(status, 401);
  }
  assert.ok(refused > 0 && refused <= 10, `${refused}`);
  const { status, json } = await ask();
  assert.deepEqual([status, json["code"]], [429, "too-many"]);
  await eventually("the other answer", async () => (await ask()).status === 200);
});
