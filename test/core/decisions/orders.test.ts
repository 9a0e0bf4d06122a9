/** People's orders in the states where they count, and what a stop, a restart or a disarmed cluster makes of them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RequestedState } from "../../../src/core/model/service.ts";
import { Manager, nodeId, registration, serviceId } from "../manager-harness.ts";

const a = "process:a";
const b = "process:b";

/** `a` on node1, reported as it is requested. */
function one(requested: RequestedState): Manager {
  const manager = new Manager().online("node1", "node2", "node3");
  manager.add(a, { home: nodeId("node1"), requested });
  manager.report(a, requested === "started" ? "running" : "stopped");
  return manager;
}

describe("orders about a stopped service", () => {
  for (const requested of ["stopped", "disabled"] as const) {
    test(`moves one that is requested ${requested}`, () => {
      const manager = one(requested);
      manager.command(a, "migrate", "node2");
      assert.equal(manager.where(a), "migrate node1 -> node2");
      manager.report(a, "stopped");
      assert.equal(manager.where(a), "request_stop node2");
    });

    test(`stop leaves one as it is that is requested ${requested}`, () => {
      const manager = one(requested);
      manager.command(a, "stop");
      assert.equal(manager.where(a), "stopped node1");
      assert.equal(manager.has("set-requested"), false);
    });
  }

  test("fences the lost node that a disabled one is ordered away from", () => {
    const manager = one("disabled");
    manager.lose("node1", 1);
    assert.equal(manager.where(a), "stopped node1");
    manager.command(a, "relocate", "node2");
    assert.equal(manager.where(a), "fence node1");
    manager.fenced("node1", 2);
    assert.match(manager.where(a), /^request_stop node[23]$/);
  });

  test("moves its stopped company along", () => {
    const manager = one("stopped").add(b, { home: nodeId("node3"), requested: "disabled" });
    manager.report(b, "stopped");
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
    manager.command(a, "migrate", "node2");
    assert.equal(manager.where(a), "migrate node1 -> node2");
    assert.equal(manager.where(b), "migrate node3 -> node2");
  });
});

describe("orders that a stop overtakes", () => {
  test("a move is refused in the step in which the stop is requested, and not kept for later", () => {
    const manager = one("started");
    const known = manager.state.services.get(serviceId(a));
    assert.ok(known);
    const target = nodeId("node2");
    manager.sendAll([
      {
        kind: "command",
        service: serviceId(a),
        command: { id: "c1", kind: "migrate", target, timeoutMs: undefined },
      },
      { kind: "service-changed", service: { ...known, requested: "stopped" } },
    ]);
    assert.equal(manager.where(a), "request_stop node1");
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "stopped node1");
  });
});

describe("freeze", () => {
  for (const requested of ["stopped", "disabled"] as const) {
    test(`while its agent restarts covers one that is requested ${requested}`, () => {
      const manager = one(requested);
      manager.send({ kind: "agent-mode", node: nodeId("node1"), mode: "restart" });
      assert.equal(manager.where(a), "freeze node1");
      manager.send({ kind: "agent-mode", node: nodeId("node1"), mode: "active" });
      assert.equal(manager.where(a), "request_stop node1");
    });
  }

  test("of a disarmed cluster ends for lost nodes too when it is armed: their services are fenced", () => {
    const manager = one("started");
    manager.send({ kind: "arming-changed", mode: "freeze" });
    manager.lose("node1", 1);
    assert.equal(manager.where(a), "freeze node1");
    manager.send({ kind: "arming-changed", mode: "armed" });
    assert.equal(manager.where(a), "fence node1");
  });

  test("of a disarmed cluster ends where it was if the node was off and is back", () => {
    const manager = one("started");
    manager.send({ kind: "arming-changed", mode: "freeze" });
    manager.lose("node1", 1);
    manager.confirmOff("node1", 1);
    manager.grant("node1", 2);
    manager.send({ kind: "arming-changed", mode: "armed" });
    assert.equal(manager.where(a), "started node1");
  });
});

test("an order is refused where there is room for the service, but not for those that come along", () => {
  const limits = { cpuCores: 1, memoryBytes: 3 * 1024 ** 3 };
  const manager = new Manager().online("node1");
  const capacity = { cpuCores: 4, memoryBytes: 4 * 1024 ** 3 };
  manager.send({ kind: "node-changed", node: registration("node2", { capacity }) });
  manager.grant("node2", 1);
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
  for (const id of [a, b]) {
    manager.add(id, { limits, home: nodeId("node1") });
    manager.report(id, "running");
  }
  manager.command(a, "relocate", "node2");
  assert.equal(manager.where(a), "started node1");
  const refused = manager.effects.flatMap((effect) =>
    effect.kind === "finish-command" && effect.reason.code === "command-refused"
      ? [effect.reason.because]
      : [],
  );
  assert.match(refused.join(), /no room for process:b: it needs 3072 MiB of memory and 1024 MiB/);
});
