/** Watches of the store contract. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Store, WatchBatch } from "../../src/ports/store.ts";
import {
  type MakeStore,
  type MakeStoreOptions,
  put,
  type Reader,
  read,
  remove,
  revisionOf,
  write,
} from "./store-support.ts";

type WithStore = (
  run: (store: Store) => Promise<void>,
  options?: MakeStoreOptions,
) => Promise<void>;

export function watchContract(makeStore: MakeStore): void {
  const withStore: WithStore = async (run, options) => {
    const { store, dispose } = await makeStore(options);
    try {
      await run(store);
    } finally {
      await dispose();
    }
  };
  describe("watch()", () => {
    contentTests(withStore);
    joinTests(withStore);
    endTests(withStore);
    compactionTests(withStore);
  });
}

function contentTests(withStore: WithStore): void {
  it("yields one batch a revision, with the changes below the prefix only", () =>
    withStore(async (store) => {
      const before = await revisionOf(store);
      const reader = read(store, "a/", before + 1);
      const first = await write(store, put("a/1", 1), put("b/1", 1), put("a/2", 2));
      await write(store, put("b/1", 2));
      const third = await write(store, remove("a/1"), put("a/2", 3));
      assert.deepEqual(await reader.batch(), {
        revision: first,
        changes: [putChange("a/1", 1, first, first), putChange("a/2", 2, first, first)],
      });
      assert.deepEqual(await reader.batch(), {
        revision: third,
        changes: [{ kind: "delete", key: "a/1", previous: 1 }, putChange("a/2", 3, first, third)],
      });
      reader.stop();
    }));

  it("yields nothing for what changed nothing", () =>
    withStore(async (store) => {
      const reader = read(store, "", (await revisionOf(store)) + 1);
      await write(store, remove("absent"));
      const revision = await write(store, put("k", 1));
      assert.equal((await reader.batch()).revision, revision);
      reader.stop();
    }));
}

function putChange(
  key: string,
  value: number,
  createRevision: number,
  modRevision: number,
): WatchBatch["changes"][number] {
  const entry = { key, value, createRevision, modRevision, leaseId: undefined };
  return { kind: "put", entry };
}

async function readNumbers(reader: Reader, count: number): Promise<number[]> {
  const revisions: number[] = [];
  while (revisions.length < count) revisions.push((await reader.batch()).revision);
  return revisions;
}

function joinTests(withStore: WithStore): void {
  it("joins history and live changes without gap or repeat", () =>
    withStore(async (store) => {
      const first = await write(store, put("k", 0));
      const writes: Promise<number>[] = [];
      const readers: Promise<number[]>[] = [];
      for (let round = 0; round < 30; round++) {
        for (let index = 0; index < 10; index++) writes.push(write(store, put("k", round)));
        const reader = read(store, "k", first);
        readers.push(readNumbers(reader, 301).finally(() => reader.stop()));
        await writes.at(-1);
      }
      await Promise.all(writes);
      const expected = Array.from({ length: 301 }, (_, index) => first + index);
      for (const revisions of await Promise.all(readers)) assert.deepEqual(revisions, expected);
    }));

  it("replays a history that is longer than one read", () =>
    withStore(async (store) => {
      const first = (await revisionOf(store)) + 1;
      const revisions: number[] = [];
      // Writes of one key wait for each other: a thousand at once may be too many for a slow disk.
      while (revisions.length < 1_000) {
        const writes = Array.from({ length: 100 }, (_, index) =>
          write(store, put(index === 0 ? "rare" : "often", index)),
        );
        revisions.push(...(await Promise.all(writes)));
      }
      const reader = read(store, "rare", first);
      const seen = await readNumbers(reader, 10);
      assert.deepEqual(
        seen,
        revisions.filter((_, index) => index % 100 === 0),
      );
      const live = await write(store, put("rare", 0));
      assert.equal((await reader.batch()).revision, live);
      reader.stop();
    }));

  it("continues from a read's revision", () =>
    withStore(async (store) => {
      await write(store, put("k", 1));
      const reader = read(store, "k", (await revisionOf(store)) + 1);
      const revision = await write(store, put("k", 2));
      assert.equal((await reader.batch()).revision, revision);
      reader.stop();
    }));

  it("waits for a revision that is still to come", () =>
    withStore(async (store) => {
      const now = await revisionOf(store);
      const reader = read(store, "", now + 3);
      const batch = reader.batch();
      for (let value = 0; value < 3; value++) await write(store, put("k", value));
      assert.equal((await batch).revision, now + 3);
      reader.stop();
    }));
}

function endTests(withStore: WithStore): void {
  it("ends at once by its signal, also while it waits", () =>
    withStore(async (store) => {
      const reader = read(store, "k", 1 + (await revisionOf(store)));
      const ended = reader.ended();
      reader.stop();
      await ended;
      const busy = read(store, "k", 1 + (await revisionOf(store)));
      await write(store, put("k", 1));
      await write(store, put("k", 2));
      await busy.batch();
      busy.stop();
      await busy.ended();
      const early = read(store, "", 1);
      early.stop();
      await early.ended();
    }));

  it("ends with `closed` when the store is closed", () =>
    withStore(async (store) => {
      const reader = read(store, "k", 1 + (await revisionOf(store)));
      const said = reader.error();
      await store.close();
      assert.equal((await said).kind, "closed");
      await reader.ended();
      const late = read(store, "k", 1);
      assert.equal((await late.error()).kind, "closed");
      await late.ended();
    }));

  it("refuses a prefix that no key can have", () =>
    withStore(async (store) => {
      const reader = read(store, "a\0", 1);
      assert.equal((await reader.error()).kind, "refused");
      await reader.ended();
    }));
}

function compactionTests(withStore: WithStore): void {
  const history = { historyRevisionsMax: 20 };

  it("says `compacted` when the history begins later, and resumes within it", () =>
    withStore(async (store) => {
      const first = (await revisionOf(store)) + 1;
      for (let value = 0; value < 100; value++) await write(store, put("k", value));
      const old = read(store, "k", first);
      assert.equal((await old.error()).kind, "compacted");
      await old.ended();
      const last = await revisionOf(store);
      const reader = read(store, "k", last - 19);
      const expected = Array.from({ length: 20 }, (_, index) => last - 19 + index);
      assert.deepEqual(await readNumbers(reader, 20), expected);
      reader.stop();
    }, history));

  it("says `compacted` to a reader that falls behind by more than the history", () =>
    withStore(async (store) => {
      const first = (await revisionOf(store)) + 1;
      const reader = read(store, "k", first);
      await write(store, put("k", 0));
      assert.equal((await reader.batch()).revision, first);
      for (let value = 1; value < 100; value++) await write(store, put("k", value));
      // It may have read ahead a little; then the gap is told, never skipped.
      const error = await errorAfter(reader, first + 1);
      assert.equal(error, "compacted");
      await reader.ended();
    }, history));

  it("does not cut off a reader that keeps up, nor one whose keys rarely change", () =>
    withStore(async (store) => {
      const from = (await revisionOf(store)) + 1;
      const busy = read(store, "busy", from);
      const rare = read(store, "rare", from);
      const rareBatch = rare.batch();
      for (let value = 0; value < 100; value++) {
        const revision = await write(store, put("busy", value));
        assert.equal((await busy.batch()).revision, revision);
      }
      const revision = await write(store, put("rare", 1));
      assert.equal((await rareBatch).revision, revision);
      busy.stop();
      rare.stop();
    }, history));
}

/** Reads on, in order and without gap from `expected`, until the watch ends with an error. */
async function errorAfter(reader: Reader, expected: number): Promise<string> {
  for (let revision = expected; ; revision++) {
    try {
      assert.equal((await reader.batch()).revision, revision);
    } catch (error: unknown) {
      const text = error instanceof Error ? error.message : "";
      const kind = /^(\w[\w-]*): /.exec(text)?.[1];
      if (kind === undefined) throw error;
      return kind;
    }
  }
}
