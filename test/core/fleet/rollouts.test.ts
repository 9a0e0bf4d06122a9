/** The life of rollouts: begun by changes, paused, resumed, aborted and rolled back, superseded, kept and forgotten. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deployment, type World, world } from "./world.ts";

const { rollout: rolloutDefaults } = deployment("any", ["1.0.0"]);
const nodes = ["a", "b", "c", "d"];

function four(): World {
  const w = world()
    .join(...nodes)
    .group("g", ["a", "b"])
    .define("1.0.0", "2.0.0", "3.0.0");
  return w.deploy("api", ["1.0.0"]).pass(120_000);
}

function everywhere(phase: string): string {
  return nodes.map(() => phase).join(", ");
}

describe("rollouts", () => {
  it("begin with a change that changes releases, and with no other", () => {
    const w = four();
    w.deploy("api", ["1.0.0"], { rollout: { ...rolloutDefaults, failedShareMax: 0.5 } });
    assert.equal(w.rollouts.size, 0);
    w.deploy("api", ["1.0.0"], { inputsKey: "other" });
    assert.equal(w.rollout("api").number, 1);
    assert.equal(w.rollout("api").total, 4);
    w.pass(30_000);
    assert.equal(w.rollout("api").state, "succeeded");
    assert.equal(w.instance("api", "a").release.inputsKey, "other");
  });

  it("begin when a better version is defined", () => {
    const w = four();
    w.deploy("api", ["9.0.0", "1.0.0"]).pass(1_000);
    assert.equal(w.rollouts.size, 0);
    w.define("9.0.0").pass(30_000);
    assert.equal(w.all("api", ...nodes), everywhere("running 9.0.0"));
    assert.equal(w.rollout("api").to.version, "9.0.0");
  });

  it("pause: what is under way ends, and nothing begins until they are resumed", () => {
    const w = four();
    w.deploy("api", ["2.0.0"]).order("api", "pause");
    w.pass(60_000);
    assert.equal(w.rollout("api").state, "paused");
    assert.equal(
      w.all("api", ...nodes),
      "running 2.0.0, running 1.0.0, running 2.0.0, running 1.0.0",
    );
    w.reload();
    w.pass(1_000);
    assert.equal(w.rollout("api").done, 2);
    w.order("api", "resume");
    w.pass(60_000);
    assert.equal(w.all("api", ...nodes), everywhere("running 2.0.0"));
    assert.equal(w.orders.size, 0);
  });

  it("abort: all that was brought goes back under the same rules, and stays so", () => {
    const w = four();
    w.deploy("api", ["2.0.0"]).pass(1_000);
    assert.equal(w.rollout("api").done, 2);
    w.order("api", "abort");
    assert.equal(w.rollout("api").state, "rolling-back");
    w.pass(60_000);
    assert.equal(w.all("api", ...nodes), everywhere("running 1.0.0"));
    assert.equal(w.rollout("api").state, "rolled-back");
    w.reload();
    w.pass(60_000);
    assert.equal(w.all("api", ...nodes), everywhere("running 1.0.0"));
    w.deploy("api", ["2.0.0"]).pass(60_000);
    assert.equal(w.all("api", ...nodes), everywhere("running 2.0.0"));
  });

  it("refuse orders that do not fit, with a reason, and finish them once", () => {
    const w = four();
    w.order("api", "pause");
    assert.ok(w.wasTold("pause by mia was refused: there is no rollout"));
    w.deploy("api", ["2.0.0"]).order("api", "resume");
    assert.ok(w.wasTold("resume by mia was refused: rollout 1 is running already"));
    w.pass(60_000).order("api", "abort");
    assert.ok(w.wasTold("abort by mia was refused: rollout 1 is over (succeeded)"));
    assert.equal(w.orders.size, 0);
  });

  it("go back by themselves when more than the set share fails", () => {
    const w = four();
    w.fitness = (node, { version }) => (version === "2.0.0" && node !== "a" ? "fails" : "good");
    const rollout = { ...rolloutDefaults, failedShareMax: 0.3 };
    w.deploy("api", ["2.0.0", "1.0.0"], { rollout }).pass(120_000);
    assert.equal(w.all("api", ...nodes), everywhere("running 1.0.0"));
    assert.equal(w.rollout("api").state, "rolled-back");
    assert.ok(w.told.some((line) => /rolling-back: it failed on [23] of 4/.test(line)));
  });

  it("are superseded by the next change, and what is under way is turned to it", () => {
    const w = four();
    w.deploy("api", ["2.0.0"]);
    w.deploy("api", ["3.0.0"]);
    assert.equal(w.rollout("api", 1).state, "superseded");
    assert.equal(w.at("api", "a"), "upgrading 3.0.0");
    assert.equal(w.holder("g"), "a");
    w.pass(60_000);
    assert.equal(w.all("api", ...nodes), everywhere("running 3.0.0"));
    const { state, done, total } = w.rollout("api", 2);
    assert.deepEqual({ state, done, total }, { state: "succeeded", done: 4, total: 4 });
  });

  it("keep the last twenty", () => {
    const w = four();
    for (let count = 0; count < 25; count += 1) {
      w.deploy("api", [count % 2 === 0 ? "2.0.0" : "1.0.0"]).pass(30_000);
    }
    assert.equal(w.rollouts.size, 20);
    assert.equal(w.rollout("api").number, 25);
  });

  it("bring a late node up to date after their end", () => {
    const w = four();
    w.down("d");
    w.deploy("api", ["2.0.0"]).pass(60_000);
    assert.equal(w.rollout("api").state, "succeeded");
    assert.equal(w.rollout("api").offline, 1);
    w.up("d");
    w.pass(60_000);
    assert.equal(w.at("api", "d"), "running 2.0.0");
    const { offline, done } = w.rollout("api");
    assert.deepEqual({ offline, done }, { offline: 0, done: 4 });
  });
});
