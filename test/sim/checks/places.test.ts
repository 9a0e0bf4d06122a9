/** S8 for places: rules and room, as the store has had them for a while. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { JsonValue, Operation, StoreChange } from "../../../src/ports/store.ts";
import { createSafetyChecks } from "../../../src/sim/checks/safety.ts";
import { randomPlan } from "../../../src/sim/fuzz/plan.ts";
import { configuration, status } from "./harness.ts";

const gibibyte = 1024 ** 3;

/** Commits operations as a manager of revision 1, long after everything else. */
function violationsOf(
  before: readonly Operation[],
  decision: readonly Operation[],
): readonly string[] {
  const checks = createSafetyChecks(randomPlan(1, { nodes: 3, services: 1, minutes: 1 }));
  const world = { nowMs: 0, copies: new Map(), managers: () => [], agentState: () => undefined };
  checks.attach(world);
  const manager: Operation = { kind: "put", key: "manager", value: { version: 1 } };
  const commit = (operations: readonly Operation[], revision: number): void => {
    const changes = operations.flatMap((operation): StoreChange[] =>
      operation.kind === "delete" ? [] : [putOf(operation.key, operation.value, revision)],
    );
    const compare = [{ kind: "created-at", key: "manager", revision: 1 }] as const;
    checks.observer.onCommit({ revision, changes, txn: { compare, then: operations } });
  };
  commit([manager], 1);
  commit(before, 2);
  world.nowMs = 60_000;
  commit(decision, 3);
  return checks.violations
    .filter(({ atMs }) => atMs === 60_000)
    .map(({ rule, sentence }) => `${rule} ${sentence}`);
}

function putOf(key: string, value: JsonValue, revision: number): StoreChange {
  const entry = { key, value, createRevision: revision, modRevision: revision, leaseId: undefined };
  return { kind: "put", entry };
}

function nodeRecord(name: string, memoryBytes: number, taints: readonly string[] = []): Operation {
  const value = {
    version: 1,
    node: name,
    type: "device",
    properties: {},
    agentVersion: "",
    registeredAtMs: 0,
    confirmedOffEpoch: 0,
    maintenance: false,
    mode: "enabled",
    capacity: { cpuCores: 4, memoryBytes },
    taints,
  };
  return { kind: "put", key: `nodes/${name}`, value };
}

function rule(fields: Readonly<Record<string, JsonValue>>): Operation {
  const value = { version: 1, rule: { name: "r1", services: ["vm:a"], ...fields } };
  return { kind: "put", key: "rules/r1", value };
}

const move = {
  state: "relocate",
  node: "n1",
  nodeEpoch: 1,
  target: "n2",
  reason: { code: "better-node" },
};

test("S8 sees a move to a node that a strict rule forbids", () => {
  const before = [
    configuration("vm:a", {}),
    rule({ type: "node-affinity", nodes: [{ node: "n1" }], strict: true }),
    status("vm:a", { state: "started", node: "n1", nodeEpoch: 1 }),
  ];
  const found = violationsOf(before, [status("vm:a", { ...move, uid: "1.1-2" })]);
  assert.deepEqual(found, ['S8 vm:a goes to n2 (better-node) against "r1"']);
});

test("S8 sees a move to where a service is that it must be apart from", () => {
  const before = [
    configuration("vm:a", {}),
    configuration("vm:b", {}),
    rule({ type: "resource-affinity", services: ["vm:a", "vm:b"], affinity: "negative" }),
    status("vm:a", { state: "started", node: "n1", nodeEpoch: 1 }),
    status("vm:b", { state: "started", node: "n2", nodeEpoch: 1 }),
  ];
  const found = violationsOf(before, [status("vm:a", { ...move, uid: "1.1-2" })]);
  assert.deepEqual(found, ["S8 vm:a goes to n2 (better-node), where vm:b is, against a rule"]);
});

test("S8 sees memory that a move overcommits, unless the service says that it may", () => {
  const limits = { cpuCores: 1, memoryBytes: 3 * gibibyte };
  const before = (mayOvercommit: boolean): readonly Operation[] => [
    nodeRecord("n2", 4 * gibibyte),
    configuration("vm:a", { limits, mayOvercommit }),
    configuration("vm:b", { limits }),
    status("vm:a", { state: "started", node: "n1", nodeEpoch: 1 }),
    status("vm:b", { state: "started", node: "n2", nodeEpoch: 1 }),
  ];
  const decision = [status("vm:a", { ...move, uid: "1.1-2" })];
  assert.deepEqual(violationsOf(before(false), decision), [
    `S8 vm:a goes to n2 (better-node), which lacks ${2 * gibibyte} bytes of memory`,
  ]);
  assert.deepEqual(violationsOf(before(true), decision), []);
});

test("S8 lets rules be broken that are ignored", () => {
  const strict = rule({ type: "node-affinity", nodes: [{ node: "n1" }], strict: true });
  const running = status("vm:a", { state: "started", node: "n1", nodeEpoch: 1 });
  const rejected: Operation = {
    kind: "put",
    key: "rejected-rules",
    value: { version: 1, rejections: [{ rule: "r1", because: "it contradicts another" }] },
  };
  const before = [configuration("vm:a", {}), strict, running];
  const decision = [status("vm:a", { ...move, uid: "1.1-2" })];
  assert.deepEqual(violationsOf([...before, rejected], decision), []);
});

test("S8 sees a move to, and a start on, a node with a taint that is not tolerated", () => {
  const before = (tolerations: readonly string[], state: string): readonly Operation[] => [
    nodeRecord("n1", gibibyte, ["old"]),
    nodeRecord("n2", gibibyte, ["old"]),
    configuration("vm:a", { tolerations }),
    status("vm:a", { state, node: "n1", nodeEpoch: 1 }),
  ];
  const moved = [status("vm:a", { ...move, uid: "1.1-2" })];
  assert.deepEqual(violationsOf(before([], "started"), moved), [
    'S8 vm:a is sent to n2 despite "old"',
  ]);
  assert.deepEqual(violationsOf(before(["old"], "started"), moved), []);
  const reason = { code: "requested" };
  const started = { state: "started", node: "n1", nodeEpoch: 1, uid: "1.1-2", reason };
  assert.deepEqual(violationsOf(before([], "stopped"), [status("vm:a", started)]), [
    'S8 vm:a is started on n1 despite "old"',
  ]);
  assert.deepEqual(violationsOf(before([], "started"), [status("vm:a", started)]), []);
});

test("S8 sees a service that leaves its volumes, as long as their node is registered", () => {
  const before: readonly Operation[] = [
    nodeRecord("n2", gibibyte),
    { kind: "put", key: "epochs/n1", value: { version: 1, epoch: 2 } },
    configuration("vm:a", { volumes: ["data"] }),
    status("vm:a", { state: "recovery", node: "n1", nodeEpoch: 1, boundTo: "n1" }),
  ];
  const reason = { code: "recovered" };
  const placed = { state: "started", node: "n2", nodeEpoch: 1, uid: "1.1-2", reason };
  const decision = [status("vm:a", placed)];
  const found = (records: readonly Operation[]) =>
    violationsOf(records, decision).filter((sentence) => sentence.startsWith("S8"));
  assert.deepEqual(found([nodeRecord("n1", gibibyte), ...before]), [
    "S8 vm:a goes to n2, and its volumes are on n1",
  ]);
  assert.deepEqual(found(before), []);
});
