/** A freeze is seen and ended at a server that only waits for its store's schema, as at one that serves. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Store } from "../../../src/ports/store.ts";
import { upgradeRecordSchema } from "../../../src/wire/control-plane/upgrades.ts";
import { createBench } from "../../cli/harness.ts";
import { storeOf } from "../../support/store-of.ts";
import { type CallOptions, clock, eventually, send } from "../harness.ts";
import { listen, startWaiting, upgradeRecord, type WaitingBench } from "./support/waiting.ts";

const freeze = { version: 1, by: "upgrade u1", reason: "upgrade", sinceMs: 5, failover: true };

/** Nobody but the one that waits is there, so that nobody carries the upgrade on or writes the audit. */
async function startAlone(t: TestContext): Promise<WaitingBench> {
  const bench = await startWaiting(t);
  await bench.harness.server.close();
  return bench;
}

test("GET /v1/freeze of a waiting server is that of one that serves", async (t) => {
  const { call, harness, put } = await startWaiting(t);
  for (const record of [undefined, freeze, { ...freeze, untilMs: clock.wallMs() - 1 }]) {
    if (record !== undefined) await put("freeze", record);
    const isFrozen = record !== undefined && !("untilMs" in record);
    await eventually("the same answer", async () => {
      const serving = await harness.call("GET", "/v1/freeze");
      return String(serving.json["frozen"]) === String(isFrozen);
    });
    const [serving, waiting] = [
      await harness.call("GET", "/v1/freeze"),
      await call("GET", "/v1/freeze"),
    ];
    assert.equal(waiting.status, 200, waiting.text);
    assert.deepEqual(waiting.json, serving.json);
    assert.equal(waiting.headers["etag"], serving.headers["etag"]);
  }
});

test("DELETE /v1/freeze of a waiting server ends the freeze, whoever it is of, and says so once", async (t) => {
  const { call, put, read } = await startAlone(t);
  await put("freeze", freeze);
  await put("system-upgrade", upgradeRecord("running"));
  const ended = await call("DELETE", "/v1/freeze");
  assert.deepEqual(
    [ended.status, ended.json],
    [200, { revision: 0, frozen: false, failover: true }],
    ended.text,
  );
  assert.equal(ended.headers["etag"], '"0"');
  assert.equal(await read("freeze"), undefined);
  const told = async () => upgradeRecordSchema.parse(await read("system-upgrade")).unaudited;
  const [order, ...more] = (await told()) ?? [];
  assert.deepEqual([order?.order, more], ["unfreeze", []]);
  assert.match(String(order?.who), /^admin\//);
  const again = await call("DELETE", "/v1/freeze");
  assert.deepEqual([again.status, again.json["frozen"]], [200, false]);
  assert.equal((await told())?.length, 1, "nothing was done");
});

test("DELETE /v1/freeze of a waiting server works where there has never been an upgrade", async (t) => {
  const { call, put, read } = await startAlone(t);
  await put("freeze", freeze);
  const ended = await call("DELETE", "/v1/freeze");
  assert.equal(ended.status, 200, ended.text);
  assert.equal(await read("freeze"), undefined);
  assert.equal(await read("system-upgrade"), undefined);
});

test("an upgrade that is over hands what was told to a waiting server to the audit", async (t) => {
  const { call, put, harness } = await startWaiting(t);
  await put("system-upgrade", upgradeRecord("done"));
  await put("freeze", freeze);
  assert.equal((await call("DELETE", "/v1/freeze")).status, 200);
  await eventually("the audit to have it", async () => {
    const { text } = await harness.call("GET", "/v1/audit");
    return text.includes("unfreeze") && text.includes("told to a server that waited");
  });
});

test("a waiting server ends a freeze for those only who may, and only the one that they know", async (t) => {
  const bench = await startWaiting(t);
  const { harness, put, read } = bench;
  await put("freeze", freeze);
  await eventually(
    "the freeze",
    async () => String((await harness.call("GET", "/v1/freeze")).json["frozen"]) === "true",
  );
  const viewer = await harness.call("POST", "/v1/tokens", {
    body: { role: "viewer", name: "screen" },
  });
  const { token } = viewer.json;
  const asked: readonly CallOptions[] = [
    { token: String(token) },
    { token: undefined },
    { token: "nonsense" },
    { headers: { "if-match": '"1"' } },
    { headers: { "if-match": "1" } },
    { headers: { "if-none-match": "*" } },
    { headers: { "if-match": "*", "if-none-match": "*" } },
  ];
  const statuses: number[] = [];
  for (const options of asked) {
    const serving = await harness.call("DELETE", "/v1/freeze", options);
    const waiting = await bench.call("DELETE", "/v1/freeze", options);
    assert.deepEqual(
      [waiting.status, waiting.json["code"]],
      [serving.status, serving.json["code"]],
      `${JSON.stringify(options)} ${waiting.text}`,
    );
    statuses.push(waiting.status);
  }
  assert.ok(
    statuses.every((status) => status >= 400),
    statuses.join(),
  );
  assert.deepEqual(await read("freeze"), freeze);
  const { headers } = await bench.call("GET", "/v1/freeze");
  const known = { headers: { "if-match": String(headers["etag"]) } };
  assert.equal((await bench.call("DELETE", "/v1/freeze", known)).status, 200);
  const put503 = await bench.call("PUT", "/v1/freeze", { body: {} });
  assert.equal(put503.status, 503, "a waiting server freezes nothing");
});

test("a freeze that is ended while others change the upgrade changes nothing else of it", async (t) => {
  const { store, put, read, harness } = await startAlone(t);
  await put("freeze", freeze);
  await put("system-upgrade", upgradeRecord("paused"));
  let raceCount = 0;
  const racing: Store = {
    ...storeOf(store),
    txn: async (txn) => {
      raceCount += 1;
      if (raceCount === 1) await put("system-upgrade", upgradeRecord("aborting"));
      return await store.txn(txn);
    },
  };
  const { url } = await listen(t, racing);
  const ended = await send(url, "DELETE", "/v1/freeze", { token: harness.adminToken });
  assert.equal(ended.status, 200, ended.text);
  const { state, unaudited } = upgradeRecordSchema.parse(await read("system-upgrade"));
  assert.deepEqual([state, unaudited?.length, raceCount], ["aborting", 1, 2]);
});

test("cluster unfreeze reaches a server that waits", async (t) => {
  const cli = await createBench(t);
  const { url, put, read, harness } = await startAlone(t);
  await put("freeze", freeze);
  const environment = { HOLDFAST_SERVER: url, HOLDFAST_TOKEN: harness.adminToken };
  const ran = await cli.run(["cluster", "unfreeze"], { environment });
  assert.equal(ran.code, 0, ran.err);
  assert.equal(await read("freeze"), undefined);
});
