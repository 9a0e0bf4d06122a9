/** The upgrade's machine: its order, what keeps it back, its failures, and the way back from every moment. */
import assert from "node:assert/strict";
import test from "node:test";
import { upgradeStrategies } from "../../../src/core/upgrade/model.ts";
import { withOrder } from "../../../src/core/upgrade/orders.ts";
import { createRandom } from "../../../src/sim/engine/random.ts";
import { UpgradeWorld, type WorldOptions } from "./world.ts";

function worldOf(seed: number, options: Partial<WorldOptions> = {}): UpgradeWorld {
  const random = createRandom(seed, "upgrade");
  const strategy = "rolling";
  return new UpgradeWorld({ strategy, serverCount: 3, ...options, random: () => random.next() });
}

function say(world: UpgradeWorld, order: "pause" | "resume" | "abort"): void {
  const said = withOrder(world.upgrade, order, "ada");
  assert.ok(said.ok, said.ok ? "" : said.error);
  world.upgrade = said.value;
}

const seeds = Array.from({ length: 200 }, (_, index) => index + 1);

/** All servers, the store and the agents are of this version, and nothing is left of the upgrade. */
function assertWhole(world: UpgradeWorld, version: string, what: string): void {
  const versions = world.servers.map((server) => server.version);
  assert.deepEqual(new Set(versions), new Set([version]), what);
  assert.equal(world.agentVersion, version, what);
  assert.ok(
    world.servers.every(({ order }) => order === undefined),
    what,
  );
  assert.equal(world.frozenBy, undefined, what);
  assert.equal(world.leaseTtlMs, 6_000, what);
}

test("a rolling upgrade takes one server at a time, the manager's own last, then the agents", () => {
  for (const seed of seeds) {
    const world = worldOf(seed);
    world.run();
    assert.equal(world.upgrade.state, "done");
    assert.deepEqual(
      world.log.filter((line) => line.endsWith(": done")).map((line) => line.split(":")[0]),
      ["check", "prepare", "backup", "switch 2", "switch 3", "switch 1", "agents"],
    );
    assert.equal(world.awayMax, 1, `seed ${seed}`);
    assert.notEqual(world.upgrade.backup, undefined);
    assertWhole(world, "0.2.0", `seed ${seed}`);
  }
});

test("a stop-all upgrade freezes, settles and announces before it stops, and migrates once", () => {
  for (const seed of seeds) {
    const world = worldOf(seed, { strategy: "stop-all" });
    world.run();
    assert.equal(world.upgrade.state, "done");
    assert.deepEqual(
      world.log.filter((line) => line.endsWith(": done")).map((line) => line.split(":")[0]),
      [
        ...["check", "prepare", "freeze", "settle", "backup", "announce"],
        ...["switch 2", "switch 3", "switch 1", "migrate", "release", "agents"],
      ],
    );
    assert.equal(world.schema, 2);
    assertWhole(world, "0.2.0", `seed ${seed}`);
  }
});

test("one server alone is upgraded, too", () => {
  for (const strategy of upgradeStrategies) {
    const world = worldOf(1, { strategy, serverCount: 1 });
    world.run();
    assert.equal(world.upgrade.state, "done");
    assertWhole(world, "0.2.0", strategy);
  }
});

for (const strategy of upgradeStrategies) {
  test(`abort after any number of turns leads back to the version and the data of before: ${strategy}`, () => {
    for (const seed of seeds) {
      const world = worldOf(seed, {
        strategy,
        migrating: strategy === "stop-all" || seed % 2 === 0,
      });
      for (let turn = 0; turn < seed && world.upgrade.state === "running"; turn += 1) world.turn();
      if (world.upgrade.state === "done") continue;
      say(world, "abort");
      world.run();
      assert.equal(world.upgrade.state, "aborted", `seed ${seed}`);
      assert.equal(world.schema, 1, `seed ${seed}`);
      assert.ok(world.awayMax <= 1, `seed ${seed}`);
      assertWhole(world, "0.1.0", `seed ${seed}`);
    }
  });

  test(`a server that fails stops it with its reason; resume tries again, abort goes back: ${strategy}`, () => {
    for (const order of ["resume", "abort"] as const) {
      for (const failing of ["/1/switch/2", "/1/switch/1", "/1/prepare/3"]) {
        const world = worldOf(7, { strategy, failing });
        world.run();
        assert.equal(world.upgrade.state, "failed");
        assert.match(world.upgrade.detail, /server [123] "s[123]": failed/);
        say(world, order);
        world.run();
        assert.equal(world.upgrade.state, order === "resume" ? "done" : "aborted");
        assertWhole(world, order === "resume" ? "0.2.0" : "0.1.0", `${failing} ${order}`);
      }
    }
  });

  test(`an act that fails stops it, and is done anew after resume: ${strategy}`, () => {
    for (const failingAct of ["check", "backup", "migrate"] as const) {
      const world = worldOf(3, { strategy, failingActs: [failingAct], migrating: true });
      world.run();
      assert.equal(world.upgrade.state, "failed", failingAct);
      assert.ok(world.upgrade.detail.startsWith(`${failingAct}: `), world.upgrade.detail);
      say(world, "resume");
      world.run();
      assertWhole(world, "0.2.0", failingAct);
    }
  });

  test(`a migration that fails half-way is taken back, too: ${strategy}`, () => {
    const world = worldOf(3, { strategy, failingActs: ["migrate"], migrating: true });
    world.run();
    assert.deepEqual([world.upgrade.state, world.isHalfMigrated], ["failed", true]);
    say(world, "abort");
    world.run();
    assert.deepEqual([world.upgrade.state, world.isHalfMigrated], ["aborted", false]);
    assertWhole(world, "0.1.0", strategy);
  });

  test(`pauseAfter every step, and resume, comes to the same end: ${strategy}`, () => {
    const world = worldOf(5, { strategy });
    const pauseAfter = world.upgrade.steps.map(({ name }) => name);
    world.upgrade = { ...world.upgrade, pauseAfter };
    // After the last switch nobody serves: it pauses after the migration instead.
    const pausesMax = strategy === "stop-all" ? pauseAfter.length - 1 : pauseAfter.length;
    let pauses = 0;
    while (world.upgrade.state !== "done") {
      world.run();
      if (world.upgrade.state !== "paused") continue;
      pauses += 1;
      say(world, "resume");
    }
    assert.equal(pauses, pausesMax);
    assertWhole(world, "0.2.0", strategy);
  });
}

test("no server is told to leave while another one is away or not ready", () => {
  const world = worldOf(2);
  while (!world.log.includes("prepare: done")) world.turn();
  const third = world.servers[2];
  assert.ok(third !== undefined);
  third.isAlive = false;
  third.isReady = false;
  for (let turn = 0; turn < 100; turn += 1) {
    world.turn();
    assert.ok(world.servers.every(({ order }) => order?.order !== "switch"));
  }
  assert.match(
    world.upgrade.steps.find(({ name }) => name === "switch 2")?.detail ?? "",
    /server 3 "s3" is to be ready first/,
  );
  third.isAlive = true;
  world.run();
  assertWhole(world, "0.2.0", "it goes on by itself");
});

test("a server that is on trial is told to go back once it is healthy, or after a while", () => {
  for (const isLost of [false, true]) {
    const world = worldOf(4, { strategy: "stop-all" });
    const second = world.servers[1];
    assert.ok(second !== undefined);
    while (second.report?.state !== "switched") world.turn();
    if (isLost) world.lost = second.id;
    say(world, "abort");
    const abortedAtMs = world.nowMs;
    let toldWhen = "";
    while (second.order?.id === "u1/1/switch/2") {
      toldWhen = second.report.state;
      world.turn();
      assert.ok(world.nowMs - abortedAtMs < 60_000, "it is told in the end");
    }
    const tookMs = world.nowMs - abortedAtMs;
    if (isLost) assert.ok(tookMs > 20_000, `told after ${tookMs} ms, in the midst of its trial`);
    else assert.equal(toldWhen, "healthy");
    world.lost = undefined;
    world.run();
    assertWhole(world, "0.1.0", "all are back");
  }
});

test("a step that lasts too long fails with what it waited for", () => {
  const world = worldOf(2);
  while (!world.log.includes("switch 2: running")) world.turn();
  const third = world.servers[2];
  assert.ok(third !== undefined);
  third.isAlive = false;
  world.run();
  assert.equal(world.upgrade.state, "failed");
  assert.match(world.upgrade.detail, /switch 2: it takes too long: server 3/);
});

test("a cluster that somebody else has frozen is left to them", () => {
  const world = worldOf(1, { strategy: "stop-all" });
  world.frozenBy = "ada";
  world.run();
  assert.equal(world.upgrade.state, "failed");
  assert.match(world.upgrade.detail, /frozen already, by ada/);
  say(world, "abort");
  world.run();
  assert.equal(world.frozenBy, "ada", "and stays frozen");
});

test("without its freeze nothing is migrated", () => {
  const world = worldOf(1, { strategy: "stop-all" });
  while (!world.log.includes("switch 1: done")) world.turn();
  world.frozenBy = undefined;
  world.run();
  assert.equal(world.upgrade.state, "failed");
  assert.equal(world.schema, 1);
});

test("orders are refused where they make no sense", () => {
  const world = worldOf(1);
  say(world, "abort");
  assert.equal(withOrder(world.upgrade, "pause", "ada").ok, false);
  world.run();
  for (const order of ["pause", "resume", "abort"] as const) {
    assert.equal(withOrder(world.upgrade, order, "ada").ok, false);
  }
});
