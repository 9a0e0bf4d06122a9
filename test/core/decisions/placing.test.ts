/** Where services are placed that come at once, or while a node is about to leave. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AgentMode } from "../../../src/core/model/node.ts";
import { Manager, nodeId, registration, service, serviceId } from "../manager-harness.ts";

const names = ["process:a", "process:b", "process:c", "process:d", "process:e", "process:f"];

function mode(manager: Manager, node: string, to: AgentMode): void {
  manager.send({ kind: "agent-mode", node: nodeId(node), mode: to });
}

function placedOn(manager: Manager): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) {
    const node = manager.where(name).split(" ")[1] ?? "nowhere";
    counts[node] = (counts[node] ?? 0) + 1;
  }
  return counts;
}

describe("services that are placed in one step", () => {
  for (const rebalanceOnStart of [false, true]) {
    test(`are spread over the nodes, rebalanceOnStart ${rebalanceOnStart}`, () => {
      const manager = new Manager().online("node1", "node2", "node3");
      const settings = { ...manager.state.settings, rebalanceOnStart };
      manager.send({ kind: "settings-changed", settings });
      manager.sendAll(
        names.map((name) => ({ kind: "service-changed", service: service(name) }) as const),
      );
      assert.deepEqual(placedOn(manager), { node1: 2, node2: 2, node3: 2 });
    });
  }

  test("are spread while all of them wait for another one to run", () => {
    const manager = new Manager().online("node1", "node2", "node3").add("process:base");
    const after = [serviceId("process:base")];
    manager.sendAll(
      names.map(
        (name) => ({ kind: "service-changed", service: service(name, { after }) }) as const,
      ),
    );
    assert.equal(manager.where("process:a"), "request_start node2", "node1 has process:base");
    assert.deepEqual(placedOn(manager), { node1: 2, node2: 2, node3: 2 });
    assert.match(manager.sentence("process:a"), /starts when process:base runs/);
  });

  test("are spread by what they may use, with scheduler static", () => {
    const manager = new Manager().online("node1", "node2");
    const settings = { ...manager.state.settings, scheduler: "static" } as const;
    manager.send({ kind: "settings-changed", settings });
    const limits = (gibibytes: number) => ({ cpuCores: 1, memoryBytes: gibibytes * 1024 ** 3 });
    manager.sendAll([
      { kind: "service-changed", service: service("process:a", { limits: limits(6) }) },
      { kind: "service-changed", service: service("process:b", { limits: limits(1) }) },
      { kind: "service-changed", service: service("process:c", { limits: limits(1) }) },
    ]);
    assert.equal(manager.where("process:a"), "started node1");
    assert.equal(manager.where("process:b"), "started node2");
    assert.equal(manager.where("process:c"), "started node2");
  });
});

describe("services that a rule relates and that are placed in one step", () => {
  for (const affinity of ["positive", "negative"] as const) {
    test(`follow the ${affinity} rule at once, without a move`, () => {
      const manager = new Manager().online("node1", "node2");
      const services = [serviceId("process:a"), serviceId("process:b")];
      manager.send({
        kind: "rule-changed",
        rule: { kind: "resource-affinity", name: "r", services, affinity, disabled: false },
      });
      manager.sendAll(
        ["process:a", "process:b"].map(
          (name) => ({ kind: "service-changed", service: service(name) }) as const,
        ),
      );
      assert.equal(manager.where("process:a"), "started node1");
      const other = affinity === "positive" ? "node1" : "node2";
      assert.equal(manager.where("process:b"), `started ${other}`);
    });
  }
});

test("a service is placed where one waits that it is to be apart from, if that one waits for it", () => {
  const manager = new Manager().online("node1");
  const [first, second] = [serviceId("process:a"), serviceId("process:b")];
  manager.send({
    kind: "rule-changed",
    rule: {
      kind: "resource-affinity",
      name: "apart",
      services: [first, second],
      affinity: "negative",
      disabled: false,
    },
  });
  manager.online("node2");
  manager.send({ kind: "node-changed", node: registration("node2", { taints: ["old"] }) });
  manager.sendAll([
    { kind: "service-changed", service: service("process:a", { after: [second] }) },
    { kind: "service-changed", service: service("process:b") },
  ]);
  assert.equal(manager.where("process:a"), "request_start node1");
  assert.equal(manager.where("process:b"), "started node1");
});

describe("a node that is about to leave", () => {
  for (const to of ["shutdown", "restart"] as const) {
    test(`takes no new service in mode ${to}, and takes them again when it is active`, () => {
      const manager = new Manager().online("node1", "node2");
      mode(manager, "node1", to);
      manager.add("process:a").add("process:b", { home: nodeId("node1") });
      assert.equal(manager.where("process:a"), "started node2");
      assert.equal(manager.where("process:b"), "started node2");
      mode(manager, "node2", to);
      manager.add("process:c");
      assert.equal(manager.where("process:c"), "queued");
      mode(manager, "node1", "active");
      assert.equal(manager.where("process:c"), "started node1");
    });

    test(`recovers nothing in mode ${to}`, () => {
      const manager = new Manager().online("node1", "node2").add("process:a");
      manager.report("process:a", "running");
      mode(manager, "node2", to);
      manager.lose("node1", 1);
      manager.fenced("node1", 2);
      assert.equal(manager.where("process:a"), "recovery node1");
      assert.match(manager.sentence("process:a"), /about to/);
      mode(manager, "node2", "active");
      assert.equal(manager.where("process:a"), "started node2");
    });

    test(`refuses a person's order in mode ${to}`, () => {
      const manager = new Manager().online("node1", "node2").add("process:a");
      manager.report("process:a", "running");
      mode(manager, "node2", to);
      manager.command("process:a", "migrate", "node2");
      assert.equal(manager.where("process:a"), "started node1");
      assert.ok(manager.has("finish-command"));
    });
  }

  test("gets a service back that prefers it as soon as it is active", () => {
    const manager = new Manager().online("node1", "node2");
    manager.send({
      kind: "rule-changed",
      rule: {
        kind: "node-affinity",
        name: "best",
        services: [serviceId("process:a")],
        nodes: [{ node: nodeId("node1"), priority: 1 }],
        strict: false,
        disabled: false,
      },
    });
    mode(manager, "node1", "restart");
    manager.add("process:a");
    manager.report("process:a", "running");
    assert.equal(manager.where("process:a"), "started node2");
    manager.nowMs += 10_000;
    mode(manager, "node1", "active");
    assert.equal(manager.where("process:a"), "relocate node2 -> node1");
  });
});
