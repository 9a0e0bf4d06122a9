/** A cluster that starts: services without a node wait a short time for the nodes that are known. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explainService } from "../../../src/core/explain/why.ts";
import { epochOf } from "../../../src/core/ids.ts";
import { createManagerState, type ManagerEvent, stepAll } from "../../../src/core/manager/step.ts";
import { whyInputOf } from "../../../src/core/manager/why-input.ts";
import type { ClusterSettings } from "../../../src/core/model/settings.ts";
import { type DurationMs, durationMs, instantMs } from "../../../src/core/time.ts";
import { Manager, nodeId, registration, service, serviceId } from "../manager-harness.ts";

const nodes = ["node1", "node2", "node3"];
const ids = ["process:a", "process:b", "process:c"];
const [a = "", b = "", c = ""] = ids;
/** Of profile balanced: the time to live of a lease. */
const waitMs = 6_000;

/** Known nodes, none of them online, and services that nobody has a node for. */
function starting(names: readonly string[] = nodes): Manager {
  const manager = new Manager();
  for (const name of names) manager.send({ kind: "node-changed", node: registration(name) });
  for (const id of ids) manager.add(id);
  return manager;
}

function set(manager: Manager, patch: Partial<ClusterSettings>): void {
  const settings = { ...manager.state.settings, ...patch };
  manager.send({ kind: "settings-changed", settings });
}

function pass(manager: Manager, ms: number): void {
  manager.nowMs += ms;
  manager.send({ kind: "tick" });
}

const placesOf = (manager: Manager): readonly string[] => ids.map((id) => manager.where(id));
const allQueued = ["queued", "queued", "queued"];
const spread = ["started node1", "started node2", "started node3"];

describe("a cold start", () => {
  test("spreads waiting services over all known nodes, and no longer waits when those are in", () => {
    const manager = starting();
    manager.grant("node1", 1);
    assert.deepEqual(placesOf(manager), allQueued);
    assert.equal(manager.wakeAtMs, manager.nowMs + waitMs);
    pass(manager, 1_000);
    manager.grant("node3", 1);
    assert.deepEqual(placesOf(manager), allQueued);
    manager.grant("node2", 1);
    assert.deepEqual(placesOf(manager), spread);
    assert.notEqual(manager.wakeAtMs, manager.nowMs + waitMs - 1_000);
  });

  test("waits for a node that does not come as long as a lease lives, and says so", () => {
    const manager = starting();
    manager.grant("node1", 1);
    manager.grant("node2", 1);
    const { summary, next } = explainService(whyInputOf(manager.state, serviceId(a)));
    assert.equal(
      summary,
      "process:a is queued because the cluster is starting: it waits up to 6 s for the nodes that are known, so that not everything goes to the first one",
    );
    assert.deepEqual(next, []);
    pass(manager, waitMs - 1);
    assert.deepEqual(placesOf(manager), allQueued);
    pass(manager, 1);
    assert.deepEqual(placesOf(manager), ["started node1", "started node2", "started node1"]);
  });

  const lengths: readonly (readonly [string, number, DurationMs])[] = [
    ["is off with 0", 0, durationMs(0)],
    ["waits as long as is set", 2_500, durationMs(2_500)],
  ];
  for (const [name, ms, coldStartMs] of lengths) {
    test(name, () => {
      const manager = starting();
      set(manager, { coldStartMs });
      manager.grant("node1", 1);
      if (ms > 0) {
        pass(manager, ms - 1);
        assert.deepEqual(placesOf(manager), allQueued);
        pass(manager, 1);
      }
      assert.deepEqual(
        placesOf(manager),
        ids.map(() => "started node1"),
      );
    });
  }

  test("places at once on the only known node, or when others are in maintenance or removed", () => {
    const alone = starting(["node1"]);
    alone.grant("node1", 1);
    assert.deepEqual(
      placesOf(alone),
      ids.map(() => "started node1"),
    );
    const others = starting();
    const node = registration("node2", { maintenance: true });
    others.send({ kind: "node-changed", node });
    others.send({ kind: "node-removed", node: nodeId("node3") });
    others.grant("node1", 1);
    assert.deepEqual(
      placesOf(others),
      ids.map(() => "started node1"),
    );
  });

  test("lets a service go to its configured node, or to where alone it may run", () => {
    const manager = starting();
    manager.set(a, { home: nodeId("node1") });
    manager.set(c, { home: nodeId("node2") });
    const only = [{ node: nodeId("node1"), priority: 0 }];
    const rule = { kind: "node-affinity", name: "r", nodes: only, strict: true } as const;
    const services = [serviceId(b)];
    manager.send({ kind: "rule-changed", rule: { ...rule, services, disabled: false } });
    manager.grant("node1", 1);
    assert.deepEqual(placesOf(manager), ["started node1", "started node1", "queued"]);
    manager.grant("node2", 1);
    assert.deepEqual(placesOf(manager), ["started node1", "started node1", "started node2"]);
  });

  test("does not wait for nodes whose taint the service does not tolerate", () => {
    const manager = starting(["node1"]);
    const node = registration("node2", { taints: ["gpu"] });
    manager.send({ kind: "node-changed", node });
    manager.grant("node1", 1);
    assert.deepEqual(
      placesOf(manager),
      ids.map(() => "started node1"),
    );
  });

  test("leaves a service queued that no node takes, and says what is true then", () => {
    const manager = starting();
    const nowhere = [{ node: nodeId("node3"), priority: 0 }];
    const rule = { kind: "node-affinity", name: "r", nodes: nowhere, strict: true } as const;
    const services = [serviceId(a)];
    manager.send({ kind: "rule-changed", rule: { ...rule, services, disabled: false } });
    manager.grant("node1", 1);
    assert.match(manager.sentence(a), /the cluster is starting/);
    pass(manager, waitMs);
    assert.equal(manager.where(a), "queued");
    assert.match(manager.sentence(a), /no permitted node is online/);
  });

  test("never holds up what was lost with a node", () => {
    const manager = new Manager().online("node1", "node2");
    manager.add(a, { home: nodeId("node1") });
    manager.report(a, "running");
    manager.lose("node2", 1);
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    pass(manager, 10_000); // the brake has looked for more losses
    assert.equal(manager.where(a), "recovery node1");
    manager.add(b);
    manager.grant("node2", 2);
    assert.equal(manager.where(a), "started node2");
    assert.equal(manager.where(b), "queued", "only what has had no node yet waits for node1");
  });

  test("is no matter for a service that is added while nodes are online", () => {
    const manager = new Manager().online("node1");
    manager.send({ kind: "node-changed", node: registration("node2") });
    manager.add(a);
    assert.equal(manager.where(a), "started node1");
  });
});

describe("a new manager", () => {
  /** Where it puts a service when it has loaded, with so many of three known nodes online. */
  function placed(onlineCount: number): string | undefined {
    const state = createManagerState({ uidPrefix: "t" });
    const events: ManagerEvent[] = nodes.map((name) => ({
      kind: "node-changed",
      node: registration(name),
    }));
    for (const name of nodes.slice(0, onlineCount)) {
      events.push({ kind: "lease-granted", node: nodeId(name), epoch: epochOf(1) });
    }
    events.push({ kind: "service-changed", service: service(a) }, { kind: "loaded" });
    stepAll(state, events, instantMs(1_000_000));
    return state.statuses.get(serviceId(a))?.state;
  }

  test("waits while more nodes are missing than online, and places at once when most are in", () => {
    assert.deepEqual([1, 2, 3].map(placed), ["queued", "started", "started"]);
  });
});
