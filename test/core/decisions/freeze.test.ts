/** A frozen cluster: nothing is begun that is not failover, and nothing at all where failover is held. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sentenceOf } from "../../../src/core/explain/sentence.ts";
import { explainService } from "../../../src/core/explain/why.ts";
import { whyInputOf } from "../../../src/core/manager/why-input.ts";
import type { Freeze } from "../../../src/core/model/freeze.ts";
import { durationMs, instantMs } from "../../../src/core/time.ts";
import { Manager, nodeId, registration, serviceId } from "../manager-harness.ts";

const a = "process:a";
const hourMs = 3_600_000;

function freeze(manager: Manager, patch: Partial<Freeze> = {}): void {
  const said = { by: "ada", because: "upgrade", untilMs: undefined, failover: "goes-on" } as const;
  manager.send({ kind: "freeze-changed", freeze: { ...said, ...patch } });
}

function unfreeze(manager: Manager): void {
  manager.send({ kind: "freeze-changed", freeze: undefined });
}

function later(manager: Manager, ms: number): void {
  manager.nowMs += ms;
  manager.send({ kind: "tick" });
}

/** A service that runs on node1, with another node beside. */
function running(): Manager {
  const manager = new Manager().online("node1", "node2");
  manager.add(a, { home: nodeId("node1") });
  manager.report(a, "running");
  assert.equal(manager.where(a), "started node1");
  return manager;
}

function announced(manager: Manager): readonly string[] {
  return manager.effects.flatMap((effect) =>
    effect.kind === "announce" || effect.kind === "end-freeze" ? [sentenceOf(effect.reason)] : [],
  );
}

describe("a frozen cluster", () => {
  test("recovers the services of a lost node all the same", () => {
    const manager = running();
    freeze(manager);
    manager.lose("node1", 1);
    assert.ok(manager.has("fence-node"));
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });

  test("relocates what fails to start where it is", () => {
    const manager = running();
    freeze(manager);
    manager.report(a, "failed");
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });

  test("does not move a service to a better node before it ends", () => {
    const manager = running();
    freeze(manager);
    const nodes = [{ node: nodeId("node2"), priority: 1 }];
    const rule = { name: "home", services: [serviceId(a)], nodes, strict: false, disabled: false };
    manager.send({ kind: "rule-changed", rule: { kind: "node-affinity", ...rule } });
    later(manager, hourMs);
    assert.equal(manager.where(a), "started node1");
    unfreeze(manager);
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });

  test("brings a move that was begun before to its end", () => {
    const manager = running();
    manager.command(a, "relocate", "node2");
    assert.equal(manager.where(a), "relocate node1 -> node2");
    freeze(manager, { failover: "held" });
    manager.report(a, "stopped");
    assert.equal(manager.where(a), "started node2");
  });

  test("lets services leave a node whose machine shuts down", () => {
    const manager = running();
    freeze(manager);
    manager.send({ kind: "agent-mode", node: nodeId("node1"), mode: "maintenance" });
    assert.equal(manager.where(a), "relocate node1 -> node2");
  });

  test("purges no lost node until it ends", () => {
    const manager = new Manager().online("node1", "node2", "node3");
    const { settings } = manager.state;
    const purgeAfterMs = durationMs(hourMs);
    manager.send({ kind: "settings-changed", settings: { ...settings, purgeAfterMs } });
    manager.lose("node1", 1);
    freeze(manager);
    later(manager, 2 * hourMs);
    assert.equal(manager.has("purge-node"), false);
    unfreeze(manager);
    assert.equal(manager.has("purge-node"), true);
  });

  test("says so, and when that ends", () => {
    const manager = running();
    freeze(manager, { untilMs: instantMs(manager.nowMs + hourMs) });
    assert.deepEqual(announced(manager), [
      "the cluster is frozen by ada: upgrade (for 1 h at most); nothing is changed, failover goes on",
    ]);
    unfreeze(manager);
    assert.deepEqual(announced(manager), [
      "the cluster is not frozen any more: people and rollouts go on",
    ]);
  });

  test("says of a service that it is frozen, by whom and why", () => {
    const manager = running();
    freeze(manager);
    const { rules } = explainService(whyInputOf(manager.state, serviceId(a)));
    assert.match(rules[0] ?? "", /^the cluster is frozen by ada: upgrade; it is recovered/);
    unfreeze(manager);
    assert.deepEqual(explainService(whyInputOf(manager.state, serviceId(a))).rules, []);
  });

  test("ends by itself at its time, and not before", () => {
    const manager = running();
    const untilMs = instantMs(manager.nowMs + hourMs);
    freeze(manager, { untilMs });
    assert.equal(manager.wakeAtMs, untilMs);
    later(manager, hourMs - 1);
    assert.equal(manager.has("end-freeze"), false);
    later(manager, 1);
    assert.equal(manager.has("end-freeze"), true);
    assert.equal(manager.state.freeze, undefined);
    assert.deepEqual(announced(manager), [
      "the time of the freeze by ada is over: people and rollouts go on",
    ]);
    unfreeze(manager); // the store's word that it is deleted
    assert.deepEqual(announced(manager), []);
  });
});

describe("a frozen cluster whose failover is held", () => {
  test("fences and recovers nothing until it ends", () => {
    const manager = running();
    freeze(manager, { failover: "held" });
    manager.lose("node1", 1);
    later(manager, hourMs);
    assert.equal(manager.has("fence-node"), false);
    assert.equal(manager.where(a), "started node1");
    unfreeze(manager);
    assert.equal(manager.has("fence-node"), true);
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "started node2");
  });

  test("does so when its time is over, too", () => {
    const manager = running();
    freeze(manager, { failover: "held", untilMs: instantMs(manager.nowMs + 10_000) });
    manager.lose("node1", 1);
    later(manager, 10_000);
    assert.equal(manager.has("fence-node"), true);
  });

  test("holds a recovery whose fencing was under way", () => {
    const manager = running();
    manager.lose("node1", 1);
    assert.equal(manager.has("fence-node"), true);
    freeze(manager, { failover: "held" });
    manager.fenced("node1", 2);
    assert.equal(manager.where(a), "fence node1");
    freeze(manager, { failover: "goes-on" });
    assert.equal(manager.where(a), "started node2");
  });

  test("starts a service again on its own node when that is back", () => {
    const manager = running();
    freeze(manager, { failover: "held" });
    manager.lose("node1", 1);
    manager.grant("node1", 2);
    assert.equal(manager.where(a), "started node1");
    const status = manager.status(a);
    assert.equal(status.state === "queued" ? undefined : status.nodeEpoch, 2);
  });

  test("moves nothing: neither what fails to start nor what is on a node that shuts down", () => {
    const manager = running();
    freeze(manager, { failover: "held" });
    manager.report(a, "failed");
    assert.equal(manager.where(a), "started node1");
    manager.send({ kind: "agent-mode", node: nodeId("node1"), mode: "maintenance" });
    assert.equal(manager.where(a), "started node1");
    const { next } = explainService(whyInputOf(manager.state, serviceId(a)));
    assert.deepEqual(next, ["end the freeze: holdfast cluster unfreeze"]);
  });

  test("gives a waiting service no first node until it ends", () => {
    const manager = new Manager();
    manager.send({ kind: "node-changed", node: registration("node1") });
    manager.add(a);
    assert.equal(manager.where(a), "queued");
    freeze(manager, { failover: "held" });
    manager.grant("node1", 1);
    assert.equal(manager.where(a), "queued");
    unfreeze(manager);
    assert.equal(manager.where(a), "started node1");
  });
});
