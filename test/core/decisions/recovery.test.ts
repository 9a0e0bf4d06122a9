/** What a manager that comes later, a removed node or a full cluster must not turn into a crash or a wait for ever. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createManagerState, step } from "../../../src/core/manager/step.ts";
import { durationMs, instantMs } from "../../../src/core/time.ts";
import { Manager, nodeId, registration, serviceId } from "../manager-harness.ts";

const a = "process:a";
const b = "process:b";

function goneAfter(manager: Manager, ms: number): void {
  const { settings } = manager.state;
  manager.send({
    kind: "settings-changed",
    settings: { ...settings, goneAfterMs: durationMs(ms) },
  });
}

describe("recovery", () => {
  test("a later manager recovers what an earlier one knew to be dead by a watchdog's reset", () => {
    const manager = new Manager();
    manager.send({ kind: "node-changed", node: registration("node1") });
    const node1 = nodeId("node1");
    const epoch = manager.epoch(1);
    manager.send({ kind: "lease-granted", node: node1, epoch, resetsOnLoss: true });
    manager.add(a, { onIsolation: "keep" });
    manager.report(a, "running");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "recovery node1");
    const status = manager.status(a);
    const known = manager.state.services.get(serviceId(a));
    assert.ok(known);

    const later = new Manager();
    const fresh = createManagerState({ uidPrefix: "later" });
    Object.assign(later.state, fresh);
    later.send({ kind: "node-changed", node: registration("node1") });
    const two = manager.epoch(2);
    later.send({ kind: "node-state-loaded", node: node1, state: "unknown", epoch: two });
    later.send({ kind: "service-changed", service: known });
    later.send({ kind: "status-loaded", status });
    later.send({ kind: "loaded" });
    later.online("node2");
    assert.equal(later.where(a), "started node2");
  });

  test("a reset of a node's earlier life proves nothing about one that joined again under its name", () => {
    const manager = new Manager();
    goneAfter(manager, 10);
    const node1 = nodeId("node1");
    manager.send({ kind: "node-changed", node: registration("node1") });
    const epoch = manager.epoch(1);
    manager.send({ kind: "lease-granted", node: node1, epoch, resetsOnLoss: true });
    manager.lose("node1", 1);
    manager.send({ kind: "node-removed", node: node1 });
    manager.nowMs += 10;
    manager.send({ kind: "tick" });
    assert.equal(manager.has("forget-node"), true);
    manager.online("node1", "node2").add(a, { home: node1, onIsolation: "keep" });
    manager.report(a, "running");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "fence node1");
    assert.match(manager.sentence(a), /confirm/);
  });

  test("a move whose target was forgotten meanwhile ends where it began", () => {
    const manager = new Manager().online("node1", "node2").add(a, { home: nodeId("node1") });
    goneAfter(manager, 10);
    manager.report(a, "running");
    manager.command(a, "relocate", "node2");
    manager.lose("node2", 1);
    manager.send({ kind: "node-removed", node: nodeId("node2") });
    manager.nowMs += 10;
    manager.send({ kind: "tick" });
    assert.equal(manager.state.nodes.has(nodeId("node2")), false);
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node1");
  });

  test("a node that is gone and holds a lease still does not keep the manager awake", () => {
    const manager = new Manager().online("node1");
    goneAfter(manager, 10);
    manager.send({ kind: "node-removed", node: nodeId("node1") });
    manager.nowMs += 20;
    manager.send({ kind: "tick" });
    assert.equal(manager.wakeAtMs, undefined);
  });

  test("a suspect time that is set as a node is lost is waited for, and no longer", () => {
    const manager = new Manager().online("node1", "node2").add(a, { home: nodeId("node1") });
    manager.report(a, "running");
    const { settings } = manager.state;
    const suspectMs = durationMs(500);
    // Both become known at the same instant.
    manager.sendAll([
      { kind: "lease-gone", node: nodeId("node1"), epoch: manager.epoch(1) },
      { kind: "settings-changed", settings: { ...settings, suspectMs } },
    ]);
    assert.equal(manager.wakeAtMs, manager.nowMs + 500);
    manager.nowMs += 500;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "fence node1");
  });

  test("a service in error that was removed while nobody was manager is stopped by the next", () => {
    const manager = new Manager().online("node1").add(a, { requested: "stopped" });
    manager.report(a, "failed");
    assert.equal(manager.where(a), "error node1");
    const state = createManagerState({ uidPrefix: "later" });
    const now = instantMs(1);
    const known = manager.state.services.get(serviceId(a));
    assert.ok(known);
    for (const event of [
      { kind: "node-changed", node: registration("node1") },
      { kind: "lease-granted", node: nodeId("node1"), epoch: manager.epoch(1) },
      { kind: "service-changed", service: { ...known, removing: true } },
      { kind: "status-loaded", status: manager.status(a) },
      { kind: "loaded" },
    ] as const) {
      step(state, event, now);
    }
    assert.equal(state.statuses.get(serviceId(a))?.state, "request_stop");
  });
});

describe("a frozen service", () => {
  test("has the epoch of its confirmed node ended, and runs elsewhere then", () => {
    const manager = new Manager().online("node1", "node2").add(a, { home: nodeId("node1") });
    manager.report(a, "running");
    manager.send({ kind: "agent-mode", node: nodeId("node1"), mode: "restart" });
    manager.lose("node1", 1);
    assert.equal(manager.has("fence-node"), false);
    manager.confirmOff("node1", 1);
    assert.equal(manager.has("fence-node"), true);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });

  test("does not run on without what it cannot do without", () => {
    const manager = new Manager()
      .online("node1")
      .add(a)
      .add(b, { requires: [serviceId(a)] });
    manager.report(a, "running");
    manager.report(b, "running");
    manager.send({ kind: "arming-changed", mode: "freeze" });
    manager.set(a, { requested: "stopped" });
    manager.send({ kind: "arming-changed", mode: "armed" });
    assert.equal(manager.where(b), "request_stop node1");
  });

  test("of an agent that came back meanwhile does not hold up disarming", () => {
    const manager = new Manager().online("node1").add(a);
    manager.report(a, "running");
    manager.send({ kind: "arming-changed", mode: "freeze" });
    assert.equal(manager.state.armingState, "disarming");
    manager.lose("node1", 1);
    manager.grant("node1", 2);
    assert.equal(manager.state.armingState, "disarmed");
  });

  test("is never made of what an agent that is lost now once said of a restart", () => {
    const manager = new Manager().online("node1").add(a, { requested: "disabled" });
    manager.report(a, "stopped");
    const node1 = nodeId("node1");
    const inMaintenance = registration("node1", { maintenance: true });
    manager.send({ kind: "node-changed", node: inMaintenance });
    manager.lose("node1", 1);
    manager.send({ kind: "agent-mode", node: node1, mode: "restart" });
    assert.equal(manager.where(a), "stopped node1");
  });

  test("settles when its node is back in maintenance and restarts again", () => {
    const manager = new Manager().online("node1").add(a, { requested: "disabled" });
    manager.report(a, "stopped");
    manager.lose("node1", 1);
    const node = registration("node1", { maintenance: true, confirmedOffEpoch: manager.epoch(1) });
    manager.send({ kind: "node-changed", node });
    manager.grant("node1", 2);
    manager.send({ kind: "agent-mode", node: nodeId("node1"), mode: "restart" });
    assert.equal(manager.where(a), "freeze node1");
  });

  for (const mode of ["freeze", "ignore"] as const) {
    test(`lost before the cluster was disarmed with ${mode} is recovered without a person's word`, () => {
      const manager = new Manager().online("node1", "node2", "node3");
      manager.add(a, { home: nodeId("node1") }).add(b, { home: nodeId("node2") });
      manager.report(a, "running");
      manager.report(b, "running");
      manager.command(b, "relocate", "node3"); // holds disarming up
      manager.send({ kind: "arming-changed", mode });
      manager.lose("node1", 1);
      manager.report(b, "stopped");
      manager.send({ kind: "arming-changed", mode: "armed" });
      assert.equal(manager.where(a), "fence node1");
      manager.fenced("node1", 2);
      assert.match(manager.where(a), /^started node[23]$/);
    });
  }
});
