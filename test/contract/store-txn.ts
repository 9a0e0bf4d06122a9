/** Reads and transactions of the store contract. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Compare, JsonValue, Store, Txn } from "../../src/ports/store.ts";
import {
  entryOf,
  errorOf,
  type MakeStore,
  must,
  put,
  remove,
  revisionOf,
  write,
} from "./store-support.ts";

export function txnContract(makeStore: MakeStore): void {
  const withStore = async (run: (store: Store) => Promise<void>): Promise<void> => {
    const { store, dispose } = await makeStore();
    try {
      await run(store);
    } finally {
      await dispose();
    }
  };
  describe("get() and range()", () => readTests(withStore));
  describe("txn()", () => {
    revisionTests(withStore);
    compareTests(withStore);
    refusalTests(withStore);
    concurrencyTests(withStore);
  });
  describe("close()", () => closeTests(withStore));
}

type WithStore = (run: (store: Store) => Promise<void>) => Promise<void>;

/** In order of UTF-8 bytes, which differs from JavaScript's order for the last two. */
const orderedKeys = ["a", "a/", "a/1", "a/10", "a/2", "a0", "b", "é", "\uffee", "\u{1f600}"];

function readTests(withStore: WithStore): void {
  it("get() of an absent key answers no entry and the revision", () =>
    withStore(async (store) => {
      const before = await revisionOf(store);
      const revision = await write(store, put("other", 1));
      assert.ok(revision > before);
      assert.deepEqual(must(await store.get("k")), { entry: undefined, revision });
    }));

  it("range() answers all keys of a prefix in order of their UTF-8 bytes", () =>
    withStore(async (store) => {
      const scrambled = orderedKeys.toReversed();
      const revision = await write(store, ...scrambled.map((key) => put(key, key)));
      const all = must(await store.range(""));
      assert.deepEqual(
        all.entries.map((entry) => entry.key),
        orderedKeys,
      );
      assert.equal(all.revision, revision);
      assert.equal(all.more, false);
      const below = must(await store.range("a/"));
      assert.deepEqual(
        below.entries.map((entry) => entry.value),
        ["a/", "a/1", "a/10", "a/2"],
      );
    }));

  it("range() finds prefixes that end in the last characters of Unicode", () =>
    withStore(async (store) => {
      const keys = ["x\u{10ffff}", "x\u{10ffff}y", "\ud7ff1", "\ue0001", "\u{10ffff}"];
      await write(store, ...keys.map((key) => put(key, true)));
      for (const prefix of ["x\u{10ffff}", "\ud7ff", "\u{10ffff}"]) {
        const found = must(await store.range(prefix)).entries.map((entry) => entry.key);
        const expected = keys.filter((key) => key.startsWith(prefix));
        assert.deepEqual(found, expected);
      }
    }));

  it("range() pages with limit and afterKey", () =>
    withStore(async (store) => {
      await write(store, ...orderedKeys.map((key) => put(key, 0)));
      const seen: string[] = [];
      let afterKey: string | undefined;
      for (let more = true; more; ) {
        const options = afterKey === undefined ? { limit: 3 } : { limit: 3, afterKey };
        const page = must(await store.range("", options));
        assert.ok(page.entries.length <= 3);
        seen.push(...page.entries.map((entry) => entry.key));
        afterKey = seen.at(-1);
        more = page.more;
      }
      assert.deepEqual(seen, orderedKeys);
      const exact = must(await store.range("a/", { limit: 4 }));
      assert.equal(exact.more, false, "nothing follows the last entry");
      const elsewhere = must(await store.range("a/", { afterKey: "Z" }));
      assert.equal(elsewhere.entries.length, 4, "a key before the prefix hides nothing");
      assert.equal(must(await store.range("a/", { afterKey: "b" })).entries.length, 0);
    }));
}

function revisionTests(withStore: WithStore): void {
  it("counts one revision for each transaction that changes something", () =>
    withStore(async (store) => {
      const first = await write(store, put("a", 1), put("b", 2));
      const second = await write(store, put("a", 3));
      assert.equal(second, first + 1);
      const a = await entryOf(store, "a");
      const b = await entryOf(store, "b");
      assert.deepEqual(a, {
        key: "a",
        value: 3,
        createRevision: first,
        modRevision: second,
        leaseId: undefined,
      });
      assert.equal(b?.modRevision, first);
    }));

  it("takes no revision when nothing changed", () =>
    withStore(async (store) => {
      const revision = await write(store, put("a", 1));
      const idle: readonly Txn[] = [
        { compare: [], then: [] },
        { compare: [], then: [remove("absent")] },
        { compare: [{ kind: "absent", key: "a" }], then: [put("a", 2)] },
      ];
      for (const txn of idle) assert.equal(must(await store.txn(txn)).revision, revision);
      assert.equal(await revisionOf(store), revision);
    }));

  it("gives a key that was deleted and made again a new createRevision", () =>
    withStore(async (store) => {
      const first = await write(store, put("a", 1));
      await write(store, remove("a"));
      assert.equal(await entryOf(store, "a"), undefined);
      const again = await write(store, put("a", 1));
      assert.ok(again > first);
      assert.equal((await entryOf(store, "a"))?.createRevision, again);
    }));

  it("keeps values as they were handed over", () =>
    withStore(async (store) => {
      const value = {
        text: 'a"\\\u0000\ud800 é \u{1f600}',
        numbers: [0, -1.5, 1e300, Number.MAX_SAFE_INTEGER],
        nested: { "1": null, "0": [true, false, {}], __proto__x: [] },
      };
      await write(store, put("v", value), put("n", null), put("s", ""));
      const expected = structuredClone(value);
      value.numbers.push(99);
      value.nested["1"] = null;
      assert.deepEqual((await entryOf(store, "v"))?.value, expected);
      assert.equal((await entryOf(store, "n"))?.value, null);
      assert.equal((await entryOf(store, "s"))?.value, "");
    }));
}

function compareTests(withStore: WithStore): void {
  it("does `then` when all comparisons hold, else `otherwise`", () =>
    withStore(async (store) => {
      const created = await write(store, put("k", 1));
      const modified = await write(store, put("k", 2));
      const cases: readonly (readonly [Compare, boolean])[] = [
        [{ kind: "present", key: "k" }, true],
        [{ kind: "present", key: "absent" }, false],
        [{ kind: "absent", key: "absent" }, true],
        [{ kind: "absent", key: "k" }, false],
        [{ kind: "created-at", key: "k", revision: created }, true],
        [{ kind: "created-at", key: "k", revision: modified }, false],
        [{ kind: "created-at", key: "absent", revision: created }, false],
        [{ kind: "modified-at", key: "k", revision: modified }, true],
        [{ kind: "modified-at", key: "k", revision: created }, false],
        [{ kind: "modified-at", key: "absent", revision: modified }, false],
      ];
      const holding: Compare = { kind: "present", key: "k" };
      for (const [compare, holds] of cases) {
        const txn: Txn = {
          compare: [holding, compare],
          then: [put("out", "then")],
          otherwise: [put("out", "otherwise")],
        };
        assert.equal(must(await store.txn(txn)).succeeded, holds, JSON.stringify(compare));
        const expected = holds ? "then" : "otherwise";
        assert.equal((await entryOf(store, "out"))?.value, expected, JSON.stringify(compare));
      }
    }));

  it("compares before it writes", () =>
    withStore(async (store) => {
      const txn: Txn = {
        compare: [{ kind: "absent", key: "k" }],
        then: [put("k", "first")],
        otherwise: [put("k", "second")],
      };
      assert.equal(must(await store.txn(txn)).succeeded, true);
      assert.equal(must(await store.txn(txn)).succeeded, false);
      assert.equal((await entryOf(store, "k"))?.value, "second");
    }));
}

function nestedArray(depth: number): JsonValue {
  let value: JsonValue = [];
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

function refusalTests(withStore: WithStore): void {
  const refusedThen: readonly (readonly [string, Txn["then"]])[] = [
    ["a key that two operations name", [put("a", 1), remove("a")]],
    ["an empty key", [put("", 1)]],
    ["a key that is no valid Unicode", [put("a\ud800", 1)]],
    ["a key with a zero character", [put("a\0b", 1)]],
    ["a key that is too long", [put("é".repeat(513), 1)]],
    ["a value that is too large", [put("big", "x".repeat(1_048_576))]],
    ["a value that JSON cannot hold", [put("nan", Number.NaN)]],
    ["a value that is nested too deep", [put("deep", nestedArray(10_000))]],
    ["too many operations", Array.from({ length: 1_001 }, (_, index) => put(`k${index}`, 0))],
  ];
  for (const [what, then] of refusedThen) {
    it(`refuses ${what}, and changes nothing`, () =>
      withStore(async (store) => {
        const before = await revisionOf(store);
        for (const txn of [
          { compare: [], then: [put("good", 1), ...then] },
          { compare: [], then: [], otherwise: then },
        ]) {
          const error = errorOf(await store.txn(txn));
          assert.equal(error.kind, "refused");
          assert.equal(error.mayHaveTakenEffect, false);
          assert.ok(error.message.length > 10 && error.message.length < 2_000);
        }
        assert.equal(await revisionOf(store), before);
        assert.equal(await entryOf(store, "good"), undefined);
      }));
  }

  it("takes the longest key, the largest value and the most operations", () =>
    withStore(async (store) => {
      const key = "é".repeat(512);
      const text = "x".repeat(1_048_574);
      await write(store, put(key, text));
      assert.equal((await entryOf(store, key))?.value, text);
      await write(store, ...Array.from({ length: 1_000 }, (_, index) => put(`k/${index}`, index)));
      assert.equal(must(await store.range("k/")).entries.length, 1_000);
    }));
}

function concurrencyTests(withStore: WithStore): void {
  it("lets exactly one of many simultaneous elections win", () =>
    withStore(async (store) => {
      const elections = Array.from({ length: 100 }, (_, candidate) =>
        store.txn({
          compare: [{ kind: "absent", key: "manager" }],
          then: [put("manager", candidate)],
        }),
      );
      const outcomes = (await Promise.all(elections)).map(must);
      const winners = outcomes.flatMap(({ succeeded }, index) => (succeeded ? [index] : []));
      assert.equal(winners.length, 1);
      assert.equal((await entryOf(store, "manager"))?.value, winners[0]);
    }));

  it("gives transactions of one turn a revision each, in order of their calls", () =>
    withStore(async (store) => {
      const before = await revisionOf(store);
      const txns = Array.from({ length: 300 }, (_, index) => write(store, put("k", index)));
      const revisions = await Promise.all(txns);
      assert.deepEqual(
        revisions,
        Array.from({ length: 300 }, (_, index) => before + 1 + index),
      );
      assert.equal((await entryOf(store, "k"))?.value, 299);
    }));

  it("reads what was acknowledged", () =>
    withStore(async (store) => {
      const checks = Array.from({ length: 50 }, async (_, index) => {
        const revision = await write(store, put(`k${index}`, index));
        const seen = must(await store.get(`k${index}`));
        assert.equal(seen.entry?.value, index);
        assert.ok(seen.revision >= revision);
      });
      await Promise.all(checks);
    }));
}

function closeTests(withStore: WithStore): void {
  it("answers what was asked before it, and `closed` after it", () =>
    withStore(async (store) => {
      const asked = store.txn({ compare: [], then: [put("a", 1)] });
      const lease = must(await store.grantLease(10_000));
      const late = store.txn({ compare: [], then: [put("b", 1)] });
      await store.close();
      await store.close();
      must(await asked);
      must(await late);
      const answers = [
        await store.get("a"),
        await store.range(""),
        await store.txn({ compare: [], then: [put("c", 1)] }),
        await store.grantLease(1_000),
        await store.keepLeaseAlive(lease),
        await store.revokeLease(lease),
      ];
      for (const answer of answers) {
        const error = answer.ok ? undefined : answer.error;
        assert.equal(error?.kind, "closed");
        assert.equal(error.mayHaveTakenEffect, false);
      }
    }));
}
