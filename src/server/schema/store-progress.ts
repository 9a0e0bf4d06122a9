/**
 * A store that tells whenever it has done something, so that whoever waits for a long piece of work on it (the backup, the
 * rehearsal, the migration, the last look, the way back) knows that it goes on, and finds out when it hangs.
 */
import type { Result } from "../../core/result.ts";
import type { Store, StoreError } from "../../ports/store.ts";

/** The same store; `onProgress` is told of each answer that is no error. */
export function storeWithProgress(store: Store, onProgress: () => void): Store {
  async function told<T>(answer: Promise<Result<T, StoreError>>): Promise<Result<T, StoreError>> {
    const known = await answer;
    if (known.ok) onProgress();
    return known;
  }
  return {
    capabilities: store.capabilities,
    get: (key) => told(store.get(key)),
    range: (prefix, options) => told(store.range(prefix, options)),
    txn: (txn) => told(store.txn(txn)),
    watch: (prefix, options) => store.watch(prefix, options),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    keepLeaseAlive: (lease) => store.keepLeaseAlive(lease),
    revokeLease: (lease) => store.revokeLease(lease),
    close: () => store.close(),
  };
}
