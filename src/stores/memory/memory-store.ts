/**
 * The store for tests and simulations: everything in memory, nothing of Node.js. Several servers of one process
 * may share it. A write is done before `txn` returns its promise, so a given order of calls has one outcome.
 */
import type { Clock } from "../../ports/clock.ts";
import type { Store } from "../../ports/store.ts";
import { EmbeddedStore } from "../shared/embedded-store.ts";
import { historyBytesMaxDefault, historyRevisionsMaxDefault } from "../shared/limits.ts";
import { MemoryBackend } from "./memory-backend.ts";

export interface MemoryStoreOptions {
  /** Measures leases. */
  readonly clock: Clock;
  /** Revisions that watches can resume from, at least; default 10,000. */
  readonly historyRevisionsMax?: number;
}

/** A new, empty store. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  const backend = new MemoryBackend({
    historyRevisionsMax: options.historyRevisionsMax ?? historyRevisionsMaxDefault,
    historyBytesMax: historyBytesMaxDefault,
  });
  return new EmbeddedStore({ backend, clock: options.clock, schedule: (run) => run() });
}
