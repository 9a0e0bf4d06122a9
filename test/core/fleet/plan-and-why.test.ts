/** What people are told before a rollout and during one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planRollout } from "../../../src/core/fleet/plan.ts";
import { whyInstance } from "../../../src/core/fleet/why.ts";
import { durationMs, instantMs } from "../../../src/core/time.ts";
import { nodeId } from "../manager-harness.ts";
import { constraint, deployment, type World, world } from "./world.ts";

function seven(): World {
  const w = world().join("a", "b", "c", "d", "e", "f", "x");
  w.group("g", ["a", "b", "c"]).group("h", ["d", "e"]).define("1.0.0", "2.0.0");
  return w.deploy("api", ["1.0.0"]).pass(120_000);
}

function why(w: World, node: string): string {
  const subject = { deployment: "api", node: nodeId(node) };
  return whyInstance(w.state, subject, instantMs(w.nowMs)).sentence;
}

describe("planRollout()", () => {
  it("tells steps, the longest chain and the time, and changes nothing", () => {
    const w = seven();
    const next = deployment("api", ["2.0.0"], { generation: 2 });
    const plan = planRollout(w.state, next, { startMs: 2_000 });
    assert.equal(plan.upgrades, 7);
    assert.equal(plan.longestChain, 3);
    assert.equal(plan.expectedMs, 9_000);
    assert.deepEqual(
      plan.chains.map(({ nodes }) => nodes.length),
      [3, 2],
    );
    assert.ok(plan.canEnd);
    assert.equal(w.rollouts.size, 0);
    assert.equal(w.all("api", "a", "x"), "running 1.0.0, running 1.0.0");
  });

  it("counts nodes that come and go, waits for canaries, and those that are offline", () => {
    const w = seven();
    w.change("x", { properties: { zone: "y" } });
    w.down("a");
    const canaries = { count: 1, waitMs: durationMs(60_000) };
    const { rollout } = deployment("any", ["1.0.0"]);
    const next = deployment("api", ["2.0.0"], {
      generation: 2,
      constraint: constraint("NOT zone == y"),
      rollout: { ...rollout, canaries },
    });
    const plan = planRollout(w.state, next, { startMs: 0 });
    assert.deepEqual(plan.removals, ["x"]);
    assert.deepEqual(plan.offline, ["a"]);
    assert.equal(plan.expectedMs, 3_000 + 61_000);
  });

  it("names what would block it", () => {
    const w = seven();
    w.group("h", [], { whenMembersOffline: "wait" });
    w.change("f", { maintenance: true });
    w.down("d");
    const plan = planRollout(w.state, deployment("api", ["2.0.0"], { generation: 2 }));
    assert.ok(!plan.canEnd);
    assert.deepEqual(plan.blocks, [
      {
        node: "e",
        because:
          'it waits for node "d" of HA group "h", which is offline (the group is set to wait for members that are)',
      },
      { node: "f", because: 'it waits for the end of the maintenance of node "f"' },
    ]);
  });
});

describe("whyInstance()", () => {
  it("says what each instance waits for", () => {
    const w = seven();
    w.change("x", { maintenance: true });
    w.deploy("api", ["2.0.0"]);
    assert.match(why(w, "a"), /^it is upgraded from version 1.0.0 to 2.0.0/);
    assert.match(why(w, "b"), /waits for the upgrade slot of HA group "g", which node "a" has$/);
    assert.match(why(w, "x"), /waits for the end of the maintenance of node "x"$/);
    w.order("api", "pause");
    assert.match(why(w, "b"), /rollout 1 is paused$/);
    w.order("api", "resume");
    w.pass(60_000);
    assert.equal(why(w, "a"), "it runs version 2.0.0, healthy");
  });

  it("says which clause keeps an instance away", () => {
    const w = seven();
    w.deploy("api", ["1.0.0"], { constraint: constraint("zone == y") });
    w.pass(1_000);
    assert.match(why(w, "a"), /zone == y/);
  });
});
