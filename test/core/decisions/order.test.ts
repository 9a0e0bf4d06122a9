/** Services that name others: what must run before them, what they cannot do without. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Manager, nodeId, registration, serviceId } from "../manager-harness.ts";

const db = "process:db";
const web = "process:web";

function pair(how: "after" | "requires"): Manager {
  return new Manager()
    .online("node1", "node2")
    .add(db, { home: nodeId("node1") })
    .add(web, { [how]: [serviceId(db)], home: nodeId("node1") });
}

for (const how of ["after", "requires"] as const) {
  describe(how, () => {
    test("starts a service only when the other one is reported running", () => {
      const manager = pair(how);
      assert.equal(manager.where(web), "request_start node1");
      assert.equal(manager.sentence(web), "it starts when process:db runs");
      manager.report(db, "running");
      assert.equal(manager.where(web), "started node1");
    });

    test("stops in the opposite order when both are stopped", () => {
      const manager = pair(how);
      manager.report(db, "running");
      manager.report(web, "running");
      manager.set(web, { requested: "stopped" });
      manager.set(db, { requested: "stopped" });
      assert.equal(manager.where(web), "request_stop node1");
      assert.equal(manager.where(db), "started node1");
      manager.report(web, "stopped");
      assert.equal(manager.where(db), "request_stop node1");
    });

    test("recovers in order", () => {
      const manager = pair(how);
      manager.report(db, "running");
      manager.report(web, "running");
      manager.lose("node1", 1);
      manager.fenced("node1", 2);
      assert.equal(manager.where(db), "started node2");
      assert.equal(manager.where(web), "request_start node2");
      manager.report(db, "running");
      assert.equal(manager.where(web), "started node2");
    });

    test("leaves a node in maintenance in order", () => {
      const manager = pair(how);
      manager.report(db, "running");
      manager.report(web, "running");
      const node = registration("node1", { maintenance: true });
      manager.send({ kind: "node-changed", node });
      assert.equal(manager.where(db), "relocate node1 -> node2");
      assert.equal(manager.where(web), "started node1");
      manager.report(db, "stopped");
      assert.equal(manager.where(web), "started node1");
      manager.report(db, "running");
      assert.equal(manager.where(web), "relocate node1 -> node2");
    });
  });
}

describe("after and requires differ", () => {
  test("after does not wait for what is not to run", () => {
    const manager = new Manager()
      .online("node1")
      .add(web, { after: [serviceId(db), serviceId("process:none")] })
      .add(db, { requested: "stopped" });
    assert.equal(manager.where(web), "started node1");
  });

  test("requires stops a service when the other one is stopped, and starts it with it again", () => {
    const manager = pair("requires");
    manager.report(db, "running");
    manager.report(web, "running");
    manager.set(db, { requested: "stopped" });
    assert.equal(manager.where(web), "request_stop node1");
    assert.equal(manager.where(db), "started node1", "it ends after those that need it");
    manager.report(web, "stopped");
    manager.report(db, "stopped");
    assert.equal(manager.where(web), "stopped node1");
    manager.set(db, { requested: "started" });
    manager.report(db, "running");
    assert.equal(manager.where(web), "started node1");
  });

  test("requires stops a service when the other one fails for good", () => {
    const manager = new Manager()
      .online("node1")
      .add(db, { maxRelocate: 0 })
      .add(web, { requires: [serviceId(db)] });
    manager.report(db, "running");
    manager.report(web, "running");
    manager.report(db, "failed");
    assert.equal(manager.where(db), "error node1");
    assert.equal(manager.where(web), "request_stop node1");
    assert.match(manager.sentence(web), /cannot do without process:db/);
  });

  test("a short absence of what it requires stops nothing", () => {
    const manager = pair("requires");
    manager.report(db, "running");
    manager.report(web, "running");
    manager.command(db, "relocate", "node2");
    assert.equal(manager.where(db), "relocate node1 -> node2");
    assert.equal(manager.where(web), "started node1");
  });
});

describe("a chain of services", () => {
  const top = "process:top";

  function chain(): Manager {
    const manager = new Manager()
      .online("node1")
      .add(db)
      .add(web, { requires: [serviceId(db)] })
      .add(top, { requires: [serviceId(web)] });
    for (const id of [db, web, top]) manager.report(id, "running");
    return manager;
  }

  test("is stopped from its end when what all rest on is not to run", () => {
    const manager = chain();
    manager.set(db, { requested: "stopped" });
    assert.equal(manager.where(top), "request_stop node1");
    assert.equal(manager.where(web), "started node1");
    manager.report(top, "stopped");
    assert.equal(manager.where(web), "request_stop node1");
    manager.report(web, "stopped");
    assert.equal(manager.where(db), "request_stop node1");
    manager.report(db, "stopped");
    manager.set(db, { requested: "started" });
    for (const id of [db, web, top]) manager.report(id, "running");
    assert.equal(manager.where(top), "started node1");
  });

  test("does not hold up a service that only comes after one that is not to run", () => {
    const manager = chain();
    manager.set(db, { requested: "stopped" });
    for (const id of [top, web, db]) manager.report(id, "stopped");
    manager.add("process:last", { after: [serviceId(web)] });
    assert.equal(manager.where("process:last"), "started node1");
  });
});
