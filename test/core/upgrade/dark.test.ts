/** While no server serves, and where there is no way back: agents are never left until they stop their services. */
import assert from "node:assert/strict";
import test from "node:test";
import { profiles } from "../../../src/core/model/times.ts";
import { durationMs } from "../../../src/core/time.ts";
import { darkMsMax, faultOfSilence } from "../../../src/core/upgrade/dark.ts";
import { withOrder } from "../../../src/core/upgrade/orders.ts";
import { createRandom } from "../../../src/sim/engine/random.ts";
import { UpgradeWorld, type WorldOptions } from "./world.ts";

function worldOf(seed: number, options: Partial<WorldOptions> = {}): UpgradeWorld {
  const random = createRandom(seed, "upgrade");
  const usual = { strategy: "stop-all", serverCount: 3 } as const;
  return new UpgradeWorld({ ...usual, ...options, random: () => random.next() });
}

function say(world: UpgradeWorld, order: "pause" | "resume" | "abort"): void {
  const said = withOrder(world.upgrade, order, "ada");
  assert.ok(said.ok, said.ok ? "" : said.error);
  world.upgrade = said.value;
}

function turnUntil(world: UpgradeWorld, isThere: () => boolean): void {
  for (let turn = 0; !isThere(); turn += 1) {
    assert.ok(turn < 2_000, `it never comes: ${JSON.stringify(world.upgrade)}`);
    world.turn();
  }
}

const seeds = Array.from({ length: 50 }, (_, index) => index + 1);

test("what waits for a person while no server serves is taken back by itself in time", () => {
  for (const seed of seeds) {
    const world = worldOf(seed, { failingActs: ["migrate"] });
    turnUntil(world, () => world.isDark);
    const darkAtMs = world.nowMs;
    turnUntil(world, () => world.upgrade.state === "failed");
    turnUntil(world, () => world.upgrade.state === "aborting");
    assert.match(world.upgrade.detail, /by itself, .*\(migrate: migrate\)/);
    turnUntil(world, () => !world.isDark);
    const tookMs = world.nowMs - darkAtMs;
    assert.ok(tookMs >= darkMsMax && tookMs <= darkMsMax + 60_000, `seed ${seed}: ${tookMs} ms`);
    world.run();
    assert.deepEqual([world.upgrade.state, world.schema], ["aborted", 1]);
  }
});

test("a person's pause while no server serves ends by itself, too; one in time goes on", () => {
  for (const isInTime of [false, true]) {
    const world = worldOf(4);
    turnUntil(world, () => world.log.includes("switch 1: done"));
    say(world, "pause");
    for (let turn = 0; turn < 20; turn += 1) world.turn();
    assert.equal(world.upgrade.state, "paused");
    if (isInTime) say(world, "resume");
    else turnUntil(world, () => world.upgrade.state === "aborting");
    world.run();
    assert.equal(world.upgrade.state, isInTime ? "done" : "aborted");
  }
});

test("a pause that waits for a person while servers serve waits for ever", () => {
  for (const strategy of ["stop-all", "rolling"] as const) {
    const world = worldOf(3, { strategy, migrating: true });
    turnUntil(world, () => world.log.includes("switch 2: done"));
    say(world, "pause");
    for (let turn = 0; turn < 1_000; turn += 1) world.turn();
    assert.equal(world.upgrade.state, "paused", strategy);
  }
});

test("nobody is paused where no server would serve: it pauses after the migration instead", () => {
  for (const word of ["switch", "switch 1"]) {
    const world = worldOf(6);
    world.upgrade = { ...world.upgrade, pauseAfter: [word] };
    const pausedAfter: (string | undefined)[] = [];
    while (world.upgrade.state !== "done") {
      world.run();
      if (world.upgrade.state !== "paused") continue;
      assert.ok(!world.isDark, "somebody serves while it is paused");
      pausedAfter.push(world.log.filter((line) => line.endsWith(": done")).at(-1));
      say(world, "resume");
    }
    const wanted = ["switch 2: done", "switch 3: done", "migrate: done"];
    assert.deepEqual(pausedAfter, word === "switch" ? wanted : wanted.slice(-1));
  }
});

test("a way back that fails while no server serves is tried again by itself", () => {
  const world = worldOf(9, { failingActs: ["migrate", "restore"] });
  turnUntil(world, () => world.upgrade.state === "failed");
  say(world, "abort");
  turnUntil(world, () => world.upgrade.state === "abort-failed");
  assert.ok(world.isDark);
  turnUntil(world, () => world.upgrade.state === "aborted");
  assert.equal(world.schema, 1);
});

test("where the data of before cannot come back an abort is refused before anything is undone, and resume goes on", () => {
  for (const seed of seeds) {
    const world = worldOf(seed);
    turnUntil(world, () => world.log.includes(seed % 2 === 0 ? "release: done" : "migrate: done"));
    world.conflict = "the new version has decided about statuses/process:a since";
    say(world, "abort");
    world.run();
    assert.equal(world.upgrade.state, "failed", `seed ${seed}`);
    assert.match(
      world.upgrade.detail,
      /cannot be taken back: the new version has decided .*resume/,
    );
    assert.ok(!world.isDark && !world.log.some((line) => line.startsWith("switch 2: und")));
    say(world, "resume");
    world.run();
    assert.deepEqual([world.upgrade.state, world.schema], ["done", 2]);
    assert.deepEqual([world.frozenBy, world.isSilent], [undefined, false]);
  }
});

test("a conflict that shows only when all wait leads on by itself, as nobody serves", () => {
  const world = worldOf(2);
  turnUntil(world, () => world.log.includes("migrate: done"));
  say(world, "abort");
  turnUntil(world, () => world.isDark);
  world.conflict = "the new version has decided about statuses/process:a since";
  world.run();
  assert.deepEqual([world.upgrade.state, world.upgrade.detail, world.schema], ["done", "", 2]);
  assert.ok(world.servers.every(({ version }) => version === "0.2.0"));
});

test("a server that is lost in the midst of its switch, the last one, does not keep the others from serving", () => {
  for (const seed of seeds) {
    const world = worldOf(seed);
    turnUntil(world, () => world.log.includes("switch 1: running"));
    const lost = world.servers[0];
    assert.ok(lost !== undefined);
    turnUntil(world, () => !lost.isAlive);
    world.lost = lost.id;
    const darkAtMs = world.nowMs;
    turnUntil(world, () => !world.isDark);
    const tookMs = world.nowMs - darkAtMs;
    assert.ok(tookMs <= darkMsMax + 60_000, `seed ${seed}: ${tookMs} ms`);
    assert.equal(world.upgrade.state, "aborting", `seed ${seed}`);
    // It comes back, and goes back as the others did.
    world.lost = undefined;
    world.run();
    assert.deepEqual([world.upgrade.state, world.schema], ["aborted", 1]);
    assert.ok(world.servers.every(({ version }) => version === "0.1.0"));
  }
});

test("a pause in the midst of the last switch ends by itself, too", () => {
  const world = worldOf(3);
  turnUntil(world, () => world.log.includes("switch 1: running"));
  turnUntil(world, () => world.servers[0]?.isAlive === false);
  say(world, "pause");
  turnUntil(world, () => world.upgrade.state === "aborting");
  world.run();
  assert.deepEqual([world.upgrade.state, world.schema], ["aborted", 1]);
});

test("resume of a way back that failed forgets nothing of what was half done", () => {
  for (const seed of seeds) {
    const world = worldOf(seed, { failingActs: ["migrate"] });
    turnUntil(world, () => world.upgrade.state === "failed");
    say(world, "abort");
    // Twice, at any moment of the way back.
    for (let turn = 0; turn < seed; turn += 1) world.turn();
    if (world.upgrade.state === "aborting") {
      say(world, "resume");
      say(world, "resume");
    }
    world.run();
    assert.deepEqual(
      [world.upgrade.state, world.isHalfMigrated],
      ["aborted", false],
      `seed ${seed}`,
    );
    assert.deepEqual([world.schema, world.isSilent, world.frozenBy], [1, false, undefined]);
  }
});

test("a server whose way back fails while nobody serves is told again", () => {
  for (const failing of ["/1/back/2", "/1/back/1"]) {
    const world = worldOf(12, { failingActs: ["migrate"], failing });
    turnUntil(world, () => world.upgrade.state === "failed");
    say(world, "abort");
    turnUntil(world, () => world.upgrade.state === "abort-failed");
    turnUntil(world, () => world.upgrade.state === "aborted");
    assert.ok(
      world.servers.every(({ version }) => version === "0.1.0"),
      failing,
    );
  }
});

test("where the store is migrated already a freeze that is over is no obstacle", () => {
  const world = worldOf(7);
  turnUntil(world, () => world.log.includes("migrate: done"));
  world.conflict = "the new version has decided about statuses/process:a since";
  say(world, "abort");
  world.run();
  world.frozenBy = undefined;
  say(world, "resume");
  world.run();
  assert.deepEqual([world.upgrade.state, world.schema], ["done", 2]);
});

test("a migration that has changed nothing, as somebody else had the office, is none", () => {
  const world = worldOf(7);
  turnUntil(world, () => world.log.includes("migrate: running"));
  world.isMigratedByNobody = true;
  world.turn();
  world.turn();
  assert.equal(world.upgrade.state, "failed");
  assert.match(world.upgrade.detail, /migrate: the store does not have schema 2/);
});

test("faultOfSilence() lets pass what every profile has, and names times that stop services too early", () => {
  for (const times of Object.values(profiles)) assert.equal(faultOfSilence(times), undefined);
  const early = {
    ttlMs: durationMs(60_000),
    watchdogMs: durationMs(10_000),
    renewEveryMs: durationMs(2_000),
  };
  assert.match(
    faultOfSilence(early) ?? "",
    /stop their services 82 s after the last server, .* 330 s/,
  );
});
