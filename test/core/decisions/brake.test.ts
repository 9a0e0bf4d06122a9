/** Losing most of the cluster at once: the most important first, a few at a time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sentenceOf } from "../../../src/core/explain/sentence.ts";
import { explainService } from "../../../src/core/explain/why.ts";
import { createManagerState, type ManagerEvent, stepAll } from "../../../src/core/manager/step.ts";
import { whyInputOf } from "../../../src/core/manager/why-input.ts";
import { instantMs } from "../../../src/core/time.ts";
import { Manager, nodeId, registration, serviceId } from "../manager-harness.ts";

const nodes = ["node1", "node2", "node3", "node4", "node5"];

function lost(options: { readonly atOnce: number; readonly services: number }): Manager {
  const manager = new Manager().online(...nodes);
  const { settings } = manager.state;
  const brake = { lostShare: 0.5, recoveriesAtOnce: options.atOnce };
  manager.send({ kind: "settings-changed", settings: { ...settings, brake } });
  for (let index = 0; index < options.services; index += 1) {
    const id = `process:s${index}`;
    manager.add(id, { home: nodeId(nodes[index % 3] ?? ""), priority: index });
    manager.report(id, "running");
  }
  for (const node of nodes.slice(0, 3)) manager.lose(node, 1);
  for (const node of nodes.slice(0, 3)) manager.fenced(node, 2);
  return manager;
}

function started(manager: Manager, count: number): string[] {
  const ids = Array.from({ length: count }, (_, index) => `process:s${index}`);
  return ids.filter((id) => manager.status(id).state === "started");
}

describe("the mass-failure brake", () => {
  test("lets only some be recovered at a time, by priority", () => {
    const manager = lost({ atOnce: 2, services: 6 });
    assert.equal(manager.state.brake.active, true);
    const first = started(manager, 6);
    assert.equal(first.length, 2);
    manager.report(first[0] ?? "", "running");
    manager.report(first[1] ?? "", "running");
    assert.equal(started(manager, 6).length, 4);
  });

  test("recovers all in order of priority when each starts", () => {
    const manager = lost({ atOnce: 1, services: 6 });
    const order: string[] = [];
    for (let count = 1; count <= 6; count += 1) {
      const next = started(manager, 6).find((id) => !order.includes(id));
      assert.ok(next !== undefined, `recovery ${count} has begun`);
      order.push(next);
      manager.report(next, "running");
    }
    // The node that was fenced first had services of priority 0 and 3: one of them began before the others were known.
    assert.deepEqual(order.slice(1), [...order.slice(1)].sort().reverse());
  });

  test("a start that hangs does not hold up the others for ever", () => {
    const manager = lost({ atOnce: 1, services: 3 });
    assert.equal(started(manager, 3).length, 1);
    assert.equal(manager.wakeAtMs, manager.nowMs + 30_000);
    manager.nowMs += 30_000;
    manager.send({ kind: "tick" });
    assert.equal(started(manager, 3).length, 2);
  });

  test("one that has no node to go to does not hold up the others", () => {
    const manager = new Manager().online(...nodes);
    const { settings } = manager.state;
    const brake = { lostShare: 0.5, recoveriesAtOnce: 1 };
    manager.send({ kind: "settings-changed", settings: { ...settings, brake } });
    const only = [{ node: nodeId("node1"), priority: 0 }];
    const group = { name: "here", nodes: only, restricted: true, nofailback: false };
    manager.send({ kind: "group-changed", group });
    manager.add("process:s0", { home: nodeId("node1"), priority: 9, group: "here" });
    manager.add("process:s1", { home: nodeId("node1"), priority: 1 });
    for (const node of nodes.slice(0, 3)) manager.lose(node, 1);
    for (const node of nodes.slice(0, 3)) manager.fenced(node, 2);
    assert.equal(manager.where("process:s0"), "recovery node1");
    assert.match(manager.where("process:s1"), /^started node[45]$/);
  });

  test("is taken off, and said so, when nodes are back", () => {
    const manager = lost({ atOnce: 1, services: 6 });
    manager.grant("node1", 3);
    manager.grant("node2", 3);
    assert.equal(manager.state.brake.active, false);
    assert.equal(manager.has("announce") || started(manager, 6).length === 6, true);
    assert.equal(started(manager, 6).length, 6);
  });

  test("tells its figures when it is put on, again whenever they change, and when it is taken off", () => {
    const manager = lost({ atOnce: 1, services: 6 });
    const told: string[] = [];
    const hear = (): void => {
      for (const effect of manager.effects) {
        if (effect.kind === "announce") told.push(sentenceOf(effect.reason));
      }
    };
    manager.lose("node4", 1);
    hear();
    manager.report(started(manager, 6)[0] ?? "", "running"); // nothing new to say
    hear();
    const { settings } = manager.state;
    const brake = { lostShare: 0.5, recoveriesAtOnce: 3 };
    manager.send({ kind: "settings-changed", settings: { ...settings, brake } });
    hear();
    manager.grant("node1", 3);
    hear();
    manager.grant("node2", 3);
    hear();
    const pace = "nodes are lost: services are recovered most important first";
    assert.deepEqual(told, [
      `4 of 5 ${pace}, 1 at a time`,
      `4 of 5 ${pace}, 3 at a time`,
      `3 of 5 ${pace}, 3 at a time`,
      "2 of 5 nodes are lost: recovery goes on at full pace",
    ]);
  });

  test("is why a service in recovery waits for its turn, with the present figures", () => {
    const manager = lost({ atOnce: 1, services: 6 });
    const begun = started(manager, 6);
    const waiting = Array.from({ length: 6 }, (_, index) => `process:s${index}`).find(
      (id) => !begun.includes(id),
    );
    const why = (): { readonly summary: string; readonly next: readonly string[] } =>
      explainService(whyInputOf(manager.state, serviceId(waiting ?? "")));
    assert.match(why().summary, /is recovery .* because 3 of 5 nodes are lost: .* 1 at a time$/);
    assert.deepEqual(why().next, [], "there is nothing to do but to wait");
    manager.lose("node4", 1);
    assert.match(why().summary, /4 of 5 nodes are lost/);
  });

  test("is explained by stored records alone, as a server that is not the manager does it", () => {
    const { state } = lost({ atOnce: 1, services: 6 });
    const events: ManagerEvent[] = [{ kind: "settings-changed", settings: state.settings }];
    for (const { id, state: nodeState, epoch, leaseEpoch } of state.nodes.values()) {
      events.push({ kind: "node-changed", node: registration(id) });
      events.push({ kind: "node-state-loaded", node: id, state: nodeState, epoch });
      if (leaseEpoch === undefined) continue;
      events.push({ kind: "lease-granted", node: id, epoch: leaseEpoch });
    }
    for (const known of state.services.values()) {
      events.push({ kind: "service-changed", service: known });
    }
    for (const status of state.statuses.values()) events.push({ kind: "status-loaded", status });
    const view = createManagerState({ uidPrefix: "view" });
    stepAll(view, events, instantMs(1_000_000));
    const waiting = [...view.statuses.values()].filter((status) => status.state === "recovery");
    assert.ok(waiting.length > 0);
    for (const { service } of waiting) {
      const { summary } = explainService(whyInputOf(view, service));
      assert.match(summary, /because 3 of 5 nodes are lost/);
    }
  });

  test("does not act when half of the nodes are lost", () => {
    const manager = new Manager().online("node1", "node2");
    for (const id of ["process:s0", "process:s1", "process:s2"]) {
      manager.add(id, { home: nodeId("node1") });
    }
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(started(manager, 3).length, 3);
  });

  test("waits one renewal when a second node is lost at once, and then recovers by priority", () => {
    const manager = new Manager().online(...nodes);
    const { settings } = manager.state;
    const brake = { lostShare: 0.5, recoveriesAtOnce: 1 };
    manager.send({ kind: "settings-changed", settings: { ...settings, brake } });
    for (const [index, node] of nodes.slice(0, 3).entries()) {
      manager.add(`process:s${index}`, { home: nodeId(node), priority: index });
    }
    for (const node of nodes.slice(0, 2)) {
      manager.lose(node, 1);
      manager.fenced(node, 2);
      manager.nowMs += 20;
    }
    assert.match(
      manager.where("process:s0"),
      /^started node[345]$/,
      "the first one is not waited for",
    );
    assert.equal(manager.where("process:s1"), "recovery node2");
    manager.lose("node3", 1);
    manager.fenced("node3", 2);
    assert.equal(manager.state.brake.active, true);
    const begun = [manager.where("process:s1"), manager.where("process:s2")];
    assert.equal(begun.filter((place) => place.startsWith("started")).length, 1, begun.join());
  });

  test("goes on after that wait when no more nodes are lost", () => {
    const manager = new Manager().online(...nodes);
    for (const [index, node] of nodes.slice(0, 2).entries()) {
      manager.add(`process:s${index}`, { home: nodeId(node) });
    }
    for (const node of nodes.slice(0, 2)) {
      manager.lose(node, 1);
      manager.fenced(node, 2);
    }
    assert.equal(manager.where("process:s1"), "recovery node2");
    assert.equal(manager.wakeAtMs, manager.nowMs + 1_000);
    manager.nowMs += 1_000;
    manager.send({ kind: "tick" });
    assert.match(manager.where("process:s1"), /^started/);
  });

  test("does not count to the bound of a step when no node has room for anybody", () => {
    const manager = new Manager().online(...nodes);
    const { settings } = manager.state;
    const brake = { lostShare: 0.5, recoveriesAtOnce: 1 };
    manager.send({ kind: "settings-changed", settings: { ...settings, brake } });
    const limits = { cpuCores: 1, memoryBytes: 2 };
    for (let index = 0; index < 300; index += 1) {
      const id = `process:s${String(index).padStart(3, "0")}`;
      manager.add(id, { home: nodeId(nodes[index % 3] ?? ""), priority: index, limits });
      manager.report(id, "running");
    }
    const capacity = { cpuCores: 1, memoryBytes: 1 };
    for (const node of nodes.slice(3)) {
      manager.send({ kind: "node-changed", node: registration(node, { capacity }) });
    }
    for (const node of nodes.slice(0, 3)) manager.lose(node, 1);
    for (const node of nodes.slice(0, 3)) manager.fenced(node, 2);
    assert.equal(manager.state.brake.active, true);
    assert.equal(manager.status("process:s299").state, "recovery");
  });

  test("an ignored service, or one that waits for another, holds up nobody", () => {
    const manager = new Manager().online(...nodes);
    const { settings } = manager.state;
    const brake = { lostShare: 0.5, recoveriesAtOnce: 1 };
    manager.send({ kind: "settings-changed", settings: { ...settings, brake } });
    const home = nodeId("node1");
    manager.add("process:low", { home }).add("process:ignored", { home, priority: 3 });
    manager.add("process:high", { home, priority: 2, requires: [serviceId("process:low")] });
    for (const id of ["process:low", "process:ignored", "process:high"])
      manager.report(id, "running");
    for (const node of nodes.slice(0, 3)) manager.lose(node, 1);
    manager.set("process:ignored", { requested: "ignored" });
    for (const node of nodes.slice(0, 3)) manager.fenced(node, 2);
    assert.equal(manager.state.brake.active, true);
    assert.equal(manager.status("process:high").state, "request_start");
    assert.equal(manager.status("process:low").state, "started");
  });

  test("who found no node has its turn again when room is made and a place among those in flight is free", () => {
    const manager = new Manager().online(...nodes);
    const { settings } = manager.state;
    const brake = { lostShare: 0.5, recoveriesAtOnce: 1 };
    manager.send({ kind: "settings-changed", settings: { ...settings, brake } });
    const home = nodeId("node1");
    const limits = { cpuCores: 1, memoryBytes: 2 };
    for (const id of ["process:a", "process:b"]) {
      manager.add(id, { home, limits });
      manager.report(id, "running");
    }
    const small = { cpuCores: 1, memoryBytes: 1 };
    const large = { cpuCores: 1, memoryBytes: 9 };
    for (const node of nodes.slice(3)) {
      manager.send({ kind: "node-changed", node: registration(node, { capacity: small }) });
    }
    for (const node of nodes.slice(0, 3)) manager.lose(node, 1);
    for (const node of nodes.slice(0, 3)) manager.fenced(node, 2);
    assert.equal(manager.status("process:b").state, "recovery");
    manager.send({ kind: "node-changed", node: registration("node4", { capacity: large }) });
    assert.equal(manager.status("process:a").state, "started");
    assert.equal(manager.status("process:b").state, "recovery");
    manager.report("process:a", "running");
    assert.equal(manager.status("process:b").state, "started");
  });

  test("who found no node has its turn again when the one that it is kept apart from stops", () => {
    const names = ["node1", "node2"];
    const manager = new Manager().online(...names);
    const { settings } = manager.state;
    const brake = { lostShare: 0, recoveriesAtOnce: 1 };
    manager.send({ kind: "settings-changed", settings: { ...settings, brake } });
    const [here, there] = ["process:a", "process:b"];
    manager.add(here, { home: nodeId("node1") }).add(there, { home: nodeId("node2") });
    const services = [serviceId(here), serviceId(there)];
    const rule = { kind: "resource-affinity", affinity: "negative", name: "r", services } as const;
    manager.send({ kind: "rule-changed", rule: { ...rule, disabled: false } });
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(here), "recovery node1");
    manager.set(there, { requested: "stopped" });
    manager.report(there, "stopped");
    assert.equal(manager.where(here), "started node2");
  });
});
