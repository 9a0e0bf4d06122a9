/** What the store contract's tests share. */
import assert from "node:assert/strict";
import type { Result } from "../../src/core/result.ts";
import type {
  JsonValue,
  LeaseId,
  Operation,
  Store,
  StoredEntry,
  StoreError,
  StoreRevision,
  WatchBatch,
} from "../../src/ports/store.ts";

/** A store and the power over its time. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Lets time pass for leases: by moving a clock, or by waiting. */
  advance(spanMs: number): Promise<void>;
  /** Closes the store and removes what it left. */
  dispose(): Promise<void>;
}

/** Whose clock leases run by; `real` time is dear, so less of it is spent. */
export type StoreTime = "simulated" | "real";

export interface MakeStoreOptions {
  /** Keep about so many revisions for watches. */
  readonly historyRevisionsMax?: number;
}

export type MakeStore = (options?: MakeStoreOptions) => Promise<StoreUnderTest>;

/** The value of a success; anything else fails the test with the error's message. */
export function must<T>(result: Result<T, StoreError>): T {
  assert.ok(result.ok, result.ok ? "" : `${result.error.kind}: ${result.error.message}`);
  return result.value;
}

/** The error of a failure. */
export function errorOf<T>(result: Result<T, StoreError>): StoreError {
  assert.ok(!result.ok, "an error was expected, and it succeeded");
  return result.error;
}

export function put(key: string, value: JsonValue, leaseId?: LeaseId): Operation {
  return leaseId === undefined ? { kind: "put", key, value } : { kind: "put", key, value, leaseId };
}

export function remove(key: string): Operation {
  return { kind: "delete", key };
}

/** Does operations without condition; the revision after them. */
export async function write(store: Store, ...then: readonly Operation[]): Promise<StoreRevision> {
  return must(await store.txn({ compare: [], then })).revision;
}

export async function entryOf(store: Store, key: string): Promise<StoredEntry | undefined> {
  return must(await store.get(key)).entry;
}

export async function revisionOf(store: Store): Promise<StoreRevision> {
  return must(await store.get("any")).revision;
}

/** Waits until `isTrue`, at most ten seconds. */
export async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!(await isTrue())) {
    assert.ok(performance.now() < deadlineMs, `this did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A promise's value, or a failed test after ten seconds. */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`this did not happen in time: ${what}`));
  }, 10_000);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A running watch that a test reads batch by batch. */
export interface Reader {
  /** The next batch; fails when the watch yields an error, ends, or stays silent. */
  batch(): Promise<WatchBatch>;
  /** The error that ends the watch. */
  error(): Promise<StoreError>;
  /** Waits for the end of the iteration. */
  ended(): Promise<void>;
  stop(): void;
}

export function read(store: Store, prefix: string, fromRevision: StoreRevision): Reader {
  const controller = new AbortController();
  const watch = store.watch(prefix, { fromRevision, signal: controller.signal });
  const iterator = watch[Symbol.asyncIterator]();
  const next = async (): Promise<Result<WatchBatch, StoreError> | undefined> => {
    const step = await inTime(`the watch of "${prefix}" says something`, iterator.next());
    return step.done === true ? undefined : step.value;
  };
  const said = async (): Promise<Result<WatchBatch, StoreError>> => {
    const result = await next();
    assert.ok(result !== undefined, "the watch ended and should not have");
    return result;
  };
  return {
    batch: async () => must(await said()),
    error: async () => errorOf(await said()),
    ended: async () => assert.equal(await next(), undefined, "the watch has ended"),
    stop: () => controller.abort(),
  };
}
