/** A store that can be told to fail, for what must happen when the world does. */
import { err, type Result } from "../../src/core/result.ts";
import type { Store, StoreError, Txn, TxnOutcome } from "../../src/ports/store.ts";

export interface FaultyStore extends Store {
  /** What every transaction for which `concerns` holds is answered with, from now on; undefined: the truth. */
  failTxn(error: StoreError | undefined, concerns?: (txn: Txn) => boolean): void;
  /** What every renewal is answered with; undefined: the truth. */
  failRenewals(error: StoreError | undefined): void;
  /** Transactions that were carried out. */
  readonly txns: readonly Txn[];
}

/** Wraps a store. */
export function createFaultyStore(store: Store): FaultyStore {
  let txnError: StoreError | undefined;
  let concerns: (txn: Txn) => boolean = () => true;
  let renewalError: StoreError | undefined;
  const txns: Txn[] = [];
  return {
    capabilities: store.capabilities,
    txns,
    failTxn(error, which = () => true) {
      txnError = error;
      concerns = which;
    },
    failRenewals(error) {
      renewalError = error;
    },
    get: (key) => store.get(key),
    range: (prefix, options) => store.range(prefix, options),
    async txn(txn): Promise<Result<TxnOutcome, StoreError>> {
      if (txnError !== undefined && concerns(txn)) return err(txnError);
      txns.push(txn);
      return await store.txn(txn);
    },
    watch: (prefix, options) => store.watch(prefix, options),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    async keepLeaseAlive(leaseId) {
      return renewalError === undefined ? await store.keepLeaseAlive(leaseId) : err(renewalError);
    },
    revokeLease: (leaseId) => store.revokeLease(leaseId),
    close: () => store.close(),
  };
}
