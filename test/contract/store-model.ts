/** The store contract by comparison: random operations on the store and on a second, dumb implementation. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Compare, JsonValue, Operation, Store, WatchBatch } from "../../src/ports/store.ts";
import {
  errorOf,
  inTime,
  type MakeStore,
  must,
  revisionOf,
  type StoreTime,
  type StoreUnderTest,
  until,
} from "./store-support.ts";

/** Leases are named by the order in which they were granted; the store's own ids differ. */
type ModelOperation =
  | {
      readonly kind: "put";
      readonly key: string;
      readonly value: JsonValue;
      readonly lease?: number;
    }
  | { readonly kind: "delete"; readonly key: string };

type ModelCompare =
  | { readonly kind: "absent" | "present"; readonly key: string }
  /** `back`: so many revisions before the key's own; 0 holds. */
  | { readonly kind: "created-at" | "modified-at"; readonly key: string; readonly back: number };

type Step =
  | {
      readonly kind: "txn";
      readonly compare: readonly ModelCompare[];
      readonly then: readonly ModelOperation[];
      readonly otherwise: readonly ModelOperation[];
    }
  | { readonly kind: "grant" }
  | { readonly kind: "revoke" | "renew"; readonly lease: number }
  | { readonly kind: "wait"; readonly thirds: number };

interface ModelEntry {
  value: JsonValue;
  created: number;
  modified: number;
  lease: number | undefined;
}

const ttlMs = 3_000;

/** As dumb as can be: scans everything, every time. */
class Model {
  revision: number;
  readonly entries = new Map<string, ModelEntry>();
  /** Thirds of the TTL that are left; undefined: it is over. */
  readonly leases: (number | undefined)[] = [];
  /** Changes by revision. Batches of one group may come in any order: leases that end at the same time. */
  readonly batches: { group: number; changes: string[] }[] = [];
  group = 0;

  constructor(revision: number) {
    this.revision = revision;
  }

  holds(compare: ModelCompare): boolean {
    const entry = this.entries.get(compare.key);
    if ("back" in compare) return entry !== undefined && compare.back === 0;
    return (entry === undefined) === (compare.kind === "absent");
  }

  txn(step: Extract<Step, { kind: "txn" }>): "lease-not-found" | boolean {
    const succeeded = step.compare.every((compare) => this.holds(compare));
    const operations = succeeded ? step.then : step.otherwise;
    for (const operation of operations) {
      if (operation.kind === "put" && operation.lease !== undefined) {
        if (this.leases[operation.lease] === undefined) return "lease-not-found";
      }
    }
    const revision = this.revision + 1;
    const changes = operations.flatMap((operation) => {
      const before = this.entries.get(operation.key);
      if (operation.kind === "delete") {
        if (before === undefined) return [];
        this.entries.delete(operation.key);
        return [`deleted ${operation.key} ${JSON.stringify(before.value)}`];
      }
      const { key, value, lease } = operation;
      const created = before?.created ?? revision;
      this.entries.set(key, { value, created, modified: revision, lease });
      return [`put ${key} ${JSON.stringify(value)} ${created}`];
    });
    this.group += 1;
    this.commit(changes);
    return succeeded;
  }

  passThird(): void {
    this.group += 1;
    const left = this.leases.map((thirds) => (thirds === undefined ? undefined : thirds - 1));
    for (const [lease, thirds] of left.entries()) {
      if (thirds === 0) this.end(lease);
      else this.leases[lease] = thirds;
    }
  }

  end(lease: number): void {
    if (this.leases[lease] === undefined) return;
    this.leases[lease] = undefined;
    const changes: string[] = [];
    for (const key of [...this.entries.keys()].sort()) {
      const entry = this.entries.get(key);
      if (entry?.lease !== lease) continue;
      this.entries.delete(key);
      changes.push(`deleted ${key} ${JSON.stringify(entry.value)}`);
    }
    this.commit(changes);
  }

  commit(changes: string[]): void {
    if (changes.length === 0) return;
    this.revision += 1;
    this.batches.push({ group: this.group, changes });
  }
}

const keys = ["a", "a/1", "a/2", "b", "c"];
const keyArbitrary = fc.constantFrom(...keys);
const leaseArbitrary = fc.nat({ max: 3 });
const operationArbitrary: fc.Arbitrary<ModelOperation> = fc.oneof(
  fc.record({ kind: fc.constant("delete"), key: keyArbitrary }),
  fc.record({ kind: fc.constant("put"), key: keyArbitrary, value: fc.nat({ max: 9 }) }),
  fc.record({
    kind: fc.constant("put"),
    key: keyArbitrary,
    value: fc.constantFrom<JsonValue>(null, "", { x: [1, { y: "é" }] }),
    lease: leaseArbitrary,
  }),
);
const operationsArbitrary = fc.uniqueArray(operationArbitrary, {
  maxLength: 4,
  selector: (operation) => operation.key,
});
const compareArbitrary: fc.Arbitrary<ModelCompare> = fc.oneof(
  fc.record({ kind: fc.constantFrom("absent", "present"), key: keyArbitrary }),
  fc.record({
    kind: fc.constantFrom("created-at", "modified-at"),
    key: keyArbitrary,
    back: fc.nat({ max: 1 }),
  }),
);
const stepsOf = (weights: Weights): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: weights.txn,
      arbitrary: fc.record({
        kind: fc.constant("txn"),
        compare: fc.array(compareArbitrary, { maxLength: 2 }),
        then: operationsArbitrary,
        otherwise: operationsArbitrary,
      }),
    },
    { weight: weights.grant, arbitrary: fc.record({ kind: fc.constant("grant") }) },
    {
      weight: weights.lease,
      arbitrary: fc.record({ kind: fc.constantFrom("revoke", "renew"), lease: leaseArbitrary }),
    },
    {
      weight: weights.wait,
      arbitrary: fc.record({ kind: fc.constant("wait"), thirds: fc.nat({ max: 3 }) }),
    },
  );

interface Weights {
  readonly txn: number;
  readonly grant: number;
  readonly lease: number;
  readonly wait: number;
}

const weightsByTime: Readonly<Record<StoreTime, Weights>> = {
  simulated: { txn: 6, grant: 1, lease: 2, wait: 2 },
  real: { txn: 30, grant: 6, lease: 8, wait: 1 },
};
const runsByTime: Readonly<Record<StoreTime, number>> = { simulated: 60, real: 15 };

/** Runs the same steps on both. */
class Pair {
  readonly #made: StoreUnderTest;
  readonly #model: Model;
  readonly #ids: string[] = [];

  constructor(made: StoreUnderTest, model: Model) {
    this.#made = made;
    this.#model = model;
  }

  async run(step: Step): Promise<void> {
    const { store } = this.#made;
    switch (step.kind) {
      case "txn":
        return this.#txn(step);
      case "grant":
        this.#ids.push(must(await store.grantLease(ttlMs)));
        this.#model.leases.push(3);
        return;
      case "revoke":
        must(await store.revokeLease(this.#idOf(step.lease)));
        this.#model.group += 1;
        this.#model.end(step.lease);
        return;
      case "renew": {
        const isAlive = this.#model.leases[step.lease] !== undefined;
        assert.equal((await store.keepLeaseAlive(this.#idOf(step.lease))).ok, isAlive);
        if (isAlive) this.#model.leases[step.lease] = 3;
        return;
      }
      case "wait":
        return this.#wait(step.thirds);
    }
  }

  async #txn(step: Extract<Step, { kind: "txn" }>): Promise<void> {
    const result = await this.#made.store.txn({
      compare: step.compare.map((compare) => this.#compareOf(compare)),
      then: step.then.map((operation) => this.#operationOf(operation)),
      otherwise: step.otherwise.map((operation) => this.#operationOf(operation)),
    });
    const expected = this.#model.txn(step);
    if (expected === "lease-not-found") {
      assert.equal(errorOf(result).kind, expected);
      return;
    }
    assert.deepEqual(must(result), { succeeded: expected, revision: this.#model.revision });
  }

  async #wait(thirds: number): Promise<void> {
    for (let third = 0; third < thirds; third++) {
      this.#model.passThird();
      await this.#made.advance(ttlMs / 3);
      await until(`revision ${this.#model.revision} is reached`, async () => {
        return (await revisionOf(this.#made.store)) >= this.#model.revision;
      });
    }
  }

  #idOf(lease: number): string {
    return this.#ids[lease] ?? "999999";
  }

  #operationOf(operation: ModelOperation): Operation {
    if (operation.kind === "delete") return operation;
    const { key, value, lease } = operation;
    return { kind: "put", key, value, leaseId: lease === undefined ? lease : this.#idOf(lease) };
  }

  #compareOf(compare: ModelCompare): Compare {
    if (!("back" in compare)) return compare;
    const { kind, key, back } = compare;
    const entry = this.#model.entries.get(key);
    const own = kind === "created-at" ? entry?.created : entry?.modified;
    return { kind, key, revision: (own ?? 1) - back };
  }
}

async function compareEntries(store: Store, model: Model): Promise<void> {
  const read = must(await store.range(""));
  const actual = read.entries.map(({ key, value, createRevision, modRevision, leaseId }) => {
    const isLeased = leaseId !== undefined;
    return { key, value, created: createRevision, modified: modRevision, isLeased };
  });
  const expected = [...model.entries]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, { value, created, modified, lease }]) => {
      return { key, value, created, modified, isLeased: lease !== undefined };
    });
  assert.deepEqual(actual, expected);
  assert.equal(read.revision, model.revision);
}

function textOf(batch: WatchBatch): string[] {
  return batch.changes.map((change) => {
    if (change.kind === "delete") {
      return `deleted ${change.key} ${JSON.stringify(change.previous)}`;
    }
    const { key, value, createRevision } = change.entry;
    return `put ${key} ${JSON.stringify(value)} ${createRevision}`;
  });
}

async function compareHistory(store: Store, model: Model, fromRevision: number): Promise<void> {
  const controller = new AbortController();
  const iterator = store.watch("", { fromRevision, signal: controller.signal });
  const actual: { group: number; text: string }[] = [];
  if (model.batches.length > 0) {
    const all = (async () => {
      for await (const result of iterator) {
        const batch = must(result);
        assert.equal(batch.revision, fromRevision + actual.length);
        const group = model.batches[actual.length]?.group ?? -1;
        actual.push({ group, text: textOf(batch).join("; ") });
        if (actual.length === model.batches.length) break;
      }
    })();
    await inTime("the whole history is replayed", all);
  }
  controller.abort();
  const expected = model.batches.map(({ group, changes }) => ({ group, text: changes.join("; ") }));
  assert.deepEqual(inAnyOrder(actual), inAnyOrder(expected));
}

/** Sorts the texts within each group. */
function inAnyOrder(batches: readonly { group: number; text: string }[]): readonly string[] {
  return batches
    .map(({ group, text }) => `${String(group).padStart(6, "0")} ${text}`)
    .sort((left, right) => (left < right ? -1 : 1));
}

export function modelContract(makeStore: MakeStore, time: StoreTime): void {
  const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_007);
  const numRuns = Number(process.env["HOLDFAST_RUNS"] ?? runsByTime[time]);
  describe("random operations", () => {
    it(`do the same as a dumb implementation (HOLDFAST_SEED=${seed})`, async (t) => {
      t.diagnostic(`HOLDFAST_SEED=${seed} HOLDFAST_RUNS=${numRuns}`);
      const property = fc.asyncProperty(
        fc.array(stepsOf(weightsByTime[time]), { minLength: 5, maxLength: 40 }),
        async (steps) => {
          const made = await makeStore();
          try {
            const fromRevision = (await revisionOf(made.store)) + 1;
            const model = new Model(fromRevision - 1);
            const pair = new Pair(made, model);
            for (const step of steps) {
              await pair.run(step);
              await compareEntries(made.store, model);
            }
            await compareHistory(made.store, model, fromRevision);
          } finally {
            await made.dispose();
          }
        },
      );
      await fc.assert(property, { seed, numRuns });
    });
  });
}
