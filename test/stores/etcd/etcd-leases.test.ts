/**
 * Renewals of the replicated store count only when they are certain (S3): not those that a leader answers who was frozen
 * or cut off and deposed meanwhile.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { LeaseId, Store } from "../../../src/ports/store.ts";
import { must, put, revisionOf, until, write } from "../../contract/store-support.ts";
import { type EtcdCluster, missingForEtcd, startEtcdCluster } from "../../support/etcd-cluster.ts";
import type { EtcdMember } from "../../support/etcd-member.ts";
import { openStore } from "./etcd-support.ts";

const ttlMs = 3_000;
/** A new leader is there after about 0.8 s. */
const quickElections = ["--heartbeat-interval", "50", "--election-timeout", "500"];

describe("leases of the etcd store", { skip: missingForEtcd() ?? false }, () => {
  let cluster: EtcdCluster;
  before(async () => {
    cluster = await startEtcdCluster({ peers: "cuttable", flags: quickElections });
  });
  after(() => cluster.stop());

  /** Renews over the leader alone and watches over the others. */
  const withTrial = async (run: (trial: Trial, leader: EtcdMember) => Promise<void>) => {
    const leader = await cluster.leader();
    const others = (await cluster.followers()).map((member) => member.clientUrl);
    const prefix = `/holdfast/${performance.now()}/`;
    const renewing = await openStore(cluster, { prefix, endpoints: [leader.clientUrl] });
    const watching = await openStore(cluster, { prefix, endpoints: others });
    const trial = await Trial.begin(renewing, watching);
    try {
      await run(trial, leader);
    } finally {
      trial.stop();
      leader.signal("SIGCONT");
      cluster.network?.heal();
      await Promise.all([renewing.close(), watching.close()]);
      await Promise.all(cluster.members.map((member) => member.waitUntilReady()));
    }
  };

  it("are not acknowledged by a leader that stood still and was deposed", (t) =>
    withTrial(async (trial, leader) => {
      trial.renewEvery(50);
      await until("a renewal is acknowledged", () =>
        Promise.resolve(trial.acknowledged.length > 5),
      );
      await trial.endRenewals();
      // It hears of its successor only after it has answered the renewal, as chance may have it.
      cluster.network?.cutOff(cluster.members.indexOf(leader));
      leader.signal("SIGSTOP");
      // Long enough for another leader, and short enough that the frozen one takes the lease for alive when it wakes.
      await sleep(ttlMs - 700);
      const inFlight = trial.renewOnce();
      await sleep(200);
      leader.signal("SIGCONT");
      await sleep(1_000);
      cluster.network?.heal();
      await inFlight;
      const endedAtMs = await trial.untilEnded();
      t.diagnostic(`${trial.acknowledged.length} of ${trial.sentCount} renewals were acknowledged`);
      trial.check(endedAtMs);
    }));

  it("are not acknowledged by a leader that stood still for longer than the lease", (t) =>
    withTrial(async (trial, leader) => {
      trial.renewEvery(50);
      await until("a renewal is acknowledged", () =>
        Promise.resolve(trial.acknowledged.length > 5),
      );
      leader.signal("SIGSTOP");
      const endedAtMs = await trial.untilEnded();
      leader.signal("SIGCONT");
      await trial.endRenewals();
      t.diagnostic(`${trial.acknowledged.length} of ${trial.sentCount} renewals were acknowledged`);
      trial.check(endedAtMs);
      let said = "";
      await until("the woken member serves", async () => {
        said = await trial.answerNow();
        return said !== "unavailable";
      });
      assert.equal(said, "lease-not-found");
    }));

  it("are not acknowledged by a leader that is cut off", (t) =>
    withTrial(async (trial, leader) => {
      trial.renewEvery(20);
      await until("a renewal is acknowledged", () =>
        Promise.resolve(trial.acknowledged.length > 5),
      );
      cluster.network?.cutOff(cluster.members.indexOf(leader));
      const cutAtMs = performance.now();
      const endedAtMs = await trial.untilEnded();
      const wrong = trial.acknowledged.filter(({ sentAtMs }) => sentAtMs > cutAtMs);
      assert.deepEqual(wrong, [], "nothing that was sent after the cut was acknowledged");
      cluster.network?.heal();
      await trial.endRenewals();
      t.diagnostic(`${trial.acknowledged.length} of ${trial.sentCount} renewals were acknowledged`);
      trial.check(endedAtMs);
    }));

  it("outlive the leader, and many are renewed at once", async (t) => {
    const store = await openStore(cluster, { prefix: `/holdfast/${performance.now()}/` });
    try {
      const leases = (await Promise.all(range(500).map(() => store.grantLease(10_000)))).map(must);
      await write(store, ...leases.map((lease) => put(`of/${lease}`, 1, lease)));
      const startMs = performance.now();
      const renewAll = () => Promise.all(leases.map((lease) => store.keepLeaseAlive(lease)));
      for (let turn = 0; turn < 4; turn++) for (const renewed of await renewAll()) must(renewed);
      const perSecond = Math.round((4 * leases.length * 1_000) / (performance.now() - startMs));
      t.diagnostic(`${perSecond} renewals a second`);
      const leader = await cluster.leader();
      await leader.stop("SIGKILL");
      // None may be called over by a new leader that does not know it yet.
      for (const renewed of await renewAll()) must(renewed);
      leader.start();
      await leader.waitUntilReady();
      for (const renewed of await renewAll()) must(renewed);
      assert.equal(must(await store.range("of/")).entries.length, leases.length);
      await Promise.all(leases.map((lease) => store.revokeLease(lease)));
      assert.equal(must(await store.range("of/")).entries.length, 0);
    } finally {
      await store.close();
    }
  });
});

interface Renewal {
  readonly sentAtMs: number;
}

/** One lease with a key: renewed by one store, and its end seen by another. */
class Trial {
  readonly acknowledged: Renewal[] = [];
  sentCount = 0;
  readonly #store: Store;
  readonly #lease: LeaseId;
  readonly #underWay = new Set<Promise<void>>();
  readonly #ended: Promise<number>;
  #timer: NodeJS.Timeout | undefined;

  private constructor(store: Store, lease: LeaseId, ended: Promise<number>) {
    this.#store = store;
    this.#lease = lease;
    this.#ended = ended;
  }

  static async begin(store: Store, watching: Store): Promise<Trial> {
    const lease = must(await store.grantLease(ttlMs));
    await write(store, put("held", 1, lease));
    return new Trial(store, lease, endOfKey(watching));
  }

  renewEvery(periodMs: number): void {
    this.#timer = setInterval(() => {
      const renewal = this.renewOnce().finally(() => this.#underWay.delete(renewal));
      this.#underWay.add(renewal);
    }, periodMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async endRenewals(): Promise<void> {
    this.stop();
    await Promise.all(this.#underWay);
  }

  async renewOnce(): Promise<void> {
    const sentAtMs = performance.now();
    this.sentCount += 1;
    const renewed = await this.#store.keepLeaseAlive(this.#lease);
    if (renewed.ok) this.acknowledged.push({ sentAtMs });
  }

  /** When its end was seen. */
  untilEnded(): Promise<number> {
    return this.#ended;
  }

  async answerNow(): Promise<string> {
    const answer = await this.#store.keepLeaseAlive(this.#lease);
    return answer.ok ? "renewed" : answer.error.kind;
  }

  check(endedAtMs: number): void {
    assert.ok(this.acknowledged.length > 0);
    for (const { sentAtMs } of this.acknowledged) {
      const livedMs = endedAtMs - sentAtMs;
      assert.ok(livedMs >= ttlMs, `a renewal was acknowledged, and the lease lived ${livedMs} ms`);
    }
  }
}

async function endOfKey(store: Store): Promise<number> {
  const signal = AbortSignal.timeout(30_000);
  const fromRevision = await revisionOf(store);
  for await (const batch of store.watch("held", { fromRevision, signal })) {
    if (must(batch).changes.some(({ kind }) => kind === "delete")) return performance.now();
  }
  throw new Error("the lease has not ended");
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
