/** The agents' part of an upgrade, servers that come in meanwhile, and what is left behind at the end: nothing. */
import assert from "node:assert/strict";
import test from "node:test";
import { upgradeStrategies } from "../../../src/core/upgrade/model.ts";
import { withOrder } from "../../../src/core/upgrade/orders.ts";
import { createRandom } from "../../../src/sim/engine/random.ts";
import { UpgradeWorld, type WorldOptions } from "./world.ts";

function worldOf(seed: number, options: Partial<WorldOptions> = {}): UpgradeWorld {
  const random = createRandom(seed, "upgrade");
  const usual = { strategy: "rolling", serverCount: 3 } as const;
  return new UpgradeWorld({ ...usual, ...options, random: () => random.next() });
}

function say(world: UpgradeWorld, order: "pause" | "resume" | "abort"): void {
  const said = withOrder(world.upgrade, order, "ada");
  assert.ok(said.ok, said.ok ? "" : said.error);
  world.upgrade = said.value;
}

test("with the first agent that fails no other one begins; resume tries again, abort goes back", () => {
  for (const order of ["resume", "abort"] as const) {
    for (const agentsFail of ["once", "always"] as const) {
      const world = worldOf(11);
      world.agentsFail = agentsFail;
      world.run();
      assert.equal(world.upgrade.state, "failed");
      assert.match(world.upgrade.detail, /^agents: agents: n1: it does not become healthy$/);
      assert.equal(world.triedCount, 1, "a bad version is tried on one");
      say(world, order);
      world.run();
      const isDone = order === "resume" && agentsFail === "once";
      const wanted = isDone ? "done" : order === "resume" ? "failed" : "aborted";
      assert.equal(world.upgrade.state, wanted, `${order}, ${agentsFail}`);
      assert.equal(world.agentVersion, isDone ? "0.2.0" : "0.1.0");
    }
  }
});

test("a server that joins meanwhile is upgraded, too, and taken back with the others", () => {
  for (const [strategy, isTakenBack] of [
    ...([
      ["rolling", false],
      ["rolling", true],
    ] as const),
    ...([
      ["stop-all", false],
      ["stop-all", true],
    ] as const),
  ] as const) {
    const world = worldOf(5, { strategy });
    while (!world.log.includes("switch 2: done")) world.turn();
    const [first] = world.servers;
    assert.ok(first !== undefined);
    world.servers.push({
      ...{ ...first, id: "4", name: "s4", version: "0.1.0", isManager: false, isAlive: true },
      ...{ isReady: true, order: undefined, report: undefined },
    });
    while (!world.log.includes("switch 4: running")) world.turn();
    if (isTakenBack) say(world, "abort");
    world.run();
    assert.equal(world.upgrade.state, isTakenBack ? "aborted" : "done");
    const versions = new Set(world.servers.map(({ version }) => version));
    assert.deepEqual(versions, new Set([isTakenBack ? "0.1.0" : "0.2.0"]));
    assert.equal(world.awayMax, 1);
  }
});

test("the usual leases come back also where somebody else has ended the freeze", () => {
  for (const frozenBy of [undefined, "ada"]) {
    const world = worldOf(8, { strategy: "stop-all" });
    world.upgrade = { ...world.upgrade, pauseAfter: ["migrate"] };
    world.run();
    assert.equal(world.upgrade.state, "paused");
    world.frozenBy = frozenBy;
    say(world, "resume");
    world.run();
    assert.equal(world.upgrade.state, "done");
    assert.deepEqual([world.isSilent, world.leaseTtlMs, world.frozenBy], [false, 6_000, frozenBy]);
  }
});

test("agents of a server that is alone are told of the silence, on the way back as well", () => {
  for (const strategy of upgradeStrategies) {
    for (const order of ["go on", "abort"] as const) {
      // The world throws where nobody serves and agents do not know.
      const world = worldOf(1, { strategy, serverCount: 1, migrating: false });
      while (!world.log.includes("agents: running")) world.turn();
      if (order === "abort") say(world, "abort");
      world.run();
      assert.equal(world.upgrade.state, order === "abort" ? "aborted" : "done");
      assert.deepEqual([world.isSilent, world.leaseTtlMs], [false, 6_000]);
    }
  }
});
