/** Services with volumes on their node's own disks. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explainService } from "../../../src/core/explain/why.ts";
import { whyInputOf } from "../../../src/core/manager/why-input.ts";
import { isPlaced } from "../../../src/core/model/service.ts";
import { Manager, nodeId, registration, serviceId } from "../manager-harness.ts";

const a = "process:a";

function boundTo(manager: Manager): string | undefined {
  const status = manager.status(a);
  return isPlaced(status) ? status.boundTo : undefined;
}

/** `a` runs on node1 with a volume, node2 is free. */
function bound(): Manager {
  const manager = new Manager()
    .online("node1", "node2")
    .add(a, { home: nodeId("node1"), volumes: ["data"] });
  manager.report(a, "running");
  return manager;
}

function lose(manager: Manager): void {
  manager.lose("node1", 1);
  manager.fenced("node1", 2);
}

describe("volumes", () => {
  test("bind a service to the node once it has run there, under the same instruction", () => {
    const manager = new Manager().online("node1", "node2").add(a, { volumes: ["data"] });
    assert.equal(boundTo(manager), undefined);
    const { uid } = manager.status(a);
    manager.report(a, "running");
    assert.equal(boundTo(manager), "node1");
    assert.equal(manager.status(a).uid, uid);
  });

  test("do not bind a service that has only failed to start", () => {
    const manager = new Manager().online("node1", "node2").add(a, { volumes: ["data"] });
    manager.report(a, "failed");
    assert.equal(manager.where(a), "relocate node1 -> node2");
    assert.equal(boundTo(manager), undefined);
  });

  test("bind a service that may have run when its node was lost", () => {
    const manager = new Manager().online("node1", "node2").add(a, { volumes: ["data"] });
    lose(manager);
    assert.equal(manager.where(a), "recovery node1");
    assert.equal(boundTo(manager), "node1");
  });

  test("have it wait for its lost node, and why says for what and what to do", () => {
    const manager = bound();
    lose(manager);
    assert.equal(manager.where(a), "recovery node1");
    const { summary, next, nodes } = explainService(whyInputOf(manager.state, serviceId(a)));
    assert.match(summary, /waits for node "node1", where its volume data is/);
    assert.match(next[0] ?? "", /bring node "node1" back/);
    assert.match(next[1] ?? "", /holdfast node remove node1/);
    assert.match(next[2] ?? "", /lost for 1 h is given up by itself/);
    assert.match(nodes.find(({ node }) => node === "node2")?.sentence ?? "", /volume data is on/);
    manager.grant("node1", 3);
    assert.equal(manager.where(a), "started node1");
    assert.equal(boundTo(manager), "node1");
  });

  test("are free when the node is removed, also if it comes back under its name before all is placed", () => {
    const manager = bound();
    lose(manager);
    manager.send({ kind: "node-removed", node: nodeId("node1") });
    assert.equal(manager.where(a), "started node2");
    assert.equal(boundTo(manager), undefined);
    const alone = new Manager().online("node1").add(a, { volumes: ["data"] });
    alone.report(a, "running");
    lose(alone);
    alone.send({ kind: "node-removed", node: nodeId("node1") });
    assert.equal(boundTo(alone), undefined);
    alone.send({ kind: "node-changed", node: registration("node1") });
    alone.online("node2");
    assert.equal(alone.where(a), "started node2");
  });

  test("are bound still for the next manager", () => {
    const before = bound();
    lose(before);
    const manager = new Manager();
    manager.state.loaded = false;
    const status = before.status(a);
    assert.ok(isPlaced(status));
    manager.sendAll([
      { kind: "node-changed", node: registration("node1") },
      { kind: "node-changed", node: registration("node2") },
      {
        kind: "node-state-loaded",
        node: nodeId("node1"),
        state: "unknown",
        epoch: manager.epoch(2),
      },
      { kind: "lease-granted", node: nodeId("node2"), epoch: manager.epoch(1) },
      {
        kind: "service-changed",
        service: before.state.services.get(serviceId(a)) ?? assert.fail(),
      },
      { kind: "status-loaded", status },
      { kind: "loaded" },
    ]);
    assert.equal(manager.where(a), "recovery node1");
  });

  test("refuse a person's move with the reason, and keep it through maintenance and taints", () => {
    const manager = bound();
    manager.command(a, "migrate", "node2");
    assert.equal(manager.where(a), "started node1");
    assert.ok(
      manager.effects.some(
        (effect) =>
          effect.kind === "finish-command" &&
          effect.reason.code === "command-refused" &&
          /volume data is on node "node1"/.test(effect.reason.because),
      ),
    );
    manager.send({ kind: "node-changed", node: registration("node1", { maintenance: true }) });
    assert.equal(manager.where(a), "started node1");
    assert.match(manager.sentence(a), /in maintenance.*volume data is on node "node1"/);
    manager.send({ kind: "node-changed", node: registration("node1", { taints: ["old"] }) });
    assert.equal(manager.where(a), "started node1");
  });

  test("follow a person's word for where it is", () => {
    const manager = bound();
    manager.set(a, { requested: "ignored" });
    manager.command(a, "located", "node2");
    assert.equal(boundTo(manager), "node2");
  });

  test("bind nothing any more when the service names none", () => {
    const manager = bound();
    manager.set(a, { volumes: [] });
    assert.equal(boundTo(manager), undefined);
    lose(manager);
    assert.equal(manager.where(a), "started node2");
  });

  test("try a failed start again where they are, and nowhere else", () => {
    const manager = bound();
    manager.report(a, "failed");
    assert.equal(manager.where(a), "started node1");
    assert.match(manager.sentence(a), /tried there again/);
  });
});
