/** What the API says of a cluster becomes a plan that begins with it as it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Plan } from "../../../src/sim/plan.ts";
import { planOfCluster } from "../../../src/sim/whatif/cluster-plan.ts";
import { createWorld } from "../../../src/sim/world.ts";
import type { ArmingResource } from "../../../src/wire/api.ts";
import { type FactsInput, factsOf, gibibyte } from "./cluster-facts.ts";

function planOf(input: FactsInput, spared: readonly string[] = []): Plan {
  const plan = planOfCluster(factsOf(input), { operationMs: 3_000, spared: new Set(spared) });
  assert.ok(plan.ok, plan.ok ? "" : plan.error);
  return plan.value;
}

test("planOfCluster() has nodes with a lease on, others off, and a server that is not about to be lost", () => {
  const { nodes } = planOf(
    {
      nodes: [
        { id: "node3", capacity: { cpuCores: 8, memoryBytes: gibibyte } },
        { id: "node1" },
        { id: "node2", leased: false, state: "unknown" },
      ],
      services: [],
    },
    ["node1"],
  );
  assert.deepEqual(
    nodes.map(({ node, power, server }) => [node, power, server]),
    [
      ["node1", "on", false],
      ["node2", "off", false],
      ["node3", "on", true],
    ],
  );
  assert.deepEqual(nodes[2]?.capacity, { cpuCores: 8, memoryBytes: gibibyte });
});

test("planOfCluster() refuses a cluster in which nothing can run", () => {
  const facts = factsOf({ nodes: [{ id: "node1", leased: false }], services: [] });
  const plan = planOfCluster(facts, { operationMs: 1, spared: new Set() });
  assert.deepEqual(plan, {
    ok: false,
    error: "no node would be online: nothing can run anywhere",
  });
});

test("planOfCluster() refuses a configuration that it cannot read, and names the service", () => {
  const facts = factsOf({
    services: [
      { id: "process:a", node: "node1", resource: { config: { id: "process:a", priority: "x" } } },
    ],
  });
  const plan = planOfCluster(facts, { operationMs: 1, spared: new Set() });
  assert.match(plan.ok ? "" : plan.error, /^the configuration of process:a is in a form /);
});

test("planOfCluster() runs services where they run, and no copy on a node that is off", () => {
  const { initial } = planOf({
    nodes: [{ id: "node1" }, { id: "node2", leased: false, state: "unknown" }],
    services: [
      { id: "process:a", node: "node1" },
      { id: "process:b", node: "node2" },
      { id: "process:c", node: "node1", resource: { state: "stopped", running: "stopped" } },
      { id: "process:d", node: "node1", resource: { running: "unknown" } },
      { id: "process:e" },
    ],
  });
  assert.deepEqual(initial?.running, [
    { service: "process:a", node: "node1" },
    { service: "process:d", node: "node1" },
  ]);
  assert.deepEqual(
    initial?.statuses.map(({ service, state }) => [service, state]),
    [
      ["process:a", "started"],
      ["process:b", "started"],
      ["process:c", "stopped"],
      ["process:d", "started"],
    ],
  );
});

test("planOfCluster() keeps failed nodes, targets, the way back and the way of running", () => {
  const { initial, services, pace, usage } = planOf({
    services: [
      {
        id: "process:a",
        node: "node1",
        config: { onIsolation: "keep", priority: 7, after: ["process:b"] },
        resource: {
          state: "relocate",
          target: "node2",
          failedNodes: ["node3"],
          maintenanceNode: "node3",
          usage: { cpuCores: 1.5, memoryBytes: 2 * gibibyte },
        },
      },
    ],
  });
  const [status] = initial?.statuses ?? [];
  assert.deepEqual(
    [status?.target, status?.failedNodes, status?.maintenanceNode, status?.mayOutliveLease],
    ["node2", ["node3"], "node3", true],
  );
  assert.deepEqual(
    [services[0]?.priority, services[0]?.after, services[0]?.moveBy],
    [7, ["process:b"], "stop"],
  );
  assert.equal(pace.operationMs, 3_000);
  assert.deepEqual(usage, [
    { service: "process:a", use: { cpuCores: 1.5, memoryBytes: 2 * gibibyte } },
  ]);
});

test("a world of planOfCluster() leaves a cluster alone that is at rest, in maintenance or disarmed", () => {
  const services = [
    { id: "process:a", node: "node1" },
    { id: "process:b", node: "node2", resource: { maintenanceNode: "node3" } },
  ];
  const nodes = [
    { id: "node1" },
    { id: "node2" },
    { id: "node3", state: "maintenance", maintenance: true },
  ] as const;
  const frozen = services.map((one) => ({
    ...one,
    resource: { ...one.resource, state: "freeze" as const },
  }));
  const arming: ArmingResource = {
    revision: 5,
    mode: "freeze",
    state: "disarmed",
    waitsFor: [],
  };
  const clusters: readonly FactsInput[] = [
    { nodes, services },
    { nodes, services: frozen, status: { arming } },
  ];
  for (const input of clusters) {
    const told: string[] = [];
    const world = createWorld(planOf(input), {
      onTrace: (line) => {
        if (line.kind === "decision" || line.kind === "action") told.push(JSON.stringify(line));
      },
    });
    world.runUntil(120_000);
    assert.deepEqual(told, []);
    const running = [...world.copies.values()].map(({ service, node }) => [service, node]);
    assert.deepEqual(running.sort(), [
      ["process:a", "node1"],
      ["process:b", "node2"],
    ]);
  }
});

test("a world of planOfCluster() goes on with what a person had removed", () => {
  const world = createWorld(
    planOf({ services: [{ id: "process:a", node: "node1", resource: { removing: true } }] }),
  );
  world.runUntil(60_000);
  assert.equal(world.copies.size, 0);
  assert.deepEqual(world.services(), []);
});
