/** Nodes that a person disables, flushes, puts offline and enables, as the manager sees them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explainService } from "../../../src/core/explain/why.ts";
import { stayingOn } from "../../../src/core/manager/moves/staying.ts";
import { whyInputOf } from "../../../src/core/manager/why-input.ts";
import {
  modeAfter,
  type NodeMode,
  type NodeOrder,
  nodeModes,
  nodeOrders,
} from "../../../src/core/model/node-mode.ts";
import { Manager, nodeId, registration, serviceId } from "../manager-harness.ts";

const a = "process:a";
const b = "process:b";

function order(manager: Manager, node: string, mode: NodeMode): void {
  manager.send({ kind: "node-changed", node: registration(node, { mode }) });
}

/** `a` runs on node1; node2 is there too. */
function onNode1(options: { readonly suspectMs?: number } = {}): Manager {
  const manager = new Manager(options).online("node1", "node2").add(a, { home: nodeId("node1") });
  manager.report(a, "running");
  return manager;
}

function why(manager: Manager, id: string) {
  return explainService(whyInputOf(manager.state, serviceId(id)));
}

describe("modeAfter()", () => {
  const table: readonly (readonly [NodeMode, NodeOrder, NodeMode | "refused"])[] = [
    ["enabled", "disable", "disabled"],
    ["enabled", "offline", "offline"],
    ["enabled", "flush", "flushed"],
    ["enabled", "enable", "enabled"],
    ["disabled", "disable", "disabled"],
    ["disabled", "offline", "offline"],
    ["disabled", "flush", "flushed"],
    ["disabled", "enable", "enabled"],
    ["flushed", "disable", "disabled"],
    ["flushed", "offline", "offline"],
    ["flushed", "flush", "flushed"],
    ["flushed", "enable", "enabled"],
    ["offline", "disable", "refused"],
    ["offline", "offline", "offline"],
    ["offline", "flush", "refused"],
    ["offline", "enable", "enabled"],
  ];
  for (const [mode, said, expected] of table) {
    it(`answers ${said} of a node that is ${mode} with ${expected}`, () => {
      const result = modeAfter(mode, said);
      assert.equal(result.ok ? result.value : "refused", expected);
    });
  }

  it("knows every order in every mode", () => {
    assert.equal(table.length, nodeModes.length * nodeOrders.length);
  });
});

describe("a disabled node", () => {
  it("keeps what runs there, and takes nothing new", () => {
    const manager = onNode1();
    order(manager, "node1", "disabled");
    manager.add(b, { home: nodeId("node1") });
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.where(b), "started node2");
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "started node1");
  });

  it("has a new service wait when no other node is there, and says why", () => {
    const manager = new Manager().online("node1");
    order(manager, "node1", "disabled");
    manager.add(b);
    assert.equal(manager.where(b), "queued");
    const [verdict] = why(manager, b).nodes;
    assert.match(verdict?.sentence ?? "", /a person has disabled it/);
    order(manager, "node1", "enabled");
    assert.equal(manager.where(b), "started node1");
  });

  it("is no target of a person's order", () => {
    const manager = onNode1();
    order(manager, "node2", "disabled");
    manager.command(a, "migrate", "node2");
    assert.equal(manager.where(a), "started node1");
    assert.ok(manager.has("finish-command"));
  });

  it("starts again there what was stopped there", () => {
    const manager = onNode1();
    order(manager, "node1", "disabled");
    manager.set(a, { requested: "stopped" });
    manager.report(a, "stopped");
    manager.set(a, { requested: "started" });
    assert.equal(manager.where(a), "started node1");
  });

  it("is fenced and left like any other when it is lost", () => {
    const manager = onNode1();
    order(manager, "node1", "disabled");
    manager.lose("node1", 1);
    assert.ok(manager.has("fence-node"));
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });

  it("takes back what it had when nothing else can", () => {
    const manager = new Manager().online("node1").add(a);
    manager.report(a, "running");
    order(manager, "node1", "disabled");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "recovery node1");
    manager.grant("node1", 3);
    assert.equal(manager.where(a), "started node1");
  });

  it("is not gone back to by a failback before it is enabled", () => {
    const manager = new Manager().online("node1", "node2");
    const nodes = [{ node: nodeId("node1"), priority: 2 }];
    manager.send({
      kind: "group-changed",
      group: { name: "g", nodes, restricted: false, nofailback: false },
    });
    order(manager, "node1", "disabled");
    manager.add(a, { group: "g" });
    manager.report(a, "running");
    assert.equal(manager.where(a), "started node2");
    manager.nowMs += 60_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "started node2");
    order(manager, "node1", "enabled");
    assert.equal(manager.where(a), "relocate node2 -> node1");
  });
});

describe("a flushed node", () => {
  it("has its services move away, live where they can, and stay away until it is enabled", () => {
    const manager = onNode1();
    manager.set(a, { movesLive: true });
    order(manager, "node1", "flushed");
    assert.equal(manager.where(a), "migrate node1 -> node2");
    assert.match(manager.sentence(a), /a person has flushed it/);
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node2");
    manager.report(a, "running");
    manager.nowMs += 60_000;
    order(manager, "node1", "enabled");
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "started node2", "nothing calls it back");
  });

  it("leaves what cannot move where it is, names it, and says why", () => {
    const manager = onNode1();
    manager.send({
      kind: "rule-changed",
      rule: {
        kind: "node-affinity",
        name: "only-node1",
        disabled: false,
        services: [serviceId(a)],
        nodes: [{ node: nodeId("node1"), priority: 0 }],
        strict: true,
      },
    });
    order(manager, "node1", "flushed");
    assert.equal(manager.where(a), "started node1");
    assert.match(manager.sentence(a), /would leave node "node1".*only-node1/);
    const [staying, ...others] = stayingOn(manager.state, nodeId("node1"));
    assert.equal(staying?.service, a);
    assert.match(staying?.because ?? "", /node "node2": .*only-node1/);
    assert.deepEqual(others, []);
    manager.send({ kind: "rule-removed", name: "only-node1" });
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });

  it("keeps instances of deployments", () => {
    const manager = new Manager().online("node1", "node2").add("process:api@node1");
    manager.report("process:api@node1", "running");
    order(manager, "node1", "flushed");
    assert.equal(manager.where("process:api@node1"), "started node1");
    const [staying] = stayingOn(manager.state, nodeId("node1"));
    assert.match(staying?.because ?? "", /instance of that node/);
  });

  it("moves services that run together as they belong", () => {
    const manager = onNode1().add(b, { home: nodeId("node1") });
    manager.report(b, "running");
    manager.send({
      kind: "rule-changed",
      rule: {
        kind: "resource-affinity",
        name: "together",
        disabled: false,
        services: [serviceId(a), serviceId(b)],
        affinity: "positive",
      },
    });
    order(manager, "node1", "flushed");
    assert.equal(manager.where(a), "relocate node1 -> node2");
    assert.equal(manager.where(b), "relocate node1 -> node2");
  });

  it("keeps the rest when it is disabled instead", () => {
    const manager = new Manager().online("node1").add(a);
    manager.report(a, "running");
    order(manager, "node1", "flushed");
    order(manager, "node1", "disabled");
    manager.online("node2");
    assert.equal(manager.where(a), "started node1");
  });
});

describe("an offline node", () => {
  it("is neither fenced nor recovered from when its lease is lost, and says so", () => {
    const manager = onNode1();
    order(manager, "node1", "offline");
    manager.lose("node1", 1);
    assert.equal(manager.has("fence-node"), false);
    manager.nowMs += 3_600_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.has("fence-node"), false);
    const { summary, next } = why(manager, a);
    assert.match(summary, /put it offline: it is not watched/);
    assert.deepEqual(next, ["have it watched again: holdfast node enable node1"]);
  });

  it("is not purged, however long it is away", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    order(manager, "node1", "offline");
    manager.lose("node1", 1);
    manager.nowMs += 48 * 3_600_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.has("purge-node"), false);
  });

  it("is lost from the moment on at which it is enabled, with the whole suspect time and fencing", () => {
    const manager = onNode1({ suspectMs: 5_000 });
    order(manager, "node1", "offline");
    manager.lose("node1", 1);
    manager.nowMs += 60_000;
    order(manager, "node1", "enabled");
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.has("fence-node"), false);
    assert.equal(manager.wakeAtMs, manager.nowMs + 5_000);
    manager.nowMs += 5_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "fence node1");
    assert.ok(manager.has("fence-node"));
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });

  it("may lose its lease and get another: its services start again there once it is enabled", () => {
    const manager = onNode1();
    order(manager, "node1", "offline");
    manager.lose("node1", 1);
    manager.grant("node1", 2);
    const { uid } = manager.status(a);
    assert.equal(manager.where(a), "started node1");
    assert.equal(
      manager.effects.some(({ kind }) => kind === "put-status"),
      false,
    );
    order(manager, "node1", "enabled");
    assert.equal(manager.where(a), "started node1");
    assert.notEqual(manager.status(a).uid, uid);
  });

  it("does not carry out what people want of its services before it is enabled", () => {
    const manager = onNode1();
    order(manager, "node1", "offline");
    manager.command(a, "migrate", "node2");
    assert.equal(manager.where(a), "started node1");
    assert.ok(manager.has("finish-command"), "the order is refused at once");
    manager.set(a, { requested: "stopped" });
    assert.equal(manager.where(a), "started node1");
    order(manager, "node1", "enabled");
    assert.equal(manager.where(a), "request_stop node1");
  });

  it("lets go of its services while its agent restarts, and takes them up again", () => {
    const manager = onNode1();
    order(manager, "node1", "offline");
    manager.send({ kind: "agent-mode", node: nodeId("node1"), mode: "restart" });
    assert.equal(manager.where(a), "freeze node1");
    manager.send({ kind: "agent-mode", node: nodeId("node1"), mode: "active" });
    assert.equal(manager.where(a), "started node1");
  });

  it("brings to its end what had left it already", () => {
    const manager = onNode1();
    manager.command(a, "relocate", "node2");
    order(manager, "node1", "offline");
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node2");
  });

  it("has a service on its way there go back, or elsewhere", () => {
    const manager = new Manager().online("node1", "node2").add(a, { home: nodeId("node1") });
    manager.report(a, "running");
    manager.command(a, "relocate", "node2");
    order(manager, "node2", "offline");
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node1");
  });

  it("does not count as lost for the mass-failure brake", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    for (const node of ["node1", "node2"]) {
      order(manager, node, "offline");
      manager.lose(node, 1);
    }
    assert.equal(manager.state.lost.size, 0);
    assert.equal(manager.state.missing.size, 0);
  });

  it("is left alone by a new manager too", () => {
    const before = onNode1();
    order(before, "node1", "offline");
    const known = before.state.services.get(serviceId(a));
    assert.ok(known);
    const next = new Manager();
    next.state.loaded = false;
    const node = registration("node1", { mode: "offline" });
    next.sendAll([
      { kind: "node-changed", node },
      { kind: "node-state-loaded", node: node.id, state: "online", epoch: next.epoch(1) },
      { kind: "service-changed", service: known },
      { kind: "status-loaded", status: before.status(a) },
      { kind: "loaded" },
    ]);
    assert.equal(next.has("fence-node"), false);
    assert.equal(next.where(a), "started node1");
  });
});
