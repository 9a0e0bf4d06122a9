/** `upgrade ...` on the command line, against a real server that has no package and one that is asked what it has. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { newUpgrade } from "../../src/core/upgrade/plan.ts";
import { jsonOf } from "../../src/runtime/manager-records.ts";
import type { UpgradeCheck } from "../../src/wire/control-plane/upgrades.ts";
import { type Harness, startHarness } from "../server/harness.ts";
import { createBench, type Ran } from "./harness.ts";

interface RealBench {
  readonly harness: Harness;
  run(words: string): Promise<Ran>;
}

async function createCluster(t: TestContext): Promise<RealBench> {
  const bench = await createBench(t);
  const harness = await startHarness(t);
  const environment = {
    HOLDFAST_SERVER: harness.server.url,
    HOLDFAST_TOKEN: harness.adminToken,
  };
  return { harness, run: (words) => bench.run(words.split(" "), { environment }) };
}

/** As if somebody had begun one that waits at its first step. */
async function putPaused({ harness }: RealBench): Promise<void> {
  const order = {
    ...({ id: "u1", by: "ada", strategy: "rolling", from: "0.1.0" } as const),
    to: { version: "0.2.0", sha256: "a".repeat(64) },
    schema: { from: 1, to: 1 },
    ...{ pauseAfter: [], startedAtMs: Date.now() },
  } as const;
  const upgrade = { ...newUpgrade(order, ["1", "2"]), state: "paused", detail: "by ada" };
  const value = jsonOf({ version: 1, ...upgrade });
  const put = { kind: "put", key: "system-upgrade", value } as const;
  assert.ok((await harness.store.txn({ compare: [], then: [put] })).ok);
}

test("upgrade check says go or no-go, with exit code 0 or 1", async (t) => {
  const bench = await createCluster(t);
  const alone = await bench.run("upgrade check");
  assert.equal(alone.code, 0, alone.err);
  assert.match(alone.out, /^go: an upgrade can be begun/);
  const wanted = await bench.run("upgrade check --to 9.9.9");
  assert.equal(wanted.code, 1);
  assert.match(wanted.out, /^no-go: .* would fail\nLEVEL +WHAT +ABOUT +DETAIL\nblocks +target +/);
  const asJson = await bench.run("upgrade check --to 9.9.9 -o json");
  assert.equal(asJson.code, 1);
  assert.equal(JSON.parse(asJson.out).findings[0].code, "target");
});

test("upgrade apply is refused in one line where it cannot be begun", async (t) => {
  const bench = await createCluster(t);
  const nothing = await bench.run("upgrade apply");
  assert.equal(nothing.code, 2);
  assert.match(nothing.err, /--to <package>/);
  const unknown = await bench.run("upgrade apply --to 9.9.9");
  assert.equal(unknown.code, 5);
  assert.match(unknown.err, /^holdfast: this server was never initialised.*\n$/);
  const bad = await bench.run("upgrade apply --to nonsense");
  assert.equal(bad.code, 2);
  const strategy = await bench.run("upgrade apply --to 9.9.9 --strategy quick");
  assert.equal(strategy.code, 2);
  assert.match(strategy.err, /rolling, stop-all/);
});

test("upgrade status, pause, resume and abort tell how it stands and what to do", async (t) => {
  const bench = await createCluster(t);
  const none = await bench.run("upgrade status");
  assert.deepEqual(
    [none.code, none.out],
    [0, "there has never been an upgrade of the control plane\n"],
  );
  const early = await bench.run("upgrade abort");
  assert.equal(early.code, 3);
  await putPaused(bench);
  const paused = await bench.run("upgrade status");
  assert.match(
    paused.out,
    /^upgrade from 0\.1\.0 to 0\.2\.0 \(rolling, by ada, begun .*\) is paused: by ada; go on with: holdfast upgrade resume; go back with: holdfast upgrade abort\nSTEP +STATE +TOOK +DETAIL\ncheck +waiting/,
  );
  assert.match(paused.out, /^switch 2 +waiting/m);
  const second = await bench.run(`upgrade apply --to ${"b".repeat(64)}`);
  assert.equal(second.code, 4);
  assert.match(second.err, /an upgrade to 0\.2\.0 is paused/);
  assert.equal((await bench.run("upgrade pause")).code, 0, "once more is no failure");
  assert.equal((await bench.run("upgrade resume")).code, 0);
  // This server was never initialised, which the first step finds out.
  const failed = await bench.run("upgrade status --watch");
  assert.equal(failed.code, 1);
  assert.match(failed.err, /is failed: check: this server was never initialised/);
  assert.equal((await bench.run("upgrade abort")).code, 0);
  const aborted = await bench.run("upgrade status --watch");
  assert.equal(aborted.code, 0, aborted.err);
  assert.match(aborted.out, / is aborted after /);
  assert.equal((await bench.run("upgrade abort")).code, 5);
});

/** The store's schema of now and of the new version, how it would be done, and the line for people. */
const schemas: readonly (readonly [number, number, "rolling" | "stop-all", string])[] = [
  [2, 2, "rolling", "schema of the store: 2, which stays"],
  [
    ...([1, 2, "rolling"] as const),
    "schema of the store: from 1 to 2, which servers of both versions understand: rolling is possible",
  ],
  [
    ...([1, 3, "stop-all"] as const),
    "schema of the store: from 1 to 3, for which all servers wait: rolling is not possible",
  ],
];

for (const [from, to, strategy, line] of schemas) {
  test(`upgrade check from schema ${from} to ${to} tells people: ${line}`, async (t) => {
    const bench = await createBench(t);
    const check: UpgradeCheck = {
      ...({ verdict: "go", from: "0.1.0", to: "0.2.0", strategy, findings: [] } as const),
      schema: { from, to },
    };
    bench.server.override = (_request, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(check));
      return true;
    };
    const { out } = await bench.run(["upgrade", "check", "--to", "0.2.0"]);
    const head = `go: an upgrade from 0.1.0 to 0.2.0, ${strategy} can be begun`;
    assert.equal(out, `${head}\n${line}\n`);
  });
}
