/**
 * A store whose writes can be held back, while what is in it moves to another engine. Reads, watches and renewals
 * go on; a write that was begun before is finished before the gate is closed, so that nothing that was
 * acknowledged is missed.
 */
import { err, type Result } from "../../core/result.ts";
import type { LeaseId, Store, StoreError, Txn } from "../../ports/store.ts";

export interface GatedStore extends Store {
  /**
   * Resolves when nothing of the kind is under way any more; new ones are refused until `release`. `all`: renewals
   * of leases too.
   */
  hold(what: "writes" | "all"): Promise<void>;
  release(): void;
}

const refusal: StoreError = {
  kind: "refused",
  message: "the store is being moved to another engine; try again in some seconds",
  mayHaveTakenEffect: false,
};

/** Wraps a store. */
export function createGatedStore(store: Store): GatedStore {
  let held: "nothing" | "writes" | "all" = "nothing";
  /** Counted apart: renewals never cease, and a hold of writes must not wait for a moment without any. */
  const underWay = { write: new UnderWay(), renewal: new UnderWay() };

  async function pass<T>(
    kind: "write" | "renewal",
    write: () => Promise<Result<T, StoreError>>,
  ): Promise<Result<T, StoreError>> {
    if (held === "all" || (held === "writes" && kind === "write")) return err(refusal);
    return await underWay[kind].count(write);
  }

  return {
    capabilities: store.capabilities,
    get: (key) => store.get(key),
    range: (prefix, options) => store.range(prefix, options),
    watch: (prefix, options) => store.watch(prefix, options),
    txn: (txn: Txn) => pass("write", () => store.txn(txn)),
    grantLease: (ttlMs: number) => pass("write", () => store.grantLease(ttlMs)),
    revokeLease: (lease: LeaseId) => pass("write", () => store.revokeLease(lease)),
    keepLeaseAlive: (lease: LeaseId) => pass("renewal", () => store.keepLeaseAlive(lease)),
    close: () => store.close(),
    async hold(what) {
      held = what;
      await underWay.write.idle();
      if (what === "all") await underWay.renewal.idle();
    },
    release() {
      held = "nothing";
    },
  };
}

/** Counts what is under way. */
class UnderWay {
  #count = 0;
  #waiting: (() => void)[] = [];

  async count<T>(action: () => Promise<T>): Promise<T> {
    this.#count += 1;
    try {
      return await action();
    } finally {
      this.#count -= 1;
      if (this.#count === 0) for (const tell of this.#waiting.splice(0)) tell();
    }
  }

  /** Resolves when there is nothing; whoever calls lets nothing new begin. */
  async idle(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
