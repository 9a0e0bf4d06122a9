/** Lost nodes that the manager takes out of the cluster. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { durationMs } from "../../../src/core/time.ts";
import { Manager, nodeId, registration } from "../manager-harness.ts";

const a = "process:a";
const hourMs = 3_600_000;

function later(manager: Manager, ms: number): void {
  manager.nowMs += ms;
  manager.send({ kind: "tick" });
}

function purged(manager: Manager): readonly string[] {
  return manager.effects.flatMap((effect) => (effect.kind === "purge-node" ? [effect.node] : []));
}

/** The store's answer to a purge. */
function gone(manager: Manager, node: string): void {
  manager.send({ kind: "node-removed", node: nodeId(node) });
}

function setPurge(manager: Manager, ms: number): void {
  const { settings } = manager.state;
  manager.send({
    kind: "settings-changed",
    settings: { ...settings, purgeAfterMs: durationMs(ms) },
  });
}

describe("a lost node", () => {
  test("is purged after an hour, and not before", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    manager.lose("node1", 1);
    assert.equal(manager.wakeAtMs, manager.nowMs + hourMs);
    later(manager, hourMs - 1);
    assert.deepEqual(purged(manager), []);
    later(manager, 1);
    assert.deepEqual(purged(manager), ["node1"]);
    gone(manager, "node1");
    assert.equal(manager.state.nodes.get(nodeId("node1"))?.state, "gone");
  });

  test("is kept when purging is off, or the cluster is disarmed", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    setPurge(manager, 0);
    manager.lose("node1", 1);
    later(manager, 10 * hourMs);
    assert.deepEqual(purged(manager), []);
    assert.equal(manager.wakeAtMs, undefined);
    setPurge(manager, hourMs);
    assert.deepEqual(purged(manager), ["node1"], "a setting that changes counts at once");
    const disarmed = new Manager().online("node1", "node2", "node3");
    disarmed.lose("node1", 1);
    disarmed.send({ kind: "arming-changed", mode: "freeze" });
    later(disarmed, hourMs);
    assert.deepEqual(purged(disarmed), []);
    disarmed.send({ kind: "arming-changed", mode: "armed" });
    assert.deepEqual(purged(disarmed), ["node1"]);
  });

  test("is kept in maintenance: it is away by a person's will", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    manager.send({ kind: "node-changed", node: registration("node1", { maintenance: true }) });
    manager.lose("node1", 1);
    later(manager, 10 * hourMs);
    assert.deepEqual(purged(manager), []);
  });

  test("is kept in maintenance also when what it still ran was fenced", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    manager.add(a, { home: nodeId("node1"), volumes: ["data"] });
    manager.report(a, "running");
    manager.send({ kind: "node-changed", node: registration("node1", { maintenance: true }) });
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.state.nodes.get(nodeId("node1"))?.state, "unknown");
    later(manager, 10 * hourMs);
    assert.deepEqual(purged(manager), []);
    assert.equal(manager.where(a), "recovery node1");
  });

  test("that comes back in time begins anew", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    manager.lose("node1", 1);
    later(manager, hourMs - 1);
    manager.grant("node1", 2);
    manager.lose("node1", 2);
    later(manager, hourMs - 1);
    assert.deepEqual(purged(manager), []);
    later(manager, 1);
    assert.deepEqual(purged(manager), ["node1"]);
  });

  test("is kept while more than half of the nodes are missing, and purged when they are back", () => {
    const manager = new Manager().online("node1", "node2", "node3", "node4", "node5");
    for (const node of ["node1", "node2", "node3"]) manager.lose(node, 1);
    later(manager, 2 * hourMs);
    assert.deepEqual(purged(manager), []);
    assert.equal(manager.wakeAtMs, undefined, "nobody spins");
    manager.grant("node3", 2);
    assert.deepEqual(purged(manager), ["node1"]);
  });

  test("is purged one at a time, the next with the counts after the first", () => {
    const manager = new Manager().online("node1", "node2", "node3", "node4", "node5", "node6");
    for (const node of ["node1", "node2", "node3"]) manager.lose(node, 1);
    later(manager, hourMs);
    assert.deepEqual(purged(manager), ["node1"]);
    later(manager, 1_000);
    assert.deepEqual(purged(manager), [], "the first is not in the store yet");
    manager.lose("node4", 1);
    gone(manager, "node1");
    assert.deepEqual(purged(manager), [], "3 of 5 are missing now");
    manager.grant("node4", 2);
    assert.deepEqual(purged(manager), ["node2"]);
    gone(manager, "node2");
    assert.deepEqual(purged(manager), ["node3"]);
    gone(manager, "node3");
    assert.deepEqual(purged(manager), []);
  });

  test("is kept while a service may still run there", () => {
    const manager = new Manager()
      .online("node1", "node2", "node3")
      .add(a, { home: nodeId("node1"), onIsolation: "keep" });
    manager.report(a, "running");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    later(manager, 2 * hourMs);
    assert.deepEqual(purged(manager), []);
    manager.confirmOff("node1", 2);
    assert.equal(manager.where(a), "started node2");
    assert.deepEqual(purged(manager), ["node1"]);
  });

  test("gives its volumes free", () => {
    const manager = new Manager()
      .online("node1", "node2", "node3")
      .add(a, { home: nodeId("node1"), volumes: ["data"] });
    manager.report(a, "running");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "recovery node1");
    later(manager, hourMs);
    assert.deepEqual(purged(manager), ["node1"]);
    assert.equal(manager.where(a), "recovery node1", "not before it is in the store");
    gone(manager, "node1");
    assert.equal(manager.where(a), "started node2");
    later(manager, hourMs);
    assert.equal(manager.has("forget-node"), true, "nothing names it any more");
  });

  test("is kept by the name of a home: the service stays where it was placed", () => {
    const manager = new Manager()
      .online("node1", "node2", "node3")
      .add(a, { home: nodeId("node1") });
    manager.report(a, "running");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    manager.report(a, "running");
    later(manager, hourMs);
    gone(manager, "node1");
    later(manager, hourMs);
    assert.equal(manager.where(a), "started node2");
    manager.add("process:b", { home: nodeId("node1") });
    assert.equal(manager.where("process:b"), "started node3");
  });
});
