/** Maintenance of nodes, shutdown policies as the manager sees them, and restarts of agents. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AgentMode } from "../../../src/core/model/node.ts";
import { isPlaced } from "../../../src/core/model/service.ts";
import { Manager, nodeId, registration } from "../manager-harness.ts";

const a = "process:a";
const b = "process:b";

function maintain(manager: Manager, node: string, on: boolean): void {
  manager.send({ kind: "node-changed", node: registration(node, { maintenance: on }) });
}

function mode(manager: Manager, node: string, to: AgentMode): void {
  manager.send({ kind: "agent-mode", node: nodeId(node), mode: to });
}

function onNode1(): Manager {
  const manager = new Manager().online("node1", "node2").add(a, { home: nodeId("node1") });
  manager.report(a, "running");
  return manager;
}

/** Whether the service is to go back to some node. */
function isAway(manager: Manager): boolean {
  const status = manager.status(a);
  return isPlaced(status) && status.maintenanceNode !== undefined;
}

describe("maintenance", () => {
  test("moves a service away and back when it is over", () => {
    const manager = onNode1();
    maintain(manager, "node1", true);
    assert.equal(manager.where(a), "relocate node1 -> node2");
    assert.match(manager.sentence(a), /in maintenance/);
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node2");
    manager.report(a, "running");
    manager.nowMs += 10_000;
    maintain(manager, "node1", false);
    assert.equal(manager.where(a), "relocate node2 -> node1");
    assert.match(manager.sentence(a), /maintenance of node "node1" is over/);
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node1");
    manager.report(a, "running");
    manager.nowMs += 60_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "started node1");
  });

  test("migrates a service that can move while it runs", () => {
    const manager = onNode1();
    manager.set(a, { movesLive: true });
    maintain(manager, "node1", true);
    assert.equal(manager.where(a), "migrate node1 -> node2");
  });

  test("waits where it is while no other node is online, and goes as soon as one is", () => {
    const manager = new Manager().online("node1").add(a);
    manager.report(a, "running");
    maintain(manager, "node1", true);
    assert.equal(manager.where(a), "started node1");
    manager.online("node2");
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });

  test("keeps a node in maintenance when it goes offline, and fences what it still ran", () => {
    const manager = new Manager().online("node1").add(a);
    manager.report(a, "running");
    maintain(manager, "node1", true);
    manager.lose("node1", 1);
    assert.equal(manager.where(a), "fence node1");
    assert.equal(manager.state.nodes.get(nodeId("node1"))?.state, "fence");
    const other = onNode1();
    maintain(other, "node2", true);
    other.lose("node2", 1);
    assert.equal(other.state.nodes.get(nodeId("node2"))?.state, "maintenance");
  });

  test("places no new service on a node in maintenance", () => {
    const manager = onNode1();
    maintain(manager, "node2", true);
    manager.add(b, { home: nodeId("node2") });
    assert.equal(manager.where(b), "started node1");
  });

  test("called off before the agent has begun, a service stays without a stop", () => {
    const manager = onNode1();
    maintain(manager, "node1", true);
    const { uid } = manager.status(a);
    maintain(manager, "node1", false);
    assert.equal(manager.where(a), "request_start_balance node1 -> node2");
    assert.equal(manager.status(a).uid, uid, "what the agent says of the move counts still");
    assert.match(manager.sentence(a), /maintenance of node "node1" is over before it has left/);
    manager.report(a, "running");
    assert.equal(manager.where(a), "started node1");
    assert.equal(isAway(manager), false, "it has nothing to go back from");
    manager.report(a, "running");
    manager.nowMs += 60_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "started node1");
  });

  test("called off while it moves, a service is stopped once, and started where it was", () => {
    const manager = onNode1();
    maintain(manager, "node1", true);
    maintain(manager, "node1", false);
    manager.report(a, "stopped");
    assert.deepEqual(manager.path(a), ["started node2", "relocate node2 -> node1"]);
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node1");
  });

  test("called off while it moves live, a service goes back when it runs at its target", () => {
    const manager = onNode1();
    manager.set(a, { movesLive: true });
    maintain(manager, "node1", true);
    maintain(manager, "node1", false);
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node2");
    manager.report(a, "running");
    assert.equal(manager.where(a), "migrate node2 -> node1");
  });

  test("called off and failed, a move leaves the service where it was", () => {
    const manager = onNode1();
    maintain(manager, "node1", true);
    maintain(manager, "node1", false);
    manager.report(a, "failed");
    assert.equal(manager.where(a), "started node1");
  });

  test("asked for again after it was called off, it moves the service away", () => {
    const manager = onNode1();
    for (const on of [true, false, true]) maintain(manager, "node1", on);
    manager.report(a, "running");
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });

  test("over soon, it brings back at once those that have moved already", () => {
    const manager = onNode1();
    maintain(manager, "node1", true);
    manager.report(a, "stopped");
    manager.report(a, "running");
    maintain(manager, "node1", false);
    assert.equal(manager.where(a), "relocate node2 -> node1");
  });

  test("calls off no move that a person ordered or that a rule asks for", () => {
    const manager = onNode1();
    manager.command(a, "relocate", "node2");
    maintain(manager, "node1", true);
    maintain(manager, "node1", false);
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });

  test("does not try a failed move again within a round", () => {
    const manager = onNode1();
    maintain(manager, "node1", true);
    manager.report(a, "failed");
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.wakeAtMs, manager.nowMs + 10_000);
    manager.nowMs += 10_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });
});

describe("agent modes", () => {
  test("restart freezes what is on the node, and active takes it up again where it is", () => {
    const manager = onNode1().add(b, { home: nodeId("node1"), requested: "stopped" });
    manager.report(b, "stopped");
    mode(manager, "node1", "restart");
    assert.equal(manager.where(a), "freeze node1");
    assert.equal(manager.where(b), "freeze node1");
    manager.lose("node1", 1);
    assert.equal(manager.where(a), "freeze node1");
    manager.grant("node1", 2);
    assert.equal(manager.where(a), "freeze node1");
    mode(manager, "node1", "active");
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.where(b), "request_stop node1");
  });

  test("a frozen service on a lost node is recovered only after a person confirmed the node off", () => {
    const manager = onNode1();
    mode(manager, "node1", "restart");
    manager.lose("node1", 1);
    assert.equal(manager.has("fence-node"), false);
    manager.confirmOff("node1", 1);
    assert.equal(manager.where(a), "freeze node1");
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });

  test("shutdown leaves its services to be recovered elsewhere", () => {
    const manager = onNode1();
    mode(manager, "node1", "shutdown");
    assert.equal(manager.where(a), "started node1");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });

  test("maintenance by the agent moves services away, and ends when the agent is active again", () => {
    const manager = onNode1();
    mode(manager, "node1", "maintenance");
    assert.equal(manager.where(a), "relocate node1 -> node2");
    manager.report(a, "stopped");
    manager.report(a, "running");
    manager.lose("node1", 1);
    assert.equal(manager.state.nodes.get(nodeId("node1"))?.state, "maintenance");
    manager.grant("node1", 2);
    manager.nowMs += 10_000;
    mode(manager, "node1", "active");
    assert.equal(manager.where(a), "relocate node2 -> node1");
  });
});

describe("silent nodes", () => {
  test("a missed node is waited for, then shown as fenced, and forgiven when it is heard in time", () => {
    const manager = new Manager({ suspectMs: 60_000 }).online("node1", "node2").add(a);
    manager.report(a, "running");
    manager.send({ kind: "node-missed", node: nodeId("node1") });
    assert.equal(manager.where(a), "started node1");
    manager.nowMs += 60_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "fence node1");
    assert.equal(manager.has("fence-node"), false, "its lease lives still");
    manager.send({ kind: "node-seen", node: nodeId("node1") });
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.state.nodes.get(nodeId("node1"))?.state, "online");
  });

  test("a missed node is fenced when its lease ends", () => {
    const manager = new Manager({ suspectMs: 60_000 }).online("node1", "node2").add(a);
    manager.report(a, "running");
    manager.send({ kind: "node-missed", node: nodeId("node1") });
    manager.nowMs += 60_000;
    manager.send({ kind: "tick" });
    manager.lose("node1", 1);
    assert.equal(manager.has("fence-node"), true);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });

  test("an ignored service on a node that was reset is dead with it", () => {
    const manager = new Manager().online("node1", "node2").add(a);
    const lease = {
      kind: "lease-granted",
      node: nodeId("node1"),
      epoch: manager.epoch(1),
    } as const;
    manager.report(a, "running");
    manager.send({ ...lease, resetsOnLoss: true });
    manager.set(a, { requested: "ignored" });
    manager.lose("node1", 1);
    manager.set(a, { requested: "started" });
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });
});

describe("gone nodes", () => {
  test("a removed node is forgotten after an hour", () => {
    const manager = onNode1();
    manager.lose("node2", 1);
    manager.send({ kind: "node-removed", node: nodeId("node2") });
    assert.equal(manager.state.nodes.get(nodeId("node2"))?.state, "gone");
    assert.equal(manager.wakeAtMs, manager.nowMs + 3_600_000);
    manager.nowMs += 3_600_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.state.nodes.has(nodeId("node2")), false);
    assert.equal(manager.has("forget-node"), true);
  });

  test("a removed node whose services were lost is fenced and emptied first", () => {
    const manager = onNode1();
    manager.lose("node1", 1);
    manager.send({ kind: "node-removed", node: nodeId("node1") });
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
    manager.nowMs += 3_600_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.state.nodes.has(nodeId("node1")), false);
  });

  test("one whose registration was removed while nobody was manager is gone, too", () => {
    const manager = new Manager();
    manager.state.loaded = false;
    const lost = { node: nodeId("node9"), epoch: manager.epoch(3) };
    manager.send({ kind: "node-state-loaded", state: "online", ...lost });
    manager.send({ kind: "loaded" });
    assert.equal(manager.state.nodes.get(nodeId("node9"))?.state, "gone");
    manager.nowMs += 3_600_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.has("forget-node"), true);
  });
});
