/** Instances of deployments: services that belong to one node by their id. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Service } from "../../../src/core/model/service.ts";
import { Manager, registration, serviceId } from "../manager-harness.ts";

const id = "process:api@node2";
const instance: Partial<Service> = { onIsolation: "keep", maxRelocate: 1 };

function started(): Manager {
  const manager = new Manager().online("node1", "node2").add(id, instance);
  assert.equal(manager.where(id), "started node2");
  manager.report(id, "running", { stable: true });
  return manager;
}

describe("a service that is pinned by its id", () => {
  it("waits for its own node, and goes to no other", () => {
    const manager = new Manager().online("node1").add(id, instance);
    assert.equal(manager.where(id), "queued");
    manager.online("node2");
    assert.equal(manager.where(id), "started node2");
  });

  it("is placed on its node whatever that is tainted with, also in maintenance", () => {
    const manager = new Manager();
    const node = registration("node2", { taints: ["special"], maintenance: true });
    manager.send({ kind: "node-changed", node });
    manager.add(id, instance);
    manager.grant("node2", 1);
    assert.equal(manager.where(id), "started node2");
  });

  it("stays and runs on during maintenance", () => {
    const manager = started();
    manager.send({ kind: "node-changed", node: registration("node2", { maintenance: true }) });
    assert.equal(manager.where(id), "started node2");
    manager.send({ kind: "node-changed", node: registration("node2") });
    assert.equal(manager.where(id), "started node2");
  });

  it("goes to error when it fails, and is left there", () => {
    const manager = started();
    manager.report(id, "failed");
    assert.equal(manager.where(id), "error node2");
    manager.set(id, { requested: "disabled" });
    assert.equal(manager.where(id), "stopped node2");
    manager.set(id, { requested: "started" });
    assert.equal(manager.where(id), "started node2");
  });

  it("waits for a node that was lost, says so, and starts there when it is back", () => {
    const manager = started();
    manager.lose("node2", 1);
    manager.fenced("node2", 2);
    manager.confirmOff("node2", 2);
    assert.equal(manager.where(id), "recovery node2");
    assert.match(manager.sentence(id), /it is the instance of that node/);
    manager.grant("node2", 3);
    assert.equal(manager.where(id), "started node2");
  });

  it("is not moved by a person's order", () => {
    const manager = started();
    manager.command(id, "relocate", "node1");
    assert.equal(manager.where(id), "started node2");
    assert.ok(manager.has("finish-command"));
  });

  it("holds up neither balance nor the end of disarming while its node is away", () => {
    const manager = started();
    manager.lose("node2", 1);
    assert.equal(manager.state.unsettled.has(serviceId(id)), false);
    manager.send({ kind: "arming-changed", mode: "freeze" });
    assert.equal(manager.state.armingState, "disarmed");
  });
});
