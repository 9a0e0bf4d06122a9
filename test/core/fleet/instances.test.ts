/** Where instances are, which version each runs, and what happens when it does not become healthy. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { constraint, type World, world } from "./world.ts";

function one(): World {
  return world().join("a").define("1.0.0", "2.0.0", "3.0.0");
}

describe("instances", () => {
  it("come and go with the nodes that fit", () => {
    const w = one().join("b");
    w.change("a", { properties: { zone: "x" } });
    w.deploy("api", ["1.0.0"], { constraint: constraint("zone == x") }).pass(0);
    assert.equal(w.all("api", "a", "b"), "running 1.0.0, -");
    w.change("b", { properties: { zone: "x" } });
    w.change("a", { properties: { zone: "y" } });
    w.pass(0);
    assert.equal(w.all("api", "a", "b"), "-, running 1.0.0");
    assert.equal(w.services.size, 1);
    assert.ok(w.wasTold('the instance on node "a" is removed: deployment api asks for zone == x'));
  });

  it("wait for nodes that are offline, and are forgotten with nodes that are removed", () => {
    const w = one().deploy("api", ["1.0.0"]).pass(0);
    w.down("a");
    w.pass(600_000);
    assert.equal(w.at("api", "a"), "running 1.0.0");
    w.leave("a");
    w.pass(1_000);
    assert.equal(w.instances.size + w.services.size, 0);
  });

  it("skip versions that are not defined, and use the highest priority that is", () => {
    const w = one().deploy("api", ["9.0.0", "2.0.0", "1.0.0"]).pass(0);
    assert.equal(w.at("api", "a"), "running 2.0.0");
  });

  it("fall back to the next version after the set attempts, and try it again when something changed", () => {
    const w = one();
    w.fitness = (_node, { version }) => (version === "2.0.0" ? "fails" : "good");
    w.deploy("api", ["2.0.0", "1.0.0"]).pass(1_000);
    assert.equal(w.at("api", "a"), "running 1.0.0");
    assert.equal(w.instance("api", "a").givenUp[0]?.because, "exit code 1");
    w.fitness = () => "good";
    w.reload();
    w.pass(600_000);
    assert.equal(w.at("api", "a"), "running 1.0.0");
    w.change("a", { properties: { memory: "more" } });
    w.pass(60_000);
    assert.equal(w.at("api", "a"), "running 2.0.0");
  });

  it("count time as a failure: unhealthy after retryDurationMs", () => {
    const w = one();
    w.fitness = (_node, { version }) => (version === "2.0.0" ? "unhealthy" : "good");
    w.deploy("api", ["2.0.0", "1.0.0"]).pass(9_999);
    assert.equal(w.instance("api", "a").failedAttempts, 0);
    w.pass(1);
    assert.equal(w.instance("api", "a").failedAttempts, 1);
    w.pass(10_000);
    assert.equal(w.at("api", "a"), "running 1.0.0");
    assert.ok(w.wasTold("it is not healthy after 10 s"));
  });

  it("do not count the time in which nobody could help", () => {
    const w = one();
    w.fitness = () => "unhealthy";
    w.deploy("api", ["1.0.0"]).pass(5_000);
    w.down("a");
    w.pass(60_000);
    w.up("a");
    w.pass(9_000);
    w.change("a", { maintenance: true });
    w.pass(60_000);
    w.change("a", { maintenance: false });
    w.arm(false);
    w.pass(60_000);
    w.arm(true);
    w.pass(9_000);
    assert.equal(w.instance("api", "a").failedAttempts, 0);
    w.pass(1_000);
    assert.equal(w.instance("api", "a").failedAttempts, 1);
  });

  it("are failed when no version is left, and the last one is tried on until it is healthy", () => {
    const w = one();
    w.fitness = () => "fails";
    w.deploy("api", ["2.0.0", "1.0.0"]).pass(1_000);
    assert.equal(w.at("api", "a"), "failed 1.0.0");
    assert.ok(w.wasTold('no version becomes healthy on node "a"'));
    const attempts = w.revision;
    w.pass(100_000);
    assert.ok(w.revision > attempts + 10, "it is tried on");
    w.fitness = () => "good";
    w.pass(20_000);
    assert.equal(w.at("api", "a"), "running 1.0.0");
    assert.ok(w.wasTold("version 1.0.0 is healthy on node"));
  });

  it("are verified after the set time in health, and forget failed attempts then", () => {
    const w = one();
    let starts = 0;
    w.fitness = () => {
      starts += 1;
      return starts <= 1 ? "fails" : "good";
    };
    w.deploy("api", ["1.0.0"]).pass(59_000);
    assert.deepEqual(
      [w.instance("api", "a").failedAttempts, w.instance("api", "a").isVerified],
      [1, false],
    );
    w.pass(1_000);
    assert.deepEqual(
      [w.instance("api", "a").failedAttempts, w.instance("api", "a").isVerified],
      [0, true],
    );
  });

  it("are left as they are while the cluster is disarmed", () => {
    const w = one().deploy("api", ["1.0.0"]).pass(0);
    w.arm(false);
    w.deploy("api", ["2.0.0"]).pass(60_000);
    assert.equal(w.at("api", "a"), "running 1.0.0");
    w.arm(true);
    w.pass(60_000);
    assert.equal(w.at("api", "a"), "running 2.0.0");
  });

  it("leave nothing running that nobody remembers", () => {
    const w = one().deploy("api", ["1.0.0"]).pass(0);
    w.instances.clear();
    w.reload();
    w.pass(1_000);
    assert.equal(w.at("api", "a"), "running 1.0.0");
    w.instances.clear();
    w.deployments.clear();
    w.reload();
    w.pass(1_000);
    assert.equal(w.services.size, 0);
  });
});
