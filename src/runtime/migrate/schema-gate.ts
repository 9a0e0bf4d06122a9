/**
 * A store as a server of one program may write to it: every transaction names the schema's record as it was read. A
 * server that slept through a migration, or whose write was long under way, can change nothing any more (S6 for those
 * who migrated: what they wrote stays as it is).
 */
import { assert } from "../../core/assert.ts";
import { judgeSchema } from "../../core/migrations/verdict.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Store, StoreError, Txn, TxnOutcome } from "../../ports/store.ts";
import { keys } from "../../wire/records.ts";
import { pause } from "../manager-pulse.ts";
import {
  readStoredSchema,
  type SchemaProgram,
  type SchemaReading,
  schemaCompare,
} from "./stored-schema.ts";

/** The schema's record changes once in a migration: more in one write's time is no store that can be worked with. */
const readingsMax = 5;
const watchAgainMs = 1_000;

export interface SchemaGate {
  /** The store, for all that the server writes. */
  readonly store: Store;
  /** Why this program may not write any more, once that is so. */
  readonly closed: Promise<string>;
  /** Looks for that by itself, too, until the signal aborts. */
  watch(clock: Clock, signal: AbortSignal): Promise<void>;
}

/** A gate that is open for as long as `judgeSchema` lets the program serve; `reading` is what was judged. */
export function createSchemaGate(
  store: Store,
  program: SchemaProgram,
  reading: SchemaReading,
): SchemaGate {
  const gate = new Gate(store, program, reading);
  return {
    store: gatedStore(store, gate),
    closed: gate.closed,
    watch: (clock, signal) => gate.watch(clock, signal),
  };
}

class Gate {
  readonly #store: Store;
  readonly #program: SchemaProgram;
  readonly #end = Promise.withResolvers<string>();
  #reading: Pick<SchemaReading, "revision">;
  #because: string | undefined;

  constructor(store: Store, program: SchemaProgram, reading: SchemaReading) {
    this.#store = store;
    this.#program = program;
    this.#reading = reading;
  }

  get closed(): Promise<string> {
    return this.#end.promise;
  }

  async txn(txn: Txn): Promise<Result<TxnOutcome, StoreError>> {
    // Which of the two branches was taken would not tell whether the schema was the reason.
    assert((txn.otherwise ?? []).length === 0, "a server's write has one branch");
    for (let count = 0; count < readingsMax; count += 1) {
      if (this.#because !== undefined) return err(refusal(this.#because));
      const { revision } = this.#reading;
      const compare = [...txn.compare, schemaCompare({ revision })];
      const outcome = await this.#store.txn({ ...txn, compare });
      if (!outcome.ok || outcome.value.succeeded) return outcome;
      const read = await this.#read();
      if (!read.ok) return err({ ...read.error, mayHaveTakenEffect: false });
      if (read.value.revision === revision) return outcome;
    }
    return err(refusal("the store's schema changes all the time"));
  }

  async watch(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#because === undefined) {
      const read = await this.#store.get(keys.schema);
      if (read.ok) {
        await this.#read();
        await this.#follow(read.value.revision + 1, signal);
      }
      await pause(clock, watchAgainMs, signal);
    }
  }

  /** Until the watch ends, or the gate is closed. */
  async #follow(fromRevision: number, signal: AbortSignal): Promise<void> {
    for await (const batch of this.#store.watch(keys.schema, { fromRevision, signal })) {
      if (!batch.ok) return;
      await this.#read();
      if (this.#because !== undefined) return;
    }
  }

  async #read(): Promise<Result<SchemaReading, StoreError>> {
    const read = await readStoredSchema(this.#store);
    if (!read.ok) return read;
    const verdict = judgeSchema(read.value.stored, this.#program);
    if (verdict.kind === "serve") {
      this.#reading = read.value;
    } else {
      this.#because ??= verdict.because;
      this.#end.resolve(this.#because);
    }
    return ok(read.value);
  }
}

function refusal(because: string): StoreError {
  return { kind: "refused", message: because, mayHaveTakenEffect: false };
}

function gatedStore(store: Store, gate: Gate): Store {
  const { leaseEra, leaseEndIsProofAtMs } = store;
  return {
    capabilities: store.capabilities,
    get: (key) => store.get(key),
    range: (prefix, options) => store.range(prefix, options),
    watch: (prefix, options) => store.watch(prefix, options),
    txn: (txn) => gate.txn(txn),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    keepLeaseAlive: (lease) => store.keepLeaseAlive(lease),
    revokeLease: (lease) => store.revokeLease(lease),
    ...(leaseEra === undefined ? {} : { leaseEra: () => leaseEra.call(store) }),
    ...(leaseEndIsProofAtMs === undefined
      ? {}
      : {
          leaseEndIsProofAtMs: (era: number | undefined, ttlMs: number) =>
            leaseEndIsProofAtMs.call(store, era, ttlMs),
        }),
    close: () => store.close(),
  };
}
