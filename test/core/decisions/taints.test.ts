/** Nodes that are closed to services by a taint. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explainService } from "../../../src/core/explain/why.ts";
import { whyInputOf } from "../../../src/core/manager/why-input.ts";
import { whyNotClose, withTaint } from "../../../src/core/placement/taints.ts";
import { Manager, nodeId, registration, service, serviceId } from "../manager-harness.ts";

const a = "process:a";
const b = "process:b";

function taint(manager: Manager, node: string, ...taints: readonly string[]): void {
  manager.send({ kind: "node-changed", node: registration(node, { taints }) });
}

/** `a` runs on node1, node2 is free. */
function onNode1(): Manager {
  const manager = new Manager().online("node1", "node2").add(a, { home: nodeId("node1") });
  manager.report(a, "running");
  return manager;
}

describe("a taint that a service does not tolerate", () => {
  test("keeps new services off, also off their home", () => {
    const manager = new Manager().online("node1", "node2");
    taint(manager, "node1", "control-plane");
    manager.add(a).add(b, { home: nodeId("node1") });
    assert.equal(manager.where(a), "started node2");
    assert.equal(manager.where(b), "started node2");
  });

  test("lets in who tolerates all of them, and no one who tolerates some", () => {
    const manager = new Manager().online("node1");
    taint(manager, "node1", "control-plane", "old");
    manager.add(a, { tolerations: ["old"] }).add(b, { tolerations: ["old", "control-plane"] });
    assert.equal(manager.where(a), "queued");
    assert.equal(manager.where(b), "started node1");
    taint(manager, "node1", "old");
    assert.equal(manager.where(a), "started node1");
  });

  test("moves away what runs there, live where it can, and lets it come to stay elsewhere", () => {
    for (const movesLive of [false, true]) {
      const manager = onNode1();
      manager.set(a, { movesLive });
      taint(manager, "node1", "control-plane");
      assert.equal(manager.where(a), `${movesLive ? "migrate" : "relocate"} node1 -> node2`);
      assert.match(manager.sentence(a), /"node1" is closed to it \(.*taint "control-plane"\)/);
      manager.report(a, "stopped");
      manager.report(a, "running");
      manager.nowMs += 60_000;
      taint(manager, "node1");
      assert.equal(manager.where(a), "started node2", "nothing calls it back");
    }
  });

  test("leaves a service where it is, with the reason, while no other node takes it", () => {
    const manager = new Manager().online("node1").add(a);
    manager.report(a, "running");
    const { uid } = manager.status(a);
    taint(manager, "node1", "control-plane");
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.status(a).uid, uid, "its agent has nothing to do");
    assert.match(
      manager.sentence(a),
      /stays as long as no other node takes it: no other is online/,
    );
    manager.send({ kind: "tick" });
    assert.equal(manager.effects.length, 0, "it is said once");
    manager.online("node2");
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });

  test("says so when it is taken away again", () => {
    const manager = new Manager().online("node1").add(a);
    manager.report(a, "running");
    taint(manager, "node1", "control-plane");
    taint(manager, "node1");
    assert.equal(manager.sentence(a), 'node "node1" is open to it again');
  });

  test("never has it recovered there: it waits", () => {
    const manager = onNode1();
    taint(manager, "node2", "control-plane");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "recovery node1");
    assert.match(manager.sentence(a), /no other node takes it: node "node2": .*"control-plane"/);
    taint(manager, "node2");
    assert.equal(manager.where(a), "started node2");
  });

  test("never has it started there: it goes elsewhere first, or waits", () => {
    const manager = onNode1();
    manager.set(a, { requested: "stopped" });
    manager.report(a, "stopped");
    taint(manager, "node1", "control-plane");
    assert.equal(manager.where(a), "stopped node1", "what is stopped stays");
    taint(manager, "node2", "old");
    manager.set(a, { requested: "started" });
    assert.equal(manager.where(a), "request_start node1");
    assert.match(manager.sentence(a), /does not start on node "node1"/);
    taint(manager, "node2");
    assert.equal(manager.where(a), "request_start_balance node1 -> node2");
    manager.report(a, "failed");
    assert.equal(manager.where(a), "request_start node1", "a move that failed starts nothing");
    manager.nowMs += 10_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "request_start_balance node1 -> node2");
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node2");
  });

  test("turns a service round that was on its way there", () => {
    const manager = onNode1().online("node3");
    manager.command(a, "relocate", "node2");
    taint(manager, "node2", "control-plane");
    manager.report(a, "stopped");
    assert.deepEqual(manager.path(a), ["started node1"]);
    assert.match(manager.sentence(a), /"node2" was closed to it before it arrived/);
  });

  test("refuses a person's order, for those that run together with the service too", () => {
    const manager = onNode1().add(b, { home: nodeId("node1"), tolerations: ["control-plane"] });
    manager.report(b, "running");
    taint(manager, "node2", "control-plane");
    manager.command(a, "migrate", "node2");
    assert.equal(manager.where(a), "started node1");
    assert.ok(
      manager.effects.some(
        (effect) =>
          effect.kind === "finish-command" &&
          effect.reason.code === "command-refused" &&
          /closed to process:a.*"control-plane"/.test(effect.reason.because),
      ),
    );
    manager.send({
      kind: "rule-changed",
      rule: {
        kind: "resource-affinity",
        name: "together",
        services: [serviceId(a), serviceId(b)],
        affinity: "positive",
        disabled: false,
      },
    });
    manager.command(b, "migrate", "node2");
    assert.equal(manager.where(b), "started node1");
  });

  test("holds for all that run together: they go where each of them is tolerated", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    taint(manager, "node1", "old");
    manager.send({
      kind: "rule-changed",
      rule: {
        kind: "resource-affinity",
        name: "together",
        services: [serviceId(a), serviceId(b)],
        affinity: "positive",
        disabled: false,
      },
    });
    manager.sendAll([
      { kind: "service-changed", service: service(a, { tolerations: ["old"] }) },
      { kind: "service-changed", service: service(b) },
    ]);
    assert.equal(manager.where(a), "started node2");
    assert.equal(manager.where(b), "started node2");
  });

  test("makes nobody wait for a service that tolerates it and stays", () => {
    const manager = new Manager()
      .online("node1", "node2")
      .add(a, { home: nodeId("node1"), tolerations: ["old"] })
      .add(b, { home: nodeId("node1"), requires: [serviceId(a)] });
    manager.report(a, "running");
    manager.report(b, "running");
    taint(manager, "node1", "old");
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.where(b), "relocate node1 -> node2");
  });

  test("is no load to be evened out: nothing is moved onto the node", () => {
    const manager = new Manager().online("node1", "node2");
    const { settings } = manager.state;
    taint(manager, "node2", "control-plane");
    manager.send({
      kind: "settings-changed",
      settings: {
        ...settings,
        scheduler: "static",
        autoRebalance: { method: "bruteforce", threshold: 0.1, holdRounds: 0, margin: 0.1 },
      },
    });
    const limits = { cpuCores: 1, memoryBytes: 1024 ** 3 };
    for (const id of ["process:a", "process:b", "process:c", "process:d"]) {
      manager.add(id, { limits, mayOvercommit: true });
      manager.report(id, "running");
    }
    for (let round = 0; round < 5; round += 1) {
      manager.nowMs += 10_000;
      manager.send({ kind: "tick" });
    }
    assert.equal(manager.where("process:a"), "started node1");
    taint(manager, "node2");
    manager.nowMs += 10_000;
    manager.send({ kind: "tick" });
    manager.nowMs += 10_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where("process:a"), "relocate node1 -> node2");
  });

  test("is named by why, with strict rules that name only closed nodes", () => {
    const manager = new Manager().online("node1", "node2");
    taint(manager, "node1", "control-plane");
    manager.send({
      kind: "rule-changed",
      rule: {
        kind: "node-affinity",
        name: "pinned",
        services: [serviceId(a)],
        nodes: [{ node: nodeId("node1"), priority: 0 }],
        strict: true,
        disabled: false,
      },
    });
    manager.add(a);
    assert.equal(manager.where(a), "queued");
    const { nodes, rules } = explainService(whyInputOf(manager.state, serviceId(a)));
    assert.match(nodes[0]?.sentence ?? "", /does not tolerate its taint "control-plane"/);
    assert.match(nodes[1]?.sentence ?? "", /rule "pinned" allows only "node1"/);
    assert.match(rules.join("\n"), /pinned: it may run only on node1/);
  });
});

describe("whyNotClose()", () => {
  const open = { isOnline: true, taints: [], mode: "enabled" } as const;
  for (const [name, others, isAllowed] of [
    ["no other node", [], false],
    ["another one that is open", [{ node: nodeId("node2"), ...open }], true],
    ["another one that is offline", [{ node: nodeId("node2"), ...open, isOnline: false }], false],
    ["another one that is tainted", [{ node: nodeId("node2"), ...open, taints: ["x"] }], false],
    ["one that is disabled", [{ node: nodeId("node2"), ...open, mode: "disabled" }], false],
    ["one that is flushed", [{ node: nodeId("node2"), ...open, mode: "flushed" }], false],
    [
      "one that is tainted and one that is open",
      [
        { node: nodeId("node2"), ...open, taints: ["x"] },
        { node: nodeId("node3"), ...open },
      ],
      true,
    ],
  ] as const) {
    test(`${isAllowed ? "lets a node be closed" : "refuses"} with ${name}`, () => {
      const because = whyNotClose(nodeId("node1"), [{ node: nodeId("node1"), ...open }, ...others]);
      assert.equal(because === undefined, isAllowed);
    });
  }
});

test("withTaint() adds a taint once, in order of name, and takes it away", () => {
  assert.deepEqual(withTaint(["b"], "a", "on"), ["a", "b"]);
  assert.deepEqual(withTaint(["a", "b"], "a", "on"), ["a", "b"]);
  assert.deepEqual(withTaint(["a", "b"], "a", "off"), ["b"]);
});
