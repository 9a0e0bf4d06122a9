/** Replicated stores on a test's cluster. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../src/adapters/clock/system-clock.ts";
import type { Log } from "../../../src/ports/log.ts";
import type { LeaseId, Store } from "../../../src/ports/store.ts";
import { type EtcdStoreOptions, openEtcdStore } from "../../../src/stores/etcd/etcd-store.ts";
import type { EtcdStore } from "../../../src/stores/etcd/replicated-store.ts";
import type { MakeStoreOptions, StoreUnderTest } from "../../contract/store-support.ts";
import type { EtcdCluster } from "../../support/etcd-cluster.ts";

export const clock = systemClock;

export const quietLog: Log = { write: () => undefined, with: () => quietLog };

/** Opens a store that must open. */
export async function openStore(
  cluster: EtcdCluster,
  options: Partial<EtcdStoreOptions> = {},
): Promise<EtcdStore> {
  const { endpoints, tls } = cluster;
  const opened = await openEtcdStore({ endpoints, tls, clock, log: quietLog, ...options });
  assert.ok(opened.ok, opened.ok ? "" : opened.error.message);
  return opened.value;
}

let storeCount = 0;
const compactEvery = 10;

/** A store with a prefix of its own for one test of the contract; its leases go with it. */
export async function storeUnderTest(
  cluster: EtcdCluster,
  { historyRevisionsMax }: MakeStoreOptions = {},
): Promise<StoreUnderTest> {
  storeCount += 1;
  const prefix = `/holdfast/test-${storeCount}/`;
  const limits =
    historyRevisionsMax === undefined ? {} : { watchRevisionsMax: historyRevisionsMax };
  const store = await openStore(cluster, { prefix, ...limits });
  const leases = new Map<LeaseId, { readonly ttlMs: number; endsAtMs: number }>();
  return {
    store: watched(store, { cluster, leases, historyRevisionsMax }),
    async advance(spanMs) {
      await sleep(spanMs);
      const over = [...leases].filter(([, { endsAtMs }]) => endsAtMs <= performance.now());
      await Promise.all(over.map(([id]) => untilGone(cluster, id)));
    },
    async dispose() {
      await store.close();
      for (const id of leases.keys()) await gateway(cluster, "/v3/lease/revoke", { ID: id });
    },
  };
}

interface Watched {
  readonly cluster: EtcdCluster;
  readonly leases: Map<LeaseId, { readonly ttlMs: number; endsAtMs: number }>;
  readonly historyRevisionsMax: number | undefined;
}

/** The store itself; what it does is noted, and history is compacted as it grows, as etcd does by the clock. */
function watched(store: Store, { cluster, leases, historyRevisionsMax }: Watched): Store {
  return {
    capabilities: store.capabilities,
    get: (key) => store.get(key),
    range: (prefix, options) => store.range(prefix, options),
    watch: (prefix, options) => store.watch(prefix, options),
    revokeLease: (leaseId) => store.revokeLease(leaseId),
    close: () => store.close(),
    async txn(txn) {
      const done = await store.txn(txn);
      if (done.ok && historyRevisionsMax !== undefined) {
        const revision = done.value.revision - historyRevisionsMax;
        if (revision > 0 && revision % compactEvery === 0) await compact(cluster, revision);
      }
      return done;
    },
    async grantLease(ttlMs) {
      const sentAtMs = performance.now();
      const granted = await store.grantLease(ttlMs);
      if (granted.ok) leases.set(granted.value, { ttlMs, endsAtMs: sentAtMs + ttlMs });
      return granted;
    },
    async keepLeaseAlive(leaseId) {
      const renewed = await store.keepLeaseAlive(leaseId);
      const lease = leases.get(leaseId);
      if (renewed.ok && lease !== undefined) lease.endsAtMs = performance.now() + lease.ttlMs;
      return renewed;
    },
  };
}

/** Drops the history up to a revision. */
export function compact(cluster: EtcdCluster, revision: number): Promise<string | undefined> {
  return gateway(cluster, "/v3/kv/compaction", { revision: String(revision) });
}

/** Waits until etcd has ended a lease whose time is over. */
async function untilGone(cluster: EtcdCluster, id: LeaseId): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await gateway(cluster, "/v3/lease/timetolive", { ID: id });
    if (answer?.includes('"TTL":"-1"') === true) return;
    await sleep(20);
  }
  throw new Error(`lease ${id} has not ended`);
}

async function gateway(
  cluster: EtcdCluster,
  path: string,
  body: object,
): Promise<string | undefined> {
  for (const member of cluster.members) {
    const answer = await member.gateway(path, body);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
