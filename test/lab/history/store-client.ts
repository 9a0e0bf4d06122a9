/** Histories of a store: its keys below one prefix. */
import type { Result } from "../../../src/core/result.ts";
import type { Compare, Operation, Store, StoreError, Txn } from "../../../src/ports/store.ts";
import type { BranchWrite } from "../linearizability/operation.ts";
import type { HistoryClient, Outcome, Seen } from "./history-client.ts";

const prefix = "history/";

/** A client that works on the store itself. */
export function storeClient(store: Store): HistoryClient {
  const commit = async (txn: Txn): Promise<Outcome<boolean>> =>
    outcomeOf(await store.txn(txn), ({ succeeded }) => succeeded);
  const always = async (operation: Operation): Promise<Outcome<void>> => {
    const outcome = await commit({ compare: [], then: [operation] });
    return outcome.kind === "done" ? { kind: "done", value: undefined } : outcome;
  };
  return {
    read: async (key) =>
      outcomeOf(await store.get(prefix + key), ({ entry }) => ({
        value: entry === undefined ? undefined : String(entry.value),
        token: entry?.modRevision,
      })),
    write: (key, value) => always({ kind: "put", key: prefix + key, value }),
    compareAndSet: (key, expected, value) =>
      commit({ compare: [isAsSeen(key, expected)], then: writes(key, { value }) }),
    further: {
      remove: (key) => always({ kind: "delete", key: prefix + key }),
      txn: (key, { expected, then, otherwise }) =>
        commit({
          compare: [isAsSeen(key, expected)],
          then: writes(key, then),
          otherwise: writes(key, otherwise),
        }),
    },
  };
}

function isAsSeen(key: string, { token }: Seen): Compare {
  if (token === undefined) return { kind: "absent", key: prefix + key };
  return { kind: "modified-at", key: prefix + key, revision: token };
}

function writes(key: string, write: BranchWrite | undefined): readonly Operation[] {
  if (write === undefined) return [];
  if (write.value === undefined) return [{ kind: "delete", key: prefix + key }];
  return [{ kind: "put", key: prefix + key, value: write.value }];
}

function outcomeOf<T, V>(result: Result<T, StoreError>, wanted: (value: T) => V): Outcome<V> {
  if (result.ok) return { kind: "done", value: wanted(result.value) };
  return { kind: result.error.mayHaveTakenEffect ? "unknown" : "not-done" };
}
