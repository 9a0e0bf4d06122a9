/** A store whose methods a test replaces one by one. */
import type { Store } from "../../src/ports/store.ts";

/** The store's own methods, as properties of a plain object. */
export function storeOf(store: Store): Store {
  return {
    capabilities: store.capabilities,
    get: (key) => store.get(key),
    range: (prefix, options) => store.range(prefix, options),
    txn: (txn) => store.txn(txn),
    watch: (prefix, options) => store.watch(prefix, options),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    keepLeaseAlive: (lease) => store.keepLeaseAlive(lease),
    revokeLease: (lease) => store.revokeLease(lease),
    close: () => store.close(),
  };
}
