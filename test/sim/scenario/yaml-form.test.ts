/** The form that people write: what it means, and every fault with its line, column and reason. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Plan } from "../../../src/sim/plan.ts";
import { parseScenario } from "../../../src/sim/scenario/parse-scenario.ts";

function planOf(text: string): Plan {
  const plan = parseScenario(text, "case.yaml");
  assert.ok(plan.ok, plan.ok ? "" : plan.error.join("\n"));
  return plan.value;
}

function faultsOf(text: string): readonly string[] {
  const plan = parseScenario(text, "case.yaml");
  return plan.ok ? [] : plan.error;
}

/** Its steps as data. */
function actionsOf(steps: string): unknown {
  const plan = planOf(`nodes: 3\nservices: { vm:1: {}, web: {} }\nsteps:\n${steps}`);
  return JSON.parse(JSON.stringify(plan.actions.map(({ atMs, action }) => [atMs, action])));
}

describe("parseScenario() on the form that people write", () => {
  it("fills in what is not said as production has it", () => {
    const { name, seed, settings, pace, nodes, services, endAtMs } = planOf(
      "nodes: 2\nservices: { web: {} }\nsteps: [{ at: 1m30s, power off: node2 }]\n",
    );
    assert.deepEqual([name, seed, settings.profile, endAtMs], ["case", 1, "balanced", 390_000]);
    assert.deepEqual([pace.roundMs, pace.watchdog, pace.presence], [0, "guard", false]);
    assert.deepEqual(
      nodes.map(({ node, power, network, server }) => [node, power, network, server]),
      [
        ["node1", "on", "on", true],
        ["node2", "on", "on", true],
      ],
    );
    assert.deepEqual(
      services.map(({ id, state, moveBy }) => [id, state, moveBy]),
      [["process:web", "started", "stop"]],
    );
  });

  it("takes names without a type where only one service has it", () => {
    assert.deepEqual(actionsOf("  - { at: 1s, start: web }"), [
      [1_000, { kind: "request", service: "process:web", state: "started" }],
    ]);
    assert.match(
      faultsOf("nodes: 1\nservices: [vm:a, ct:a]\nsteps: [{ at: 0, stop: a }]").join(),
      /"a" could be vm:a or ct:a: write the whole id/,
    );
  });

  it('ends what has "for" by itself, in order of time', () => {
    assert.deepEqual(
      actionsOf(
        [
          "  - { at: 10s, power off: [node1, node2], for: 20s }",
          "  - { at: 15s, store: unavailable, for: 1s }",
          "  - { at: 15s, cut: { between: [node1, node3] }, for: 5s }",
        ].join("\n"),
      ),
      [
        [10_000, { kind: "power", node: "node1", on: false }],
        [10_000, { kind: "power", node: "node2", on: false }],
        [15_000, { kind: "store", mode: "unavailable" }],
        [15_000, { kind: "cut", from: "node1", to: "node3", on: true }],
        [15_000, { kind: "cut", from: "node3", to: "node1", on: true }],
        [16_000, { kind: "store", mode: "ok" }],
        [20_000, { kind: "cut", from: "node1", to: "node3", on: false }],
        [20_000, { kind: "cut", from: "node3", to: "node1", on: false }],
        [30_000, { kind: "power", node: "node1", on: true }],
        [30_000, { kind: "power", node: "node2", on: true }],
      ],
    );
  });

  it('means every node by "all"', () => {
    const { actions } = planOf("nodes: 3\nsteps: [{ at: 5s, network off: all }]");
    assert.equal(actions.length, 3);
  });

  it("puts changed settings onto those before, and null sets one back", () => {
    const { actions } = planOf(
      [
        "nodes: 1",
        "settings: { suspectMs: 3s, scheduler: static }",
        "steps:",
        "  - { at: 1s, settings: { autoRebalance: { threshold: 0.5 } } }",
        "  - { at: 2s, settings: { scheduler: basic, autoRebalance: null } }",
      ].join("\n"),
    );
    const found = actions.map(({ action }) =>
      action.kind === "settings"
        ? [
            action.settings.suspectMs,
            action.settings.scheduler,
            action.settings.autoRebalance?.threshold,
          ]
        : action,
    );
    assert.deepEqual(found, [
      [3_000, "static", 0.5],
      [3_000, "basic", undefined],
    ]);
  });
});

describe("parseScenario() refuses, with line, column and reason", () => {
  it("all faults of a file at once, also when one is in a field of the whole", () => {
    const text = [
      "nodes: 2",
      "profile: quick",
      "services: { web: { prioriti: 1 } }",
      "steps:",
      "  - { at: 1, power off: node1 }",
      "until: 4",
      "setings: {}",
    ].join("\n");
    assert.deepEqual(faultsOf(text), [
      "case.yaml line 2, column 1: profile: write one of fast, balanced, patient",
      "case.yaml line 3, column 20: services.web.prioriti: unknown field",
      "case.yaml line 5, column 7: steps[0].at: 1 has no unit: write e.g. 1s",
      "case.yaml line 6, column 1: until: 4 has no unit: write e.g. 4s",
      "case.yaml line 7, column 1: setings: unknown field",
    ]);
  });

  for (const [what, text, fault] of [
    ["broken YAML", "nodes: [", /^case\.yaml line \d+, column \d+: /],
    ["an empty file", "", /^case\.yaml line 1, column 1: .*write/],
    ["what is no map", "- 1", /line 1, column 1: write fields such as nodes/],
    ["no nodes", "services: {}", /nodes: it is missing: write e\.g\. "nodes: 3"/],
    [
      "too many nodes",
      "nodes: 5000",
      /line 1, column 1: nodes: write a whole number from 1 to 1000/,
    ],
    [
      "a clock that stands still",
      "nodes: 1\nsteps:\n  - { at: 1s, clock: { node: node1, ppm: -1000000 } }",
      /line 3, column \d+: steps\[0\]\.clock\.ppm: it must be at least -100000/,
    ],
    ["an unknown field", "nodes: 1\nstep: []", /line 2, column 1: step: unknown field/],
    [
      "an unknown node",
      "nodes: 2\nsteps:\n  - at: 1s\n    power off: node7",
      /line 4, column 5: steps\[0\]\.power off: there is no node "node7"; there are: node1, node2/,
    ],
    [
      "an unknown service",
      "nodes: 1\nservices: [web]\nsteps:\n  - { at: 1s, start: wbe }",
      /line 4, column 15: steps\[0\]\.start: there is no service "wbe"; there are: process:web/,
    ],
    [
      "an unknown step",
      "nodes: 1\nsteps:\n  - at: 1s\n    powr off: node1",
      /line 4, column 5: steps\[0\]\.powr off: unknown step "powr off"; known are: power on, power off, .*settings$/,
    ],
    [
      "two words in a step",
      "nodes: 1\nsteps:\n  - { at: 1s, reboot: node1, shutdown: node1 }",
      /steps\[0\]\.shutdown: a step says one thing: write "shutdown" as a step of its own/,
    ],
    [
      "a step without a word",
      "nodes: 1\nsteps: [{ at: 1s }]",
      /steps\[0\]: the step says nothing to do/,
    ],
    [
      "a step without time",
      "nodes: 1\nsteps: [{ reboot: node1 }]",
      /steps\[0\]\.at: it is missing/,
    ],
    [
      "a negative time",
      "nodes: 1\nsteps: [{ at: -5s, reboot: node1 }]",
      /line 2, column 11: steps\[0\]\.at: "-5s" is negative/,
    ],
    [
      "a time without unit",
      "nodes: 1\nsteps: [{ at: 20, reboot: node1 }]",
      /20 has no unit: write e\.g\. 20s/,
    ],
    [
      "a time to last for what has no end",
      "nodes: 1\nsteps: [{ at: 1s, reboot: node1, for: 3s }]",
      /steps\[0\]\.for: "reboot" has no end of its own/,
    ],
    [
      "an end before the last step",
      "nodes: 1\nuntil: 1s\nsteps: [{ at: 5s, reboot: node1 }]",
      /until: it ends before its last step/,
    ],
    [
      "unsafe times",
      "nodes: 1\nsettings: { times: { ttlMs: 1s, watchdogMs: 1s, renewEveryMs: 100ms } }",
      /line 2, column 13: settings\.times: watchdogMs \(1000\) must be/,
    ],
    [
      "an unknown group",
      "nodes: 1\nservices: { web: { group: fast } }",
      /services\.web\.group: there is no group "fast"; there is none/,
    ],
    [
      "an unknown node in a group",
      "nodes: 1\ngroups: { fast: { nodes: [node1, node2] } }",
      /groups\.fast\.nodes\[1\]: there is no node "node2"/,
    ],
    [
      "a circle in the order",
      "nodes: 1\nservices: { a: { after: [b] }, b: { requires: [a] } }",
      /services: these wait for each other: process:a -> process:b -> process:a/,
    ],
    [
      "a rule that contradicts another",
      [
        "nodes: 3",
        "services: [a, b]",
        "rules:",
        "  near: { type: resource-affinity, services: [a, b], affinity: positive }",
        "  far: { type: resource-affinity, services: [a, b], affinity: negative }",
      ].join("\n"),
      /line 5, column 3: rules\.far: it cannot hold: /,
    ],
    ["two scenarios in a file", "nodes: 1\n---\nnodes: 2", /a second document begins here/],
    ["a field twice", "nodes: 1\nnodes: 2", /line 2, column 1: .*unique/],
  ] as const) {
    it(what, () => {
      const faults = faultsOf(text);
      assert.ok(
        faults.some((line) => fault.test(line)),
        `${fault} is not in:\n${faults.join("\n")}`,
      );
    });
  }

  it("all faults at once, in order of their lines", () => {
    const faults = faultsOf(
      "nodes: 1\nsteps:\n  - { at: 1, reboot: x }\n  - { at: 2s, nothing: 1 }\n",
    );
    assert.deepEqual(
      faults.map((fault) => fault.slice(0, 17)),
      ["case.yaml line 3,", "case.yaml line 3,", "case.yaml line 4,"],
    );
  });

  it("contradicting rules unless they are let in on purpose", () => {
    const plan = planOf(
      [
        "nodes: 3",
        "services: [a, b]",
        "contradictions: allow",
        "rules:",
        "  near: { type: resource-affinity, services: [a, b], affinity: positive }",
        "  far: { type: resource-affinity, services: [a, b], affinity: negative }",
      ].join("\n"),
    );
    assert.equal(plan.rules.length, 2);
  });
});
