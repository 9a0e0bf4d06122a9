import { strict as assert } from "node:assert";
import { test } from "node:test";
import { livenessBoundMs } from "../../../src/sim/checks/bound.ts";
import { randomPlan } from "../../../src/sim/fuzz/plan.ts";
import type { Action, Plan } from "../../../src/sim/plan.ts";
import { formatPlan } from "../../../src/sim/scenario/format-plan.ts";
import { parseScenario } from "../../../src/sim/scenario/parse-scenario.ts";

const actionKinds: readonly Action["kind"][] = [
  "power",
  "network",
  "cut",
  "link",
  "pause",
  "crash",
  "crash-manager",
  "clock",
  "store",
  "driver",
  "workload-exit",
  "reboot",
  "shutdown",
  "restart-agent",
  "stop-server",
  "skip-rounds",
  "maintenance",
  "confirm-off",
  "arming",
  "request",
  "move",
  "stop",
  "located",
  "add",
  "remove",
  "lock",
  "limits",
  "usage",
  "put-group",
  "put-rule",
  "remove-rule",
  "settings",
  "put-ha-group",
  "remove-ha-group",
  "ha-member",
  "put-definition",
  "remove-definition",
  "put-deployment",
  "remove-deployment",
  "rollout",
  "set-properties",
  "put-package",
  "put-policy",
  "remove-policy",
];

/** What a fault leaves wrong, by what it is wrong with; empty: everything is well. */
function wrongs(plan: Plan): ReadonlySet<string> {
  const wrong = new Set<string>();
  const mark = (about: string, isWrong: boolean): void => {
    if (isWrong) wrong.add(about);
    else wrong.delete(about);
  };
  for (const { action } of plan.actions) {
    switch (action.kind) {
      case "power":
      case "network":
        mark(`${action.kind} ${action.node}`, !action.on);
        break;
      case "cut":
        mark(`cut ${action.from} ${action.to}`, action.on);
        break;
      case "pause":
        mark(`pause ${action.node} ${action.part}`, action.on);
        break;
      case "maintenance":
        mark(`maintenance ${action.node}`, action.on);
        break;
      case "link":
        mark(`link ${action.node}`, action.delayMs + action.lossShare + action.jitterMs > 0);
        break;
      case "store":
        // The mode of all replaces that of each.
        if (action.server === undefined) {
          for (const about of [...wrong]) if (about.startsWith("store ")) wrong.delete(about);
        }
        mark(`store ${action.server ?? "all"}`, action.mode !== "ok");
        break;
      case "driver":
        mark(`driver ${action.service}`, action.hangs || action.misbehaviour !== undefined);
        break;
      case "lock":
        mark(`lock ${action.service}`, action.name !== undefined);
        break;
      case "arming":
        mark("arming", action.mode !== "armed");
        break;
      case "crash-manager":
        mark("crash-manager", action.afterWrites > 0);
        break;
      default:
        break;
    }
  }
  return wrong;
}

test("randomPlan() makes the same plan of the same seed, and another one of another", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    assert.deepEqual(randomPlan(seed, { minutes: 10 }), randomPlan(seed, { minutes: 10 }));
    assert.notDeepEqual(randomPlan(seed).actions, randomPlan(seed + 1).actions);
  }
});

test("randomPlan() has every kind of action somewhere", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed += 1) {
    for (const { action } of randomPlan(seed).actions) seen.add(action.kind);
  }
  assert.deepEqual(
    actionKinds.filter((kind) => !seen.has(kind)),
    [],
  );
});

test("randomPlan() ends every fault, keeps the order of time, and leaves a calm longer than the bound", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const plan = randomPlan(seed, { minutes: 8 });
    assert.deepEqual([...wrongs(plan)], [], `seed ${seed}`);
    const times = plan.actions.map(({ atMs }) => atMs);
    assert.deepEqual(
      times,
      times.toSorted((left, right) => left - right),
      `seed ${seed}`,
    );
    const calmMs = plan.endAtMs - (times.at(-1) ?? 0);
    assert.ok(calmMs > livenessBoundMs(plan), `seed ${seed}: a calm of ${calmMs} ms`);
  }
});

test("randomPlan() keeps clocks and guards within what is assumed of them", () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    for (const { action } of randomPlan(seed).actions) {
      if (action.kind === "clock") assert.ok(Math.abs(action.ppm) <= 1_000, `seed ${seed}`);
    }
  }
});

test("randomPlan() takes the asked numbers of nodes and services", () => {
  const plan = randomPlan(7, { nodes: 5, services: 12, minutes: 5 });
  assert.equal(plan.nodes.length, 5);
  assert.equal(plan.services.length, 12);
});

test("a random plan survives being written as a scenario file and read again", () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const plan = randomPlan(seed, { minutes: 10 });
    const read = parseScenario(formatPlan(plan), `seed-${seed}.yaml`);
    assert.ok(read.ok, read.ok ? "" : read.error.join("\n"));
    assert.deepEqual(JSON.parse(JSON.stringify(read.value)), JSON.parse(JSON.stringify(plan)));
  }
});
