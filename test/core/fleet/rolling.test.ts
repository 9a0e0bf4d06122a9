/** Upgrades of instances: inside HA groups one at a time (S7), outside of them a few at a time. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { durationMs } from "../../../src/core/time.ts";
import { deployment, type World, world } from "./world.ts";

const { rollout: rolloutDefaults } = deployment("any", ["1.0.0"]);

/** Three nodes in one group with version 1.0.0 running. */
function trio(): World {
  const w = world().join("a", "b", "c").group("g", ["a", "b", "c"]);
  return w.define("1.0.0", "2.0.0", "3.0.0").deploy("api", ["1.0.0"]).pass(120_000);
}

describe("stepFleet() in an HA group", () => {
  it("installs on every node at once, and asks nobody", () => {
    const w = world().join("a", "b", "c").group("g", ["a", "b", "c"]).define("1.0.0");
    w.deploy("api", ["1.0.0"]).pass(0);
    assert.equal(w.all("api", "a", "b", "c"), "running 1.0.0, running 1.0.0, running 1.0.0");
    assert.equal(w.slots.size + w.rollouts.size, 0);
  });

  it("upgrades one at a time, each healthy for as long as it is asked", () => {
    const w = trio();
    w.deploy("api", ["2.0.0"]).settle();
    assert.equal(w.all("api", "a", "b", "c"), "upgrading 2.0.0, running 1.0.0, running 1.0.0");
    assert.equal(w.holder("g"), "a");
    w.pass(999);
    assert.equal(w.at("api", "a"), "upgrading 2.0.0");
    w.pass(1);
    assert.equal(w.all("api", "a", "b", "c"), "running 2.0.0, upgrading 2.0.0, running 1.0.0");
    assert.equal(w.holder("g"), "b");
    w.pass(2_000);
    assert.equal(w.all("api", "a", "b", "c"), "running 2.0.0, running 2.0.0, running 2.0.0");
    assert.equal(w.slots.size, 0);
    const { state, done, total } = w.rollout("api");
    assert.deepEqual({ state, done, total }, { state: "succeeded", done: 3, total: 3 });
  });

  it("upgrades the members of different groups at the same time", () => {
    const w = world().join("a", "b", "c", "d").group("g", ["a", "b"]).group("h", ["c", "d"]);
    w.define("1.0.0", "2.0.0").deploy("api", ["1.0.0"]).pass(0);
    w.deploy("api", ["2.0.0"]).settle();
    assert.deepEqual([w.holder("g"), w.holder("h")], ["a", "c"]);
  });

  it("goes back within the same slot when a version fails, and ends that upgrade as failed", () => {
    const w = trio();
    w.fitness = (_node, { version }) => (version === "2.0.0" ? "fails" : "good");
    w.deploy("api", ["2.0.0", "1.0.0"]).settle();
    assert.equal(w.at("api", "a"), "upgrading 1.0.0");
    assert.equal(w.holder("g"), "a");
    assert.ok(w.wasTold("version 2.0.0 failed 2 times"));
    w.pass(10_000);
    assert.equal(w.all("api", "a", "b", "c"), "running 1.0.0, running 1.0.0, running 1.0.0");
    const { state, failed, done } = w.rollout("api");
    assert.deepEqual({ state, failed, done }, { state: "failed", failed: 3, done: 0 });
    assert.equal(w.slots.size, 0);
  });

  it("ends an upgrade as failed when nothing lower is left, and goes on trying", () => {
    const w = trio();
    w.fitness = (node, { version }) => (version === "2.0.0" && node === "a" ? "fails" : "good");
    w.deploy("api", ["2.0.0"]).settle();
    assert.equal(w.at("api", "a"), "failed 2.0.0");
    w.fitness = () => "good";
    w.pass(30_000);
    assert.equal(w.all("api", "a", "b", "c"), "running 2.0.0, running 2.0.0, running 2.0.0");
    assert.equal(w.rollout("api").done, 3);
  });

  it("takes the last healthy copy down no more when another one has failed for good", () => {
    const w = world().join("a", "b").group("g", ["a", "b"]).define("1.0.0", "2.0.0");
    w.deploy("api", ["1.0.0"]).pass(0);
    w.fitness = (node) => (node === "a" ? "fails" : "good");
    w.deploy("api", ["2.0.0", "1.0.0"]).pass(60_000);
    assert.equal(w.all("api", "a", "b"), "failed 1.0.0, running 1.0.0");
    assert.equal(w.rollout("api").state, "failed");
    w.fitness = (_node, { version }) => (version === "2.0.0" ? "good" : "good");
    w.pass(60_000);
    assert.equal(w.all("api", "a", "b"), "running 1.0.0, running 2.0.0");
  });

  it("goes on when members are offline, and warns of it once", () => {
    const w = trio();
    w.down("b");
    w.down("c");
    w.deploy("api", ["2.0.0"]).pass(10_000);
    assert.equal(w.all("api", "a", "b", "c"), "running 2.0.0, running 1.0.0, running 1.0.0");
    assert.equal(w.told.filter((line) => line.includes("are offline")).length, 1);
    const { state, offline } = w.rollout("api");
    assert.deepEqual({ state, offline }, { state: "succeeded", offline: 2 });
    w.up("b");
    w.up("c");
    w.pass(10_000);
    assert.equal(w.all("api", "a", "b", "c"), "running 2.0.0, running 2.0.0, running 2.0.0");
    assert.equal(w.rollout("api").offline, 0);
  });

  it("waits for members that are offline when the group is set to", () => {
    const w = world().join("a", "b").group("g", ["a", "b"], { whenMembersOffline: "wait" });
    w.define("1.0.0", "2.0.0").deploy("api", ["1.0.0"]).pass(0);
    w.down("b");
    w.deploy("api", ["2.0.0"]).pass(60_000);
    assert.equal(w.at("api", "a"), "running 1.0.0");
    w.up("b");
    w.pass(10_000);
    assert.equal(w.all("api", "a", "b"), "running 2.0.0, running 2.0.0");
  });

  it("begins no upgrade on a node in maintenance, and has the others go on", () => {
    const w = trio();
    w.change("a", { maintenance: true });
    w.deploy("api", ["2.0.0"]).pass(10_000);
    assert.equal(w.all("api", "a", "b", "c"), "running 1.0.0, running 2.0.0, running 2.0.0");
    assert.equal(w.rollout("api").state, "running");
    w.change("a", { maintenance: false });
    w.pass(10_000);
    assert.equal(w.at("api", "a"), "running 2.0.0");
    assert.equal(w.rollout("api").state, "succeeded");
  });

  it("keeps the slot while its holder is only lost, and gives it back when it is fenced", () => {
    const w = trio();
    w.deploy("api", ["2.0.0"]);
    w.down("a");
    w.pass(600_000);
    assert.equal(w.holder("g"), "a");
    w.fence("a");
    assert.equal(w.holder("g"), "b");
    assert.equal(w.instance("api", "a").upgrade, undefined);
    w.up("a");
    w.pass(30_000);
    assert.equal(w.all("api", "a", "b", "c"), "running 2.0.0, running 2.0.0, running 2.0.0");
    assert.equal(w.rollout("api").done, 3);
  });

  it("gives the slot back when its holder leaves the group, the cluster, or the group is removed", () => {
    for (const act of ["group", "cluster", "removed"] as const) {
      const w = trio();
      w.deploy("api", ["2.0.0"]).manage([...w.services.values()][0] ?? assert.fail());
      assert.equal(w.holder("g"), "a");
      if (act === "group") w.member("a", undefined);
      else if (act === "cluster") w.leave("a");
      else w.ungroup("g");
      assert.notEqual(w.holder("g"), "a", act);
      w.pass(30_000);
      assert.equal(w.slots.size, 0, act);
    }
  });

  it("gives the slot back when the deployment is removed, and forgets all of it", () => {
    const w = trio();
    w.deploy("api", ["2.0.0"]);
    w.undeploy("api");
    assert.equal(w.slots.size, 0);
    w.pass(10_000);
    assert.equal(w.instances.size + w.services.size + w.rollouts.size + w.deployments.size, 0);
  });

  it("lets a node that joins in the middle of its upgrade take the slot, or both go on", () => {
    const w = world().join("a", "b", "c", "d").group("g", ["a", "b"]);
    w.define("1.0.0", "2.0.0").deploy("api", ["1.0.0"]).pass(0);
    w.deploy("api", ["2.0.0"]); // a in the group, c in none
    assert.equal(w.at("api", "c"), "upgrading 2.0.0");
    w.member("c", "g");
    assert.equal(w.holder("g"), "a");
    w.settle().pass(500);
    assert.equal(w.at("api", "b"), "running 1.0.0");
    w.pass(500);
    assert.equal(w.at("api", "c"), "running 2.0.0");
    const x = world().join("a", "b", "c").group("g", ["a", "b"]).define("1.0.0", "2.0.0");
    x.deploy("api", ["1.0.0"]).pass(120_000);
    x.down("a");
    x.down("b");
    x.deploy("api", ["2.0.0"]);
    x.member("c", "g");
    assert.equal(x.holder("g"), "c");
  });

  it("has two deployments upgrade the same group one after the other", () => {
    const w = trio();
    w.deploy("web", ["1.0.0"]).pass(0);
    w.deploy("api", ["2.0.0"]);
    w.deploy("web", ["2.0.0"]);
    for (let count = 0; count < 20; count += 1) {
      const under = [...w.instances.values()].filter(({ upgrade }) => upgrade !== undefined);
      assert.ok(under.length <= 1);
      w.pass(500);
    }
    assert.equal(w.all("web", "a", "b", "c"), "running 2.0.0, running 2.0.0, running 2.0.0");
  });

  it("upgrades what is not healthy first", () => {
    const w = trio();
    w.fitness = (node, { version }) => (node === "c" && version === "1.0.0" ? "unhealthy" : "good");
    w.settle();
    w.deploy("api", ["2.0.0"]);
    assert.equal(w.holder("g"), "c");
  });

  it("does nothing twice, whichever manager goes on", () => {
    const w = trio();
    w.deploy("api", ["2.0.0"]);
    for (let count = 0; count < 30; count += 1) {
      w.reload();
      w.settle();
      w.pass(1_000);
    }
    assert.equal(w.all("api", "a", "b", "c"), "running 2.0.0, running 2.0.0, running 2.0.0");
    assert.equal(w.told.filter((line) => line.includes("is upgraded from")).length, 3);
  });
});

describe("stepFleet() outside of HA groups", () => {
  const names = ["a", "b", "c", "d", "e", "f"];

  function six(patch: Partial<typeof rolloutDefaults>): World {
    const w = world()
      .join(...names)
      .define("1.0.0", "2.0.0");
    w.deploy("api", ["1.0.0"]).pass(120_000);
    return w.deploy("api", ["2.0.0"], { rollout: { ...rolloutDefaults, ...patch } });
  }

  function upgrading(w: World): number {
    return [...w.instances.values()].filter(({ upgrade }) => upgrade !== undefined).length;
  }

  for (const [words, maxUnavailable, count] of [
    ["a number", { count: 2 }, 2],
    ["a share, rounded down", { percent: 40 }, 2],
    ["a share that is less than one", { percent: 1 }, 1],
  ] as const) {
    it(`upgrades as many at a time as maxUnavailable allows: ${words}`, () => {
      const w = six({ maxUnavailable });
      assert.equal(upgrading(w), count);
      for (let round = 0; round < 40; round += 1) {
        w.pass(250);
        assert.ok(upgrading(w) <= count);
      }
      assert.equal(w.rollout("api").state, "succeeded");
    });
  }

  it("is not held up by nodes that are offline", () => {
    const w = six({});
    w.pass(10_000).down("a");
    w.down("b");
    w.deploy("api", ["1.0.0"]).pass(10_000);
    assert.equal(w.all("api", "a", "c", "f"), "running 2.0.0, running 1.0.0, running 1.0.0");
  });

  it("upgrades canaries first, waits, and goes on", () => {
    const canaries = { count: 2, waitMs: durationMs(30_000) };
    const w = six({ maxUnavailable: { count: 6 }, canaries });
    assert.equal(upgrading(w), 2);
    w.pass(1_000);
    assert.equal(w.rollout("api").canariesDoneAtMs, w.nowMs);
    w.pass(29_000);
    assert.equal(upgrading(w), 0);
    w.reload();
    w.pass(1_000);
    assert.equal(upgrading(w), 4);
    w.pass(1_000);
    assert.equal(w.rollout("api").state, "succeeded");
  });

  it("takes all back by itself when a canary fails", () => {
    const canaries = { count: 1, waitMs: durationMs(30_000) };
    const w = world()
      .join(...names)
      .define("1.0.0", "2.0.0");
    w.deploy("api", ["1.0.0"]).pass(120_000);
    w.fitness = (_node, { version }) => (version === "2.0.0" ? "fails" : "good");
    w.deploy("api", ["2.0.0"], { rollout: { ...rolloutDefaults, canaries, failedShareMax: 0.2 } });
    w.pass(60_000);
    assert.equal(w.all("api", ...names), names.map(() => "running 1.0.0").join(", "));
    assert.equal(w.rollout("api").state, "rolled-back");
  });
});
