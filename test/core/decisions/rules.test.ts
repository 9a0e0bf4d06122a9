/** Rules, groups, capacity and balance as the manager acts on them; placement's own tests are beside them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sentenceOf } from "../../../src/core/explain/sentence.ts";
import type { ManagerEffect } from "../../../src/core/manager/effect.ts";
import type { Rule } from "../../../src/core/model/rule.ts";
import type { ClusterSettings } from "../../../src/core/model/settings.ts";
import { Manager, nodeId, registration, serviceId } from "../manager-harness.ts";

const a = "process:a";
const b = "process:b";
const gibibyte = 1024 ** 3;

function rule(manager: Manager, value: Rule): void {
  manager.send({ kind: "rule-changed", rule: value });
}

function prefer(services: readonly string[], nodes: Record<string, number>, strict = false): Rule {
  return {
    kind: "node-affinity",
    name: "prefer",
    services: services.map(serviceId),
    nodes: Object.entries(nodes).map(([node, priority]) => ({ node: nodeId(node), priority })),
    strict,
    disabled: false,
  };
}

function affinity(kind: "positive" | "negative", ...services: readonly string[]): Rule {
  return {
    kind: "resource-affinity",
    name: kind,
    services: services.map(serviceId),
    affinity: kind,
    disabled: false,
  };
}

function settings(manager: Manager, patch: Partial<ClusterSettings>): void {
  const next = { ...manager.state.settings, ...patch };
  manager.send({ kind: "settings-changed", settings: next });
}

function running(...homes: readonly string[]): Manager {
  const manager = new Manager().online("node1", "node2", "node3");
  for (const [index, home] of homes.entries()) {
    const id = `process:${"abcdef"[index] ?? ""}`;
    manager.add(id, { home: nodeId(home) });
    manager.report(id, "running");
  }
  return manager;
}

function told(effects: readonly ManagerEffect[]): string | undefined {
  for (const effect of effects) {
    if (effect.kind === "put-rejected-rules") return effect.rejections[0]?.because;
  }
  return undefined;
}

describe("rules", () => {
  test("a new rule moves a running service to the node that it prefers", () => {
    const manager = running("node1");
    rule(manager, prefer([a], { node2: 0 }));
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });

  test("a service goes back when its preferred node is back, and stays without failback", () => {
    const manager = running("node1", "node1");
    manager.set(b, { failback: false });
    rule(manager, prefer([a, b], { node1: 1 }));
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
    assert.equal(manager.where(b), "started node3");
    manager.report(a, "running");
    manager.report(b, "running");
    manager.grant("node1", 3);
    assert.equal(manager.where(a), "relocate node2 -> node1");
    assert.equal(manager.where(b), "started node3");
  });

  test("a strict rule lets a service wait rather than run elsewhere", () => {
    const manager = running("node1");
    rule(manager, prefer([a], { node1: 0 }, true));
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "recovery node1");
    manager.grant("node1", 3);
    assert.equal(manager.where(a), "started node1");
  });

  test("a person's order that breaks a strict rule is refused with the reason", () => {
    const manager = running("node1");
    rule(manager, prefer([a], { node1: 0 }, true));
    manager.command(a, "migrate", "node2");
    assert.equal(manager.where(a), "started node1");
    const effect = manager.effects.find((candidate) => candidate.kind === "finish-command");
    assert.ok(effect?.kind === "finish-command" && effect.reason.code === "command-refused");
    assert.match(effect.reason.because, /strict rule "prefer" does not allow node "node2"/);
  });

  test("an order moves a positive group as one", () => {
    const manager = running("node1", "node1");
    rule(manager, affinity("positive", a, b));
    manager.command(a, "migrate", "node3");
    assert.equal(manager.where(a), "migrate node1 -> node3");
    assert.equal(manager.where(b), "migrate node1 -> node3");
  });

  test("an order to a negative counterpart's node is refused", () => {
    const manager = running("node1", "node2");
    rule(manager, affinity("negative", a, b));
    manager.command(a, "migrate", "node2");
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.where(b), "started node2");
  });

  test("services that must be apart are taken apart", () => {
    const manager = running("node1", "node1");
    rule(manager, affinity("negative", a, b));
    // A node that the other one has not left yet is not taken either.
    assert.equal(manager.where(a), "relocate node1 -> node2");
    assert.equal(manager.where(b), "relocate node1 -> node3");
  });

  test("an impossible rule is told with its reason, and told again when it is possible", () => {
    const manager = running("node1", "node1", "node1", "node1");
    rule(manager, affinity("negative", a, b, "process:c", "process:d"));
    assert.match(
      told(manager.effects) ?? "",
      /4 services .* need a node each, and the cluster has 3/,
    );
    manager.online("node4");
    assert.equal(manager.state.rulebook.rejections.length, 0);
  });

  test("a rule that is in force again is announced once, and one that was removed or disabled is not", () => {
    const announced = (manager: Manager): readonly string[] =>
      manager.effects.flatMap((effect) =>
        effect.kind === "announce" && effect.reason.code === "rule-in-force"
          ? [`${effect.subject}: ${sentenceOf(effect.reason)}`]
          : [],
      );
    const impossible = affinity("negative", a, b, "process:c", "process:d");
    const rejected = (): Manager => {
      const manager = running("node1", "node1", "node1", "node1");
      rule(manager, impossible);
      assert.deepEqual(announced(manager), []);
      return manager;
    };
    const said = [
      'negative: rule "negative" is in force again: nothing stands against it any more',
    ];
    const manager = rejected();
    manager.send({ kind: "node-changed", node: registration("node4") });
    assert.deepEqual(announced(manager), said);
    manager.grant("node4", 1);
    assert.deepEqual(announced(manager), []);
    const changed = rejected();
    rule(changed, affinity("negative", a, b));
    assert.deepEqual(announced(changed), said);
    const disabled = rejected();
    rule(disabled, { ...impossible, disabled: true });
    assert.deepEqual(announced(disabled), []);
    const removed = rejected();
    removed.send({ kind: "rule-removed", name: "negative" });
    assert.deepEqual(announced(removed), []);
  });

  test("a group that is in force again is announced like a rule", () => {
    const manager = running("node1");
    manager.set(a, { group: "g" });
    const nodes = [{ node: nodeId("node1"), priority: 0 }];
    const group = { name: "g", nodes, restricted: true, nofailback: false };
    manager.send({ kind: "group-changed", group });
    rule(manager, prefer([a], { node2: 0 }));
    assert.deepEqual(
      manager.state.rulebook.rejections.map((one) => one.rule),
      ["group g", "prefer"],
    );
    manager.send({ kind: "rule-removed", name: "prefer" });
    const [effect, ...more] = manager.effects.filter(({ kind }) => kind === "announce");
    assert.ok(effect?.kind === "announce" && more.length === 0);
    assert.deepEqual(effect.reason, { code: "rule-in-force", rule: "group g" });
  });

  test("a service in recovery is placed when the rule that kept it is removed", () => {
    const manager = running("node1");
    rule(manager, prefer([a], { node1: 0 }, true));
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    manager.send({ kind: "rule-removed", name: "prefer" });
    assert.equal(manager.where(a), "started node2");
  });
});

describe("capacity", () => {
  const small = { cpuCores: 4, memoryBytes: 4 * gibibyte };
  const big = { cpuCores: 1, memoryBytes: 3 * gibibyte };

  function sized(): Manager {
    const manager = new Manager();
    for (const name of ["node1", "node2"]) {
      manager.send({ kind: "node-changed", node: registration(name, { capacity: small }) });
      manager.grant(name, 1);
    }
    for (const [index, id] of [a, b].entries()) {
      manager.add(id, { home: nodeId(`node${index + 1}`), limits: big });
      manager.report(id, "running");
    }
    return manager;
  }

  test("recovery never overcommits a node's memory", () => {
    const manager = sized();
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "recovery node1");
  });

  test("a service that may is placed where memory does not suffice", () => {
    const manager = sized();
    manager.set(a, { mayOvercommit: true });
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });

  test("a service that waits for room is placed when there is some", () => {
    const manager = sized();
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    manager.set(b, { requested: "stopped" });
    manager.report(b, "stopped");
    assert.equal(manager.where(a), "started node2");
  });
});

describe("balance", () => {
  const autoRebalance = {
    method: "bruteforce",
    threshold: 0.3,
    holdRounds: 2,
    margin: 0.1,
  } as const;

  test("an imbalance that lasts is evened out by one move a time", () => {
    const manager = running("node1", "node1", "node1", "node1");
    settings(manager, { scheduler: "static", autoRebalance });
    assert.equal(manager.wakeAtMs, manager.nowMs + 10_000);
    assert.equal(manager.where(a), "started node1");
    manager.nowMs += 10_000;
    manager.send({ kind: "tick" });
    const places = [a, b, "process:c", "process:d"].map((id) => manager.where(id));
    assert.equal(places.filter((place) => place.startsWith("relocate")).length, 1, places.join());
  });

  test("does nothing with the scheduler basic, or when it is off", () => {
    const manager = running("node1", "node1", "node1", "node1");
    settings(manager, { scheduler: "basic", autoRebalance });
    assert.equal(manager.wakeAtMs, undefined);
  });

  test("rebalanceOnStart chooses the best node before the start", () => {
    const manager = running("node1", "node1");
    settings(manager, { rebalanceOnStart: true });
    manager.add("process:c", { home: nodeId("node1") });
    assert.equal(manager.where("process:c"), "request_start_balance node1 -> node2");
    manager.report("process:c", "stopped");
    assert.equal(manager.where("process:c"), "started node2");
  });

  test("a service that runs already is not moved before its start", () => {
    const manager = running("node1", "node1");
    settings(manager, { rebalanceOnStart: true });
    manager.add("process:c", { home: nodeId("node1") });
    manager.report("process:c", "running");
    assert.equal(manager.where("process:c"), "started node1");
  });
});

describe("a strict rule against a new service's configured node", () => {
  test("has the service wait while no other node will do", () => {
    const manager = new Manager().online("node1", "node2");
    manager.lose("node2", 1);
    rule(manager, prefer([a], { node2: 0 }, true));
    manager.add(a, { home: nodeId("node1") });
    assert.equal(manager.where(a), "queued");
    manager.grant("node2", 2);
    assert.notEqual(manager.where(a), "started node1");
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });
});
