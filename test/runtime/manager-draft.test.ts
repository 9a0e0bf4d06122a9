/** The manager's words about nodes, rules and the cluster as a whole, written to a real store. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../src/adapters/clock/system-clock.ts";
import type { ManagerEffect } from "../../src/core/manager/effect.ts";
import { instantMs } from "../../src/core/time.ts";
import type { JsonValue, Store } from "../../src/ports/store.ts";
import { FleetMirror } from "../../src/runtime/fleet/fleet-mirror.ts";
import { draftOf } from "../../src/runtime/manager-draft.ts";
import { createManagerMirror } from "../../src/runtime/manager-mirror.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { nodeId } from "../core/manager-harness.ts";

interface Bench {
  readonly store: Store;
  write(effects: readonly ManagerEffect[]): Promise<boolean>;
  put(key: string, value: JsonValue): Promise<void>;
  valueOf(key: string): Promise<JsonValue | undefined>;
  events(): Promise<readonly unknown[]>;
}

async function createBench(t: TestContext): Promise<Bench> {
  const store = createMemoryStore({ clock: systemClock });
  t.after(() => store.close());
  const put = async (key: string, value: JsonValue) => {
    const written = await store.txn({ compare: [], then: [{ kind: "put", key, value }] });
    assert.ok(written.ok);
  };
  await put(keys.manager, { version: 1 });
  const manager = await store.get(keys.manager);
  assert.ok(manager.ok && manager.value.entry !== undefined);
  const { createRevision } = manager.value.entry;
  let sequence = 0;
  return {
    store,
    put,
    async write(effects) {
      const draft = draftOf(effects, {
        mirror: createManagerMirror(),
        fleet: new FleetMirror(),
        createRevision,
        now: instantMs(1_000),
        nextSequence: () => {
          sequence += 1;
          return sequence;
        },
      });
      assert.ok(draft.kind === "write");
      const outcome = await store.txn(draft.txn);
      return outcome.ok && outcome.value.succeeded;
    },
    async valueOf(key) {
      const read = await store.get(key);
      assert.ok(read.ok);
      return read.value.entry?.value;
    },
    async events() {
      const read = await store.range(keys.events);
      assert.ok(read.ok);
      return read.value.entries.map((entry) => entry.value);
    },
  };
}

const forget: ManagerEffect = {
  kind: "forget-node",
  node: nodeId("node1"),
  reason: { code: "node-forgotten", node: nodeId("node1") },
};
const leftOvers = [
  [`${keys.nodeStates}node1`, { version: 1, state: "gone" }],
  [`${keys.epochs}node1`, { version: 1, epoch: 7 }],
  [`${keys.agentModes}node1`, { version: 1, mode: "active", epoch: 7 }],
] as const;

test("forget-node deletes what is left of a node, and says so", async (t) => {
  const bench = await createBench(t);
  for (const [key, value] of leftOvers) await bench.put(key, value);
  assert.equal(await bench.write([forget]), true);
  for (const [key] of leftOvers) assert.equal(await bench.valueOf(key), undefined, key);
  const [event] = await bench.events();
  assert.partialDeepStrictEqual(event, { kind: "node", subject: "node1", to: "forgotten" });
});

for (const key of [`${keys.nodes}node1`, `${keys.leases}node1`]) {
  test(`forget-node changes nothing while there is ${key}: its epoch must go on (S4)`, async (t) => {
    const bench = await createBench(t);
    for (const [leftOver, value] of leftOvers) await bench.put(leftOver, value);
    await bench.put(key, { version: 1 });
    assert.equal(await bench.write([forget]), false);
    for (const [leftOver, value] of leftOvers) {
      assert.deepEqual(await bench.valueOf(leftOver), value);
    }
    assert.deepEqual(await bench.events(), []);
  });
}

test("put-arming-state writes the state and an event of the cluster", async (t) => {
  const bench = await createBench(t);
  const reason = { code: "arming", mode: "freeze", state: "disarmed" } as const;
  assert.equal(await bench.write([{ kind: "put-arming-state", state: "disarmed", reason }]), true);
  assert.deepEqual(await bench.valueOf(keys.armingState), {
    version: 1,
    state: "disarmed",
    sinceMs: 1_000,
    reason,
  });
  const [event] = await bench.events();
  assert.partialDeepStrictEqual(event, { kind: "cluster", subject: "cluster", reason });
});

test("put-rejected-rules writes the list, announce an event of the rule or of the cluster", async (t) => {
  const bench = await createBench(t);
  const rejections = [{ rule: "apart", because: "process:a is alone" }];
  const rejected = {
    code: "rule-rejected",
    ...rejections[0],
    rule: "apart",
    because: "b",
  } as const;
  const braking = {
    code: "brake",
    brake: "on",
    lostCount: 2,
    nodeCount: 3,
    recoveriesAtOnce: 10,
  } as const;
  await bench.write([
    { kind: "put-rejected-rules", rejections },
    { kind: "announce", subject: "apart", reason: rejected },
    { kind: "announce", subject: "cluster", reason: braking },
  ]);
  assert.deepEqual(await bench.valueOf(keys.rejectedRules), { version: 1, rejections });
  const [first, second] = await bench.events();
  assert.partialDeepStrictEqual(first, { kind: "rule", subject: "apart" });
  assert.partialDeepStrictEqual(second, { kind: "cluster", subject: "cluster" });
});
