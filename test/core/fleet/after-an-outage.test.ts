/** Nodes that are just back: what runs there is not known yet, and nothing of it is taken for lost (S7). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deployment, type World, world } from "./world.ts";

const nodes = ["a", "b", "c", "d"];
const { rollout: rolloutDefaults } = deployment("any", ["1.0.0"]);
const oneAtATime = { rollout: { ...rolloutDefaults, maxUnavailable: { count: 1 } } };

/** Version 1.0.0 runs; all nodes lose their leases and are fenced; then the deployment is changed. */
function afterOutage(before: (w: World) => void): World {
  const w = world()
    .join(...nodes)
    .define("1.0.0", "2.0.0");
  before(w);
  w.deploy("api", ["1.0.0"], oneAtATime).pass(120_000);
  for (const node of nodes) w.down(node);
  for (const node of nodes) w.fence(node);
  w.deploy("api", ["2.0.0"], oneAtATime);
  w.order("api", "pause");
  return w;
}

function upgrading(w: World): number {
  return nodes.filter((node) => w.instance("api", node).upgrade !== undefined).length;
}

const worlds = [
  ["outside of HA groups", (_w: World) => undefined],
  ["in an HA group", (w: World) => void w.group("g", nodes)],
] as const;

describe("stepFleet() when nodes are back and their agents have not said anything yet", () => {
  for (const [where, before] of worlds) {
    it(`takes down nothing that may be running: ${where}`, () => {
      const w = afterOutage(before);
      for (const node of nodes) w.up(node);
      for (const service of w.services.values()) w.manage(service);
      w.order("api", "resume");
      assert.equal(upgrading(w), 0, "nobody has been heard");
      w.settle();
      assert.equal(upgrading(w), 1, "all have been heard, and the first one's turn has come");
      w.pass(60_000);
      assert.equal(w.all("api", ...nodes), nodes.map(() => "running 2.0.0").join(", "));
    });
  }

  it("goes on where all other members are offline, as they may be for ever", () => {
    const w = afterOutage((one) => void one.group("g", nodes));
    w.up("a");
    w.order("api", "resume");
    assert.equal(upgrading(w), 1);
    assert.equal(w.holder("g"), "a");
  });

  it("does not begin another one with a copy that is restarted, unasked, when its node is back", () => {
    const w = world()
      .join(...nodes)
      .define("1.0.0", "2.0.0");
    w.group("g", nodes);
    w.deploy("api", ["1.0.0"], oneAtATime).pass(120_000);
    w.deploy("api", ["2.0.0"], oneAtATime);
    const [first = "a"] = nodes.filter((node) => w.instance("api", node).upgrade !== undefined);
    const [second = "b", ...others] = nodes.filter((node) => node !== first);
    for (const node of [first, ...others]) w.down(node);
    w.fence(first);
    assert.equal(w.instance("api", first).upgrade, undefined, "it was interrupted");
    assert.equal(w.holder("g"), undefined);
    assert.equal(upgrading(w), 0, "the last one that is there waits");

    for (const node of others) w.up(node);
    w.settle();
    assert.equal(upgrading(w), 1, "enough copies are left without the interrupted one");
    w.pass(60_000);
    assert.equal(w.all("api", second, ...others), "running 2.0.0, running 2.0.0, running 2.0.0");
  });

  it("goes on without an interrupted one that was confirmed off: nothing runs there", () => {
    const w = world().join("a", "b").define("1.0.0", "2.0.0");
    w.group("g", ["a", "b"]);
    w.deploy("api", ["1.0.0"], oneAtATime).pass(120_000);
    w.deploy("api", ["2.0.0"], oneAtATime);
    const [lost = "a"] = ["a", "b"].filter((n) => w.instance("api", n).upgrade !== undefined);
    const other = lost === "a" ? "b" : "a";
    w.down(lost);
    w.fence(lost);
    w.settle();
    assert.equal(w.instance("api", other).upgrade, undefined);
    w.confirmOff(lost);
    assert.notEqual(w.instance("api", other).upgrade, undefined);
  });
});
