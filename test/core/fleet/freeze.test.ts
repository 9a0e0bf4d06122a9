/** A frozen cluster: of rollouts and upgrades of agents nothing new is begun, and what is under way is finished. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sentenceOf } from "../../../src/core/explain/sentence.ts";
import { whyInstance } from "../../../src/core/fleet/why.ts";
import { instantMs } from "../../../src/core/time.ts";
import { nodeId } from "../manager-harness.ts";
import { type World, world } from "./world.ts";

const nodes = ["a", "b"];

function two(): World {
  const w = world()
    .join(...nodes)
    .group("g", nodes)
    .define("1.0.0", "2.0.0");
  return w.deploy("api", ["1.0.0"]).pass(120_000);
}

describe("the fleet in a frozen cluster", () => {
  it("begins no rollout until that ends", () => {
    const w = two();
    w.freeze(true);
    w.deploy("api", ["2.0.0"]).pass(120_000);
    assert.equal(w.all("api", ...nodes), "running 1.0.0, running 1.0.0");
    assert.equal(w.rollouts.size, 0);
    w.freeze(false);
    w.pass(120_000);
    assert.equal(w.all("api", ...nodes), "running 2.0.0, running 2.0.0");
  });

  it("finishes the upgrade that is under way and begins no other, whoever is manager", () => {
    const w = two();
    w.deploy("api", ["2.0.0"]);
    assert.equal(w.all("api", ...nodes), "upgrading 2.0.0, running 1.0.0");
    w.freeze(true);
    w.reload();
    w.pass(120_000);
    assert.equal(w.all("api", ...nodes), "running 2.0.0, running 1.0.0");
    const why = whyInstance(w.state, { deployment: "api", node: nodeId("b") }, instantMs(w.nowMs));
    assert.match(why.sentence, /it runs version 1.0.0 and is to run 2.0.0: the cluster is frozen/);
    assert.match(sentenceOf({ code: "waits-for-freeze" }), /the cluster is frozen/);
    w.freeze(false);
    w.pass(120_000);
    assert.equal(w.all("api", ...nodes), "running 2.0.0, running 2.0.0");
    assert.equal(w.rollout("api").state, "succeeded");
  });

  it("installs nothing on a node that comes in, and removes nothing, until that ends", () => {
    const w = two();
    w.freeze(true);
    w.join("c").pass(60_000);
    assert.equal(w.instances.size, 2);
    w.undeploy("api");
    w.pass(60_000);
    assert.equal(w.all("api", ...nodes), "running 1.0.0, running 1.0.0");
    w.freeze(false);
    w.pass(60_000);
    assert.equal(w.instances.size, 0);
  });
});
