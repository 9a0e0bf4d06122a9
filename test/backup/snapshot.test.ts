/** A snapshot of a store that is being written to shows one revision, and all that was acknowledged before it began. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { BackupItem } from "../../src/backup/item.ts";
import { takeSnapshot } from "../../src/backup/snapshot.ts";
import type { JsonValue, Store } from "../../src/ports/store.ts";
import { openSqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";

async function openStore(t: TestContext): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), "hf-snapshot-"));
  const opened = await openSqliteStore({ file: join(folder, "store.sqlite"), clock });
  if (!opened.ok) throw new Error(opened.error.message);
  t.after(async () => {
    await opened.value.close();
    rmSync(folder, { recursive: true });
  });
  return opened.value;
}

async function write(store: Store, key: string, value: JsonValue | undefined): Promise<number> {
  const operation =
    value === undefined
      ? ({ kind: "delete", key } as const)
      : ({ kind: "put", key, value } as const);
  const written = await store.txn({ compare: [], then: [operation] });
  if (!written.ok) throw new Error(written.error.message);
  return written.value.revision;
}

const keyCount = 12_000;

/** Writes so many keys, each with its number. The answer is the last revision. */
async function fill(
  store: Store,
  count: number,
  keyOf = (number: number): string => `k${number}`,
): Promise<number> {
  let revision = 0;
  for (let first = 0; first < count; first += 500) {
    const then = [...Array(Math.min(500, count - first)).keys()].map((index) => {
      return { kind: "put", key: keyOf(first + index), value: first + index } as const;
    });
    const written = await store.txn({ compare: [], then });
    if (!written.ok) throw new Error(written.error.message);
    ({ revision } = written.value);
  }
  return revision;
}

/** Mulberry32: small, and the same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a backup comes to. */
function stateOf(items: readonly BackupItem[]): Map<string, JsonValue> {
  const state = new Map<string, JsonValue>();
  for (const item of items) {
    if (item.kind === "entry" || item.kind === "changed") state.set(item.key, item.value);
    else if (item.kind === "deleted") state.delete(item.key);
  }
  return state;
}

test("takeSnapshot() of a store under load shows exactly one revision", async (t) => {
  const seed = randomInt(1_000_000);
  t.diagnostic(`seed ${seed}`);
  const random = randomOf(seed);
  const next = (below: number): number => Math.floor(random() * below);
  const store = await openStore(t);
  /** What was written, by revision. */
  const history: {
    readonly revision: number;
    readonly key: string;
    readonly value: JsonValue | undefined;
  }[] = [];
  const keyOf = (number: number): string => `k${String(number).padStart(5, "0")}`;
  const change = async (): Promise<void> => {
    const key = keyOf(next(keyCount));
    const value = next(4) === 0 ? undefined : { n: history.length };
    history.push({ revision: await write(store, key, value), key, value });
  };
  const before = await fill(store, keyCount, keyOf);
  for (let number = 0; number < keyCount; number += 1) {
    history.push({ revision: before, key: keyOf(number), value: number });
  }
  let isOver = false;
  const load = (async () => {
    while (!isOver) {
      await Promise.all([change(), change(), change()]);
      await setImmediate();
    }
  })();
  const items: BackupItem[] = [];
  const signal = new AbortController().signal;
  for await (const part of takeSnapshot({ store, files: [], signal })) {
    assert.ok(part.ok, part.ok ? "" : part.error);
    items.push(...part.value);
  }
  isOver = true;
  await load;
  const end = items.at(-1);
  assert.ok(end?.kind === "end");
  const { revision, entryCount } = end.summary;
  assert.ok(revision >= before, "all that was acknowledged before is in it");
  assert.ok(revision > before, "something was written meanwhile: else this proves nothing");
  const expected = new Map<string, JsonValue>();
  for (const { revision: at, key, value } of history.toSorted((l, r) => l.revision - r.revision)) {
    if (at > revision) break;
    if (value === undefined) expected.delete(key);
    else expected.set(key, value);
  }
  assert.equal(entryCount, expected.size);
  assert.deepEqual(new Map([...stateOf(items)].sort()), new Map([...expected].sort()));
  assert.ok(
    items.some(({ kind }) => kind === "changed"),
    "some keys changed while others were read",
  );
});

test("takeSnapshot() ends with an error when the store is closed, or it is told to end", async (t) => {
  for (const how of ["closed", "aborted"] as const) {
    const store = await openStore(t);
    await fill(store, 1_200);
    const over = new AbortController();
    const parts: string[] = [];
    for await (const part of takeSnapshot({ store, files: [], signal: over.signal })) {
      parts.push(part.ok ? "items" : "error");
      if (how === "closed") await store.close();
      else over.abort();
    }
    assert.equal(parts.at(-1), "error", how);
  }
});
