/** Disarming the whole cluster and arming it again. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ArmingMode } from "../../../src/core/manager/event.ts";
import { Manager, nodeId, serviceId } from "../manager-harness.ts";

const a = "process:a";
const b = "process:b";

function arming(manager: Manager, mode: ArmingMode): void {
  manager.send({ kind: "arming-changed", mode });
}

function two(): Manager {
  const manager = new Manager()
    .online("node1", "node2")
    .add(a, { home: nodeId("node1") })
    .add(b, { home: nodeId("node2"), requested: "stopped" });
  manager.report(a, "running");
  manager.report(b, "stopped");
  return manager;
}

describe("disarm freeze", () => {
  test("freezes what runs and what is stopped; arm takes both up again", () => {
    const manager = two();
    arming(manager, "freeze");
    assert.equal(manager.where(a), "freeze node1");
    assert.equal(manager.where(b), "freeze node2");
    arming(manager, "armed");
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.where(b), "request_stop node2");
  });

  test("is disarmed only when the agents have let go", () => {
    const manager = two();
    arming(manager, "freeze");
    assert.equal(manager.state.armingState, "disarming");
    manager.report(a, "released");
    assert.equal(manager.state.armingState, "disarming");
    manager.report(b, "released");
    assert.equal(manager.state.armingState, "disarmed");
    assert.equal(manager.has("put-arming-state"), true);
  });

  test("fences nothing while disarmed", () => {
    const manager = two();
    arming(manager, "freeze");
    manager.lose("node1", 1);
    assert.equal(manager.where(a), "freeze node1");
    assert.equal(manager.has("fence-node"), false);
  });

  test("brings a recovery to its end first", () => {
    const manager = two();
    manager.lose("node1", 1);
    assert.equal(manager.where(a), "fence node1");
    arming(manager, "freeze");
    assert.equal(manager.where(a), "fence node1");
    assert.equal(manager.where(b), "stopped node2", "the others wait for it");
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "freeze node2");
    assert.equal(manager.where(b), "freeze node2");
  });

  test("refuses orders and drops them", () => {
    const manager = two();
    arming(manager, "freeze");
    manager.command(a, "migrate", "node2");
    assert.equal(manager.has("finish-command"), true);
    arming(manager, "armed");
    assert.equal(manager.where(a), "started node1");
  });

  test("leaves a new service waiting until the cluster is armed", () => {
    const manager = two();
    arming(manager, "freeze");
    manager.add("process:c");
    assert.equal(manager.where("process:c"), "queued");
    arming(manager, "armed");
    assert.match(manager.where("process:c"), /^started/);
  });
});

describe("disarm ignore", () => {
  test("suspends services in their states, and arm goes on with them", () => {
    const manager = two();
    arming(manager, "ignore");
    const status = manager.status(a);
    assert.ok(status.state === "started" && status.suspended === true && status.survivesIsolation);
    manager.lose("node1", 1);
    assert.equal(manager.where(a), "started node1");
    manager.grant("node1", 2);
    arming(manager, "armed");
    const armed = manager.status(a);
    assert.ok(armed.state === "started" && armed.suspended === undefined);
    assert.equal(armed.nodeEpoch, 2);
    assert.equal(armed.mayOutliveLease, true, "until its agent says that the guard watches it");
    manager.report(a, "running");
    const watched = manager.status(a);
    assert.ok(watched.state === "started" && !watched.mayOutliveLease);
  });

  test("takes a person's word for where a service was moved by hand", () => {
    const manager = two();
    arming(manager, "ignore");
    manager.command(a, "located", "node2");
    arming(manager, "armed");
    assert.equal(manager.where(a), "started node2");
  });

  test("takes that word also when the cluster is armed again before a manager has heard it", () => {
    const manager = two();
    arming(manager, "ignore");
    const command = { id: "c1", kind: "located", target: nodeId("node2"), timeoutMs: undefined };
    manager.sendAll([
      { kind: "arming-changed", mode: "armed" },
      { kind: "command", service: serviceId(a), command: { ...command, kind: "located" } },
    ]);
    assert.equal(manager.where(a), "started node2");
  });

  test("on a node without a lease it belongs to the next epoch, whatever was confirmed before", () => {
    const manager = two();
    arming(manager, "ignore");
    manager.lose("node2", 1);
    manager.confirmOff("node2", 1);
    manager.command(a, "located", "node2");
    arming(manager, "armed");
    assert.equal(manager.where(a), "fence node2", "nobody has confirmed that epoch off");
    manager.grant("node2", 2);
    assert.equal(manager.where(a), "started node2");
  });

  test("is refused for a node that there is not", () => {
    const manager = two();
    arming(manager, "ignore");
    manager.command(a, "located", "node9");
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.has("finish-command"), true);
  });

  test("a suspended service of a lost node is fenced after arming, and waits for a confirmation", () => {
    const manager = two();
    arming(manager, "ignore");
    manager.lose("node1", 1);
    arming(manager, "armed");
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "fence node1");
    manager.confirmOff("node1", 1);
    assert.equal(manager.where(a), "started node2");
  });
});
