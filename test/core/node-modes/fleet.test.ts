/** Deployments and agents on nodes that people disable, flush or put offline. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planRollout } from "../../../src/core/fleet/plan.ts";
import { whyInstance } from "../../../src/core/fleet/why.ts";
import { instantMs } from "../../../src/core/time.ts";
import { deployment, policy, type World, world } from "../fleet/world.ts";
import { nodeId } from "../manager-harness.ts";

/** Three nodes in one group with version 1.0.0 running. */
function trio(): World {
  const w = world().join("a", "b", "c").group("g", ["a", "b", "c"]);
  return w.define("1.0.0", "2.0.0").deploy("api", ["1.0.0"]).pass(120_000);
}

function why(w: World, node: string): string {
  const subject = { deployment: "api", node: nodeId(node) };
  return whyInstance(w.state, subject, instantMs(w.nowMs)).sentence;
}

describe("stepFleet() with nodes that are not enabled", () => {
  for (const mode of ["disabled", "flushed", "offline"] as const) {
    it(`puts no new instance on a node that is ${mode}, says why, and does once it is enabled`, () => {
      const w = world().join("a", "b").define("1.0.0");
      w.change("b", { mode });
      const next = deployment("api", ["1.0.0"]);
      assert.deepEqual(planRollout(w.state, next).installs, [nodeId("a")]);
      w.deploy("api", ["1.0.0"]).pass(1_000);
      assert.equal(w.at("api", "a"), "running 1.0.0");
      assert.match(why(w, "b"), new RegExp(`a person has .*${mode}`));
      w.change("b", { mode: "enabled" });
      w.pass(1_000);
      assert.equal(w.at("api", "b"), "running 1.0.0");
    });
  }

  for (const mode of ["disabled", "flushed"] as const) {
    it(`keeps and upgrades an instance on a node that is ${mode}`, () => {
      const w = trio();
      w.change("a", { mode });
      w.pass(1_000);
      assert.equal(w.at("api", "a"), "running 1.0.0");
      w.deploy("api", ["2.0.0"]).pass(10_000);
      assert.equal(w.all("api", "a", "b", "c"), "running 2.0.0, running 2.0.0, running 2.0.0");
    });
  }

  it("leaves an offline node out of a rollout, says so, and has it follow once it is enabled", () => {
    const w = trio();
    w.change("a", { mode: "offline" });
    w.deploy("api", ["2.0.0"]).pass(10_000);
    assert.equal(w.all("api", "a", "b", "c"), "running 1.0.0, running 2.0.0, running 2.0.0");
    const { state, offline } = w.rollout("api");
    assert.deepEqual({ state, offline }, { state: "succeeded", offline: 1 });
    assert.match(why(w, "a"), /a person has put node "a" offline: it is left out/);
    w.change("a", { mode: "enabled" });
    w.pass(10_000);
    assert.equal(w.at("api", "a"), "running 2.0.0");
  });

  it("upgrades no agent of an offline node, and says why", () => {
    const w = world().join("a");
    const one = { version: "1.1.0", sha256: "sha-1.1.0" };
    w.packages.set(one.sha256, one);
    w.send({ kind: "package-added", package: one });
    w.change("a", { mode: "offline" });
    const next = policy("p", "1.1.0");
    w.policies.set(next.name, next);
    w.send({ kind: "policy-changed", policy: next });
    const known = w.agentUpgrades.get(nodeId("a"));
    assert.equal(known?.order, "none");
    assert.equal(known?.detail, "a person has put the node offline");
    w.change("a", { mode: "enabled" });
    assert.equal(w.agentUpgrades.get(nodeId("a"))?.order, "fetch");
  });
});
