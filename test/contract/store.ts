/** The store contract (`src/ports/store.ts`) as tests. Every adapter passes all of them. */
import { describe } from "node:test";
import { leaseContract } from "./store-leases.ts";
import { modelContract } from "./store-model.ts";
import type { MakeStore, StoreTime } from "./store-support.ts";
import { txnContract } from "./store-txn.ts";
import { watchContract } from "./store-watch.ts";

/** Declares the contract's tests for the stores that `makeStore` makes; each test gets a new, empty one. */
export function storeContract(
  name: string,
  makeStore: MakeStore,
  time: StoreTime = "simulated",
): void {
  describe(`${name} store contract`, () => {
    txnContract(makeStore);
    watchContract(makeStore);
    leaseContract(makeStore, time);
    modelContract(makeStore, time);
  });
}
