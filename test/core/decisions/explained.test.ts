/** What is said of services that cannot go on, and what a person is told to do. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explainService } from "../../../src/core/explain/why.ts";
import { whyInputOf } from "../../../src/core/manager/why-input.ts";
import { Manager, nodeId, registration, serviceId } from "../manager-harness.ts";

const web = "process:web";
const db = "process:db";

function why(manager: Manager, id: string) {
  return explainService(whyInputOf(manager.state, serviceId(id)));
}

describe("a service that was stopped because of what it requires", () => {
  function stopped(): Manager {
    const manager = new Manager()
      .online("node1")
      .add(db)
      .add(web, { requires: [serviceId(db)] });
    manager.report(db, "running");
    manager.report(web, "running");
    manager.set(db, { requested: "stopped" });
    manager.report(web, "stopped");
    return manager;
  }

  test("names the requirement, and the step that helps", () => {
    const manager = stopped();
    assert.equal(manager.where(web), "stopped node1");
    const { summary, next } = why(manager, web);
    assert.match(summary, /stopped .* because it cannot do without process:db/);
    assert.deepEqual(next, ["see why process:db does not run: holdfast why process:db"]);
  });

  test("starts when the requirement is to run again", () => {
    const manager = stopped();
    manager.report(db, "stopped");
    manager.set(db, { requested: "started" });
    manager.report(db, "running");
    assert.equal(manager.where(web), "started node1");
  });

  test("is told to be started by a person only if a person has stopped it", () => {
    const manager = stopped();
    manager.set(web, { requested: "stopped" });
    manager.set(db, { requested: "started" });
    manager.set(web, { requested: "stopped" });
    const other = new Manager().online("node1").add(web, { requested: "stopped" });
    other.report(web, "stopped");
    assert.deepEqual(why(other, web).next, ["start it: holdfast service start process:web"]);
  });

  test("names it too when it is only wanted once the requirement has been stopped", () => {
    const manager = new Manager()
      .online("node1")
      .add(db, { requested: "disabled" })
      .add(web, { requested: "stopped", requires: [serviceId(db)] });
    manager.report(web, "stopped");
    manager.set(web, { requested: "started" });
    assert.equal(manager.where(web), "stopped node1");
    assert.match(why(manager, web).summary, /cannot do without process:db/);
    manager.send({ kind: "tick" });
    assert.equal(manager.effects.length, 0, "it is said once");
  });
});

describe("a service that no node takes after the loss of its node", () => {
  test("says that no node is online", () => {
    const manager = new Manager().online("node1").add(web);
    manager.report(web, "running");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(web), "recovery node1");
    assert.equal(
      manager.sentence(web),
      'node "node1" was lost, and no other node takes it: no node is online',
    );
  });

  test("says what stands against each node, and is written again only when that changes", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    manager.send({
      kind: "rule-changed",
      rule: {
        kind: "node-affinity",
        name: "here",
        services: [serviceId(web)],
        nodes: [{ node: nodeId("node1"), priority: 0 }],
        strict: true,
        disabled: false,
      },
    });
    manager.add(web);
    manager.report(web, "running");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(
      manager.sentence(web),
      'node "node1" was lost, and no other node takes it: nodes "node2", "node3": rule "here" allows only "node1"',
    );
    manager.add(db);
    manager.send({ kind: "tick" });
    assert.deepEqual(manager.path(web), []);
    manager.lose("node3", 1);
    assert.match(manager.sentence(web), /takes it: node "node2": rule "here" allows only "node1"$/);
  });

  test("says that memory lacks, without figures that change all the time", () => {
    const limits = { cpuCores: 1, memoryBytes: 4 * 1024 ** 3 };
    const manager = new Manager().online("node1");
    const small = { cpuCores: 4, memoryBytes: 1024 ** 3 };
    manager.send({
      kind: "node-changed",
      node: {
        id: nodeId("node2"),
        confirmedOffEpoch: manager.epoch(0),
        maintenance: false,
        mode: "enabled",
        capacity: small,
        taints: [],
      },
    });
    manager.grant("node2", 1);
    manager.add(web, { limits });
    manager.report(web, "running");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.match(manager.sentence(web), /node "node2": it lacks free memory$/);
    manager.grant("node1", 3);
    assert.equal(manager.where(web), "started node1");
  });
});

describe("the verdicts on nodes", () => {
  function preferring(strict: boolean): Manager {
    const manager = new Manager().online("node1", "node2", "node3").add(web);
    const nodes = [{ node: nodeId("node1"), priority: 2 }];
    const services = [serviceId(web)];
    const rule = { kind: "node-affinity", name: "near", services, nodes, strict } as const;
    manager.send({ kind: "rule-changed", rule: { ...rule, disabled: false } });
    return manager;
  }
  const verdicts = (manager: Manager) =>
    why(manager, web).nodes.map(({ node, verdict }) => `${node} ${verdict}`);

  test("call a node that would do less preferred, and one that a rule forbids refused", () => {
    assert.deepEqual(verdicts(preferring(false)), [
      "node1 here",
      "node2 less-preferred",
      "node3 less-preferred",
    ]);
    assert.deepEqual(verdicts(preferring(true)), ["node1 here", "node2 refused", "node3 refused"]);
  });

  test("name the rule that prefers another node", () => {
    const [, second] = why(preferring(false), web).nodes;
    assert.equal(second?.sentence, 'rule "near" prefers "node1"');
  });

  test("refuse a less preferred node that could not take it either", () => {
    const manager = preferring(false);
    const gibibyte = 1024 ** 3;
    manager.set(web, { limits: { cpuCores: 1, memoryBytes: 2 * gibibyte } });
    const capacity = { cpuCores: 4, memoryBytes: gibibyte };
    manager.send({ kind: "node-changed", node: registration("node2", { capacity }) });
    const [, second, third] = why(manager, web).nodes;
    assert.equal(second?.verdict, "refused");
    assert.match(second?.sentence ?? "", /it needs 2048 MiB of memory/);
    assert.equal(third?.verdict, "less-preferred");
  });
});
