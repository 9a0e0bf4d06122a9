/** The replicated store while members are frozen, killed and lost: short gaps, nothing lost, nothing told twice. */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Result } from "../../../src/core/result.ts";
import type { StoreError } from "../../../src/ports/store.ts";
import type { EtcdStore } from "../../../src/stores/etcd/replicated-store.ts";
import { errorOf, until } from "../../contract/store-support.ts";
import { type EtcdCluster, missingForEtcd, startEtcdCluster } from "../../support/etcd-cluster.ts";
import { shippedPace } from "../../support/etcd-pace.ts";
import { openStore } from "./etcd-support.ts";
import { StreamOfWrites } from "./stream-of-writes.ts";

const frozenMs = 4_000;
/** What is aimed at is 3 s; a busy machine may take longer. */
const gapMsMax = 5_000;

describe("the etcd store", { skip: missingForEtcd() ?? false }, () => {
  let cluster: EtcdCluster;
  let store: EtcdStore;
  before(async () => {
    cluster = await startEtcdCluster({ flags: shippedPace });
  });
  after(() => cluster.stop());

  const withStore = async (run: () => Promise<void>): Promise<void> => {
    store = await openStore(cluster, { prefix: `/holdfast/${performance.now()}/` });
    try {
      await run();
    } finally {
      for (const member of cluster.members) member.signal("SIGCONT");
      await store.close();
    }
  };

  it("goes on when each member stands still in turn, the leader too", (t) =>
    withStore(async () => {
      const stream = await StreamOfWrites.start(store);
      for (const member of cluster.members) {
        await untilWritten(stream);
        const isLeader = member === (await cluster.leader());
        stream.restartGaps();
        member.signal("SIGSTOP");
        await sleep(frozenMs);
        tellGaps(t, `${isLeader ? "leader" : "follower"} ${member.name} frozen`, stream);
        member.signal("SIGCONT");
        await Promise.all(cluster.members.map((one) => one.waitUntilReady()));
      }
      await stream.endAndCheck();
    }));

  it("goes on when the leader is killed, and when it comes back", (t) =>
    withStore(async () => {
      const stream = await StreamOfWrites.start(store);
      await untilWritten(stream);
      const leader = await cluster.leader();
      stream.restartGaps();
      await leader.stop("SIGKILL");
      await untilWritten(stream);
      await sleep(1_000);
      tellGaps(t, "leader killed", stream);
      leader.start();
      await leader.waitUntilReady();
      await stream.endAndCheck();
    }));

  it("reads nothing from the copy of a leader that has just lost the others", () =>
    withStore(async () => {
      const leader = await cluster.leader();
      const alone = await openStore(cluster, {
        endpoints: [leader.clientUrl],
        prefix: `/holdfast/${performance.now()}/`,
      });
      try {
        const put = { kind: "put", key: "a", value: 1 } as const;
        assert.ok((await alone.txn({ compare: [], then: [put] })).ok);
        assert.ok((await alone.get("a")).ok, "its connection is known to be good");
        await Promise.all((await cluster.followers()).map((member) => member.freeze()));
        // The copy is there, and may be out of date: whoever reads it would believe in a deposed manager.
        // The second and the third key are read together.
        const keys = ["a", "b", "c"].map((key) => alone.get(key));
        const reads = await Promise.all([...keys, alone.range("a"), alone.range("")]);
        const kinds = new Set(reads.map((read) => (read.ok ? "answered" : read.error.kind)));
        assert.deepEqual([...kinds], ["unavailable"]);
      } finally {
        await alone.close();
        for (const member of cluster.members) member.signal("SIGCONT");
        await Promise.all(cluster.members.map((member) => member.waitUntilReady()));
      }
    }));

  it("acknowledges nothing without a quorum, and says what is certain", (t) =>
    withStore(async () => {
      const stream = await StreamOfWrites.start(store);
      await untilWritten(stream);
      const [first, second] = await cluster.followers();
      assert.ok(first !== undefined && second !== undefined);
      await Promise.all([first.stop("SIGKILL"), second.stop("SIGKILL")]);
      await until("writes fail for certain", () =>
        Promise.resolve(stream.failures.some(({ mayHaveTakenEffect }) => !mayHaveTakenEffect)),
      );
      const countBefore = stream.acknowledged.size;
      const asked = [store.get("w/1"), store.grantLease(5_000), store.keepLeaseAlive("4711")];
      const [read, grant, renewal] = (await Promise.all<Result<unknown, StoreError>>(asked)).map(
        errorOf,
      );
      assert.deepEqual([read?.kind, read?.mayHaveTakenEffect], ["unavailable", false]);
      assert.equal(grant?.kind, "unavailable");
      assert.equal(renewal?.kind, "unavailable", "nobody can know that the lease is over");
      assert.equal(stream.acknowledged.size, countBefore, "nothing was acknowledged meanwhile");
      for (const member of [first, second]) member.start();
      await Promise.all(cluster.members.map((member) => member.waitUntilReady()));
      await untilWritten(stream);
      await stream.endAndCheck();
      const unknown = stream.failures.filter(({ mayHaveTakenEffect }) => mayHaveTakenEffect).length;
      t.diagnostic(`${stream.failures.length} writes failed, ${unknown} of unknown outcome`);
      for (const failure of stream.failures) assert.equal(failure.kind, "unavailable");
    }));

  it("closes in the middle of it all, and answers everything that was asked", () =>
    withStore(async () => {
      await Promise.all((await cluster.followers()).map((member) => member.freeze()));
      const controller = new AbortController();
      const watch = store.watch("", { fromRevision: 1, signal: controller.signal });
      const iterator = watch[Symbol.asyncIterator]();
      const asked = [
        iterator.next(),
        store.get("a"),
        store.grantLease(5_000),
        store.keepLeaseAlive("4711"),
        store.txn({ compare: [], then: [{ kind: "put", key: "a", value: 1 }] }),
      ];
      await sleep(200);
      const closed = store.close();
      await Promise.all([closed, ...asked]);
      await store.close();
    }));
});

function tellGaps(t: TestContext, what: string, stream: StreamOfWrites): void {
  // A gap that lasts still counts.
  const gaps = [stream.writeGap.worstMs, stream.watchGap.worstMs].map(Math.round);
  t.diagnostic(`${what}: worst gap of writes ${gaps[0]} ms, of the watch ${gaps[1]} ms`);
  for (const gap of gaps) assert.ok(gap < gapMsMax, `${what}: a gap of ${gap} ms`);
  assert.ok(stream.writeGap.worstMs > 0 && stream.watchGap.worstMs > 0, `${what}: it goes on`);
}

async function untilWritten(stream: StreamOfWrites): Promise<void> {
  const [acknowledged, watched] = [stream.acknowledged.size, stream.watched.length];
  await until("writes are acknowledged and watched", () =>
    Promise.resolve(stream.acknowledged.size > acknowledged && stream.watched.length > watched),
  );
}
