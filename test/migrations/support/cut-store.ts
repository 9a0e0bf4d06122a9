/** Stores that lose their transactions, or note them. */
import assert from "node:assert/strict";
import { err, type Result } from "../../../src/core/result.ts";
import type { Store, StoreError, Txn, TxnOutcome } from "../../../src/ports/store.ts";

/** What a test offers to those that clean up. */
export interface TestEnd {
  after(end: () => Promise<void> | void): void;
}

/** By key, as a store gives them. */
export function inOrder<T>(map: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...map].sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Deletes them. */
export async function remove(store: Store, keys: readonly string[]): Promise<void> {
  const then = keys.map((key) => ({ kind: "delete", key }) as const);
  assert.ok((await store.txn({ compare: [], then })).ok);
}

/** Deletes all. */
export async function empty(store: Store): Promise<void> {
  const read = await store.range("");
  assert.ok(read.ok);
  const keys = read.value.entries.map(({ key }) => key);
  for (let at = 0; at < keys.length; at += 500) await remove(store, keys.slice(at, at + 500));
}

function delegating(store: Store, txn: Store["txn"]): Store {
  return {
    capabilities: store.capabilities,
    get: (key) => store.get(key),
    range: (prefix, more) => store.range(prefix, more),
    watch: (prefix, more) => store.watch(prefix, more),
    txn,
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    keepLeaseAlive: (lease) => store.keepLeaseAlive(lease),
    revokeLease: (lease) => store.revokeLease(lease),
    close: () => store.close(),
  };
}

/** Notes each transaction. */
export function recorded(store: Store): { readonly store: Store; readonly txns: readonly Txn[] } {
  const txns: Txn[] = [];
  const noting = delegating(store, (txn) => {
    txns.push(txn);
    return store.txn(txn);
  });
  return { store: noting, txns };
}

const lost: StoreError = { kind: "unavailable", message: "cut off", mayHaveTakenEffect: true };

/** Its transaction of that number is the last: done, or not, and nobody knows which. */
export function cutting(
  store: Store,
  number: number,
  moment: "before" | "after",
  onCut: () => void,
): Store {
  let count = 0;
  return delegating(store, async (txn): Promise<Result<TxnOutcome, StoreError>> => {
    count += 1;
    if (count !== number) return await store.txn(txn);
    if (moment === "after") await store.txn(txn);
    onCut();
    return err(lost);
  });
}
