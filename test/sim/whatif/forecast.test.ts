/** The play of a living cluster: who goes where, who cannot, and how long it takes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, parseNodeId } from "../../../src/core/ids.ts";
import type { Action } from "../../../src/sim/plan.ts";
import { planOfCluster } from "../../../src/sim/whatif/cluster-plan.ts";
import { type Forecast, forecast } from "../../../src/sim/whatif/forecast.ts";
import type { ClusterStatus } from "../../../src/wire/api.ts";
import { type FactsInput, factsOf, gibibyte } from "./cluster-facts.ts";

function nodeOf(text: string): NodeId {
  const parsed = parseNodeId(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

interface Deed {
  readonly lose?: readonly string[];
  readonly maintenance?: readonly string[];
}

function play(input: FactsInput, { lose = [], maintenance = [] }: Deed): Forecast {
  const facts = factsOf(input);
  const plan = planOfCluster(facts, { operationMs: 2_000, spared: new Set(lose) });
  assert.ok(plan.ok, plan.ok ? "" : plan.error);
  const actions: Action[] = [
    ...lose.map((node): Action => ({ kind: "power", node: nodeOf(node), on: false })),
    ...maintenance.map((node): Action => ({ kind: "maintenance", node: nodeOf(node), on: true })),
  ];
  return forecast({ plan: plan.value, actions, reasons: new Map() });
}

/** Who goes where, in order. */
function movesOf({ touched }: Forecast): readonly (readonly string[])[] {
  return touched.map(({ service, outcome, from, to }) => [
    service,
    outcome,
    from ?? "-",
    to ?? "-",
  ]);
}

test("forecast() of nothing touches nothing", () => {
  const result = play({ services: [{ id: "process:a", node: "node1" }] }, {});
  assert.deepEqual([result.touched, result.down, result.stuck], [[], [], []]);
  assert.deepEqual([result.untouchedCount, result.wasAtRest, result.settled], [1, true, true]);
});

test("forecast() recovers the services of a lost node after the lease and one start", () => {
  const result = play(
    {
      services: [
        { id: "process:a", node: "node3" },
        { id: "process:b", node: "node3" },
        { id: "process:c", node: "node1" },
        { id: "process:d", node: "node2" },
      ],
    },
    { lose: ["node3"] },
  );
  assert.deepEqual(movesOf(result), [
    ["process:a", "recovered", "node3", "node1"],
    ["process:b", "recovered", "node3", "node2"],
  ]);
  for (const { awayMs = 0, because } of result.touched) {
    assert.ok(awayMs > 5_000 + 2_000 && awayMs < 6_000 + 2_500, `away for ${awayMs} ms`);
    assert.match(because, /^node "node3" was lost; node "node\d" is the least loaded/);
  }
  assert.equal(result.untouchedCount, 2);
});

test("forecast() takes the cluster's own times", () => {
  const services = [{ id: "process:a", node: "node1" }];
  const awayMs = (profile: "fast" | "patient"): number => {
    const result = play({ services, settings: { profile } }, { lose: ["node1"] });
    return result.touched[0]?.awayMs ?? 0;
  };
  assert.ok(awayMs("fast") < 3_000 + 2_500, `${awayMs("fast")}`);
  assert.ok(awayMs("patient") > 50_000, `${awayMs("patient")}`);
});

test("forecast() says why a strict rule leaves a service without a node", () => {
  const result = play(
    {
      services: [{ id: "process:a", node: "node1" }],
      rules: [
        {
          name: "pair",
          type: "node-affinity",
          strict: true,
          services: ["process:a"],
          nodes: [{ node: "node1" }, { node: "node2" }],
        },
      ],
    },
    { lose: ["node1", "node2"] },
  );
  assert.deepEqual(result.touched, []);
  const [down] = result.down;
  assert.deepEqual(
    [down?.service, down?.state, down?.from, down?.wasDown],
    ["process:a", "recovery", "node1", false],
  );
  assert.deepEqual(
    down?.nodes.find(({ node }) => node === "node3"),
    { node: "node3", verdict: "refused", sentence: 'rule "pair" allows only "node1", "node2"' },
  );
});

test("forecast() gives the figures where memory does not suffice", () => {
  const capacity = { cpuCores: 4, memoryBytes: 4 * gibibyte };
  const limits = { cpuCores: 1, memoryBytes: 3 * gibibyte };
  const result = play(
    {
      nodes: ["node1", "node2", "node3"].map((id) => ({ id, capacity })),
      services: ["node1", "node2", "node3"].map((node, index) => ({
        id: `process:s${index + 1}`,
        node,
        config: { limits },
      })),
    },
    { lose: ["node3"] },
  );
  const [down] = result.down;
  assert.equal(down?.service, "process:s3");
  assert.deepEqual(
    down?.nodes.filter(({ node }) => node !== "node3").map(({ sentence }) => sentence),
    Array(2).fill("it needs 3072 MiB of memory and 1024 MiB are free"),
  );
});

test("forecast() keeps services apart, and says so when that leaves no node", () => {
  const services = ["a", "b", "c"].map((name, index) => ({
    id: `process:${name}`,
    node: `node${index + 1}`,
  }));
  const apart = {
    name: "apart",
    type: "resource-affinity",
    affinity: "negative",
    services: ["process:a", "process:b"],
  } as const;
  const rules = [{ ...apart, services: [...apart.services] }];
  const moved = play({ services, rules }, { lose: ["node2"] });
  assert.deepEqual(movesOf(moved), [["process:b", "recovered", "node2", "node3"]]);
  const stranded = play({ services, rules }, { lose: ["node2", "node3"] });
  assert.deepEqual(
    stranded.down.map(({ service, nodes }) => [service, nodes[0]?.sentence]),
    [["process:b", "process:a is there or on its way there, and a rule keeps them apart"]],
  );
});

test("forecast() of maintenance moves services away and tells the gap of each", () => {
  const result = play(
    {
      services: [
        { id: "process:a", node: "node1" },
        { id: "process:b", node: "node1" },
      ],
    },
    { maintenance: ["node1"] },
  );
  assert.deepEqual(movesOf(result), [
    ["process:a", "moved", "node1", "node2"],
    ["process:b", "moved", "node1", "node3"],
  ]);
  for (const { awayMs = 0 } of result.touched) {
    assert.ok(awayMs >= 4_000 && awayMs < 4_500, `a stop and a start: ${awayMs} ms`);
  }
});

test("forecast() says that a service that no other node may take stays in maintenance", () => {
  const nodes = [{ node: "node1" }];
  const rule = { name: "r", type: "node-affinity", strict: true, nodes } as const;
  const result = play(
    {
      services: [{ id: "process:a", node: "node1" }],
      rules: [{ ...rule, nodes, services: ["process:a"] }],
    },
    { maintenance: ["node1"] },
  );
  assert.deepEqual(
    result.stuck.map(({ service, from, because }) => [service, from, because]),
    [["process:a", "node1", "no other node may take it"]],
  );
  assert.deepEqual(result.down, []);
});

test("forecast() tells that the brake acts: then the most important go first, one at a time", () => {
  const nodes = ["node1", "node2", "node3", "node4", "node5"].map((id) => ({ id }));
  const result = play(
    {
      nodes,
      services: [
        { id: "process:a", node: "node3", config: { priority: -1 } },
        { id: "process:b", node: "node4" },
        { id: "process:c", node: "node5", config: { priority: 5 } },
      ],
      settings: { brake: { lostShare: 0.5, recoveriesAtOnce: 1 } },
    },
    { lose: ["node3", "node4", "node5"] },
  );
  // The first lease to end is that of one node: its service goes before anybody knows of the others.
  const runsAfterMs = new Map<string, number>(
    result.touched.map((one) => [one.service, one.runsAfterMs ?? 0]),
  );
  const [important = 0, other = 0] = ["process:c", "process:b"].map((id) => runsAfterMs.get(id));
  assert.ok(important > 0 && other >= important + 2_000, `${important} ms, then ${other} ms`);
  assert.ok(result.notes.some((note) => /^3 of 5 nodes are lost: .* 1 at a time$/.test(note)));
});

test("forecast() leaves a service that keeps running on its lost node to a person", () => {
  const result = play(
    { services: [{ id: "process:a", node: "node1", config: { onIsolation: "keep" } }] },
    { lose: ["node1"] },
  );
  const [down] = result.down;
  assert.equal(down?.state, "fence");
  assert.match(down?.because ?? "", /a copy may still run on node "node1"/);
  assert.match(down?.next[0] ?? "", /holdfast node confirm-off node1$/);
});

test("forecast() tells apart what was down before", () => {
  const resource = { state: "error", running: "failed" } as const;
  const result = play(
    {
      services: [
        { id: "process:a", node: "node2", resource },
        { id: "process:b", node: "node1" },
      ],
    },
    { lose: ["node1"] },
  );
  assert.deepEqual(
    result.down.map(({ service, state, wasDown }) => [service, state, wasDown]),
    [["process:a", "error", true]],
  );
  assert.deepEqual(movesOf(result), [["process:b", "recovered", "node1", "node3"]]);
});

test("forecast() begins when what is on its way has arrived", () => {
  const resource = { state: "request_start", running: "unknown" } as const;
  const result = play(
    {
      services: [
        { id: "process:a", node: "node2", resource },
        { id: "process:b", config: { node: "node3" } },
        { id: "process:c", node: "node1" },
      ],
    },
    { lose: ["node1"] },
  );
  assert.equal(result.wasAtRest, false);
  assert.deepEqual(result.down, []);
  assert.deepEqual(
    movesOf(result).map(([service]) => service),
    ["process:c"],
  );
});

test("forecast() gives the same answer every time", () => {
  const input: FactsInput = {
    services: [...Array(12).keys()].map((index) => ({
      id: `process:s${index}`,
      node: `node${(index % 3) + 1}`,
    })),
  };
  assert.deepEqual(play(input, { lose: ["node2"] }), play(input, { lose: ["node2"] }));
});

function frozen(failover: "goes-on" | "held"): Pick<ClusterStatus, "freeze"> {
  const words = { revision: 90, frozen: true, by: "ada", reason: "upgrade" };
  return { freeze: { ...words, failover: failover === "goes-on" } };
}

test("forecast() recovers nothing while a freeze holds failover, and says what ends that", () => {
  const services = [
    { id: "process:a", node: "node1" },
    { id: "process:b", node: "node2" },
  ];
  const held = play({ services, status: frozen("held") }, { lose: ["node1"] });
  assert.deepEqual(held.touched, []);
  assert.deepEqual(
    held.down.map(({ service, because, next }) => [service, because, next]),
    [
      [
        "process:a",
        "the cluster is frozen by ada, failover included: upgrade",
        ["end the freeze: holdfast cluster unfreeze"],
      ],
    ],
  );
  assert.equal(held.untouchedCount, 1);
  const goesOn = play({ services, status: frozen("goes-on") }, { lose: ["node1"] });
  assert.deepEqual(movesOf(goesOn), [["process:a", "recovered", "node1", "node3"]]);
});
