/**
 * A leader that was frozen ends leases that were renewed meanwhile, when it wakes up. Whoever renews as the store asks
 * for loses none of them, and an end that the store calls proof never comes too early.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { LeaseId } from "../../../src/ports/store.ts";
import { LeaseDoubt } from "../../../src/stores/etcd/leases/lease-doubt.ts";
import type { EtcdStore } from "../../../src/stores/etcd/replicated-store.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import { type EtcdCluster, missingForEtcd, startEtcdCluster } from "../../support/etcd-cluster.ts";
import { ManualClock } from "../manual-clock.ts";
import { openStore } from "./etcd-support.ts";

const leaseCount = 40;
const ttlMs = 5_000;
const renewEveryMs = 500;
/** Longer than a lease: the frozen leader takes all that it knows of for ended. */
const frozenForMs = 7_000;

/** A lease that is renewed, and replaced where another era has begun. */
class HeldLease {
  readonly #store: EtcdStore;
  /** `faithful`: does what the store asks for. `stubborn`: renews on, whatever the era, and counts it as nothing. */
  readonly #kind: "faithful" | "stubborn";
  #id: LeaseId = "";
  #era: number | undefined;
  #acknowledgedMs = 0;
  /** How long after the last acknowledged renewal it ended, and whether the store called that proof. */
  ended: { readonly afterMs: number; readonly isProof: boolean } | undefined;

  constructor(store: EtcdStore, kind: "faithful" | "stubborn") {
    this.#store = store;
    this.#kind = kind;
  }

  async grant(): Promise<void> {
    const era = this.#store.leaseEra();
    const sentAtMs = performance.now();
    const lease = await this.#store.grantLease(ttlMs);
    assert.ok(lease.ok);
    this.#id = lease.value;
    this.#era = era;
    this.#acknowledgedMs = sentAtMs;
  }

  async renewUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.ended === undefined) {
      await this.#renew();
      await sleep(renewEveryMs, undefined, { signal }).catch(() => undefined); // the test is over
    }
  }

  async #renew(): Promise<void> {
    const sentAtMs = performance.now();
    const renewed = await this.#store.keepLeaseAlive(this.#id);
    const isOfThisEra = this.#store.leaseEra() === this.#era;
    if (renewed.ok && isOfThisEra) this.#acknowledgedMs = sentAtMs;
    else if (renewed.ok && this.#kind === "faithful") await this.grant();
    else if (!renewed.ok && renewed.error.kind === "lease-not-found") this.#end();
  }

  #end(): void {
    const nowMs = performance.now();
    // Both clocks run alike; where they begin does not matter.
    const doubtMs = this.#store.leaseEndIsProofAtMs(this.#era, ttlMs) - monotonicMs();
    this.ended = { afterMs: nowMs - this.#acknowledgedMs, isProof: doubtMs <= 0 };
  }
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

test("leaseEra() and leaseEndIsProofAtMs() keep leases from a leader that stood still and woke up", async (context) => {
  const missing = missingForEtcd();
  if (missing !== undefined) return context.skip(missing);
  // A leader that hears of the new one before it has sent its orders ends nothing, and nothing is shown by it.
  for (let attempt = 1; attempt <= 6; attempt += 1) {
    const cluster = await startEtcdCluster();
    context.after(() => cluster.stop());
    const { faithful, ended } = await wakeLeader(cluster, context);
    assert.deepEqual(
      faithful.filter((lease) => lease.ended !== undefined),
      [],
      "those that were replaced in time live",
    );
    assert.deepEqual(
      ended.filter(({ afterMs, isProof }) => isProof && afterMs < ttlMs),
      [],
      "no end came too early that the store called proof",
    );
    if (ended.length > 0) return;
    await cluster.stop();
  }
  assert.fail("no leader that woke up has ended a lease");
});

interface WokenLeader {
  readonly faithful: readonly HeldLease[];
  /** Leases of the old era that it ended. */
  readonly ended: readonly NonNullable<HeldLease["ended"]>[];
}

/** Stops the leader for longer than leases last, and lets it go on. */
async function wakeLeader(cluster: EtcdCluster, context: TestContext): Promise<WokenLeader> {
  const leader = await cluster.leader();
  const endpoints = (await cluster.followers()).map(({ clientUrl }) => clientUrl);
  const store = await openStore(cluster, { prefix: "/holdfast/doubt/", endpoints });
  context.after(() => store.close());
  const era = store.leaseEra();
  const held = (kind: "faithful" | "stubborn") =>
    Array.from({ length: leaseCount }, () => new HeldLease(store, kind));
  const [faithful, stubborn] = [held("faithful"), held("stubborn")];
  const all = [...faithful, ...stubborn];
  for (const lease of all) await lease.grant();
  const end = new AbortController();
  context.after(() => end.abort());
  const renewing = all.map((lease) => lease.renewUntil(end.signal));
  await sleep(2_000); // the leader knows of some renewals, and will miss those that follow
  leader.signal("SIGSTOP");
  await waitFor("another era", 20_000, () => store.leaseEra() !== era);
  await sleep(frozenForMs); // the time that it takes the frozen leader to think that all leases are over
  leader.signal("SIGCONT");
  await leader.waitUntilReady();
  // Its first orders may get lost; those that it sends when they have timed out, after 7 s, do not.
  const hasEnded = (): boolean => stubborn.some((lease) => lease.ended !== undefined);
  await waitFor("the woken leader to end leases", 12_000, hasEnded).catch(() => undefined);
  await sleep(2_000); // the others of the same wave
  end.abort();
  await Promise.all(renewing);
  const ended = all.flatMap((lease) => (lease.ended === undefined ? [] : [lease.ended]));
  context.diagnostic(`${ended.length} of ${stubborn.length} leases of the old era were ended`);
  await store.close();
  return { faithful, ended };
}

test("LeaseDoubt counts from the first term after that of the lease", () => {
  const clock = new ManualClock();
  const doubt = new LeaseDoubt(clock);
  doubt.note(4);
  const seesAtMs = (term: number): number => {
    clock.advance(1_000);
    doubt.note(term);
    return clock.monotonicMs();
  };
  const sawFiveAtMs = seesAtMs(5);
  const sawSixAtMs = seesAtMs(6);
  clock.advance(1_000);
  doubt.note(5); // late
  assert.equal(doubt.era(), 6);
  assert.equal(doubt.endIsProofAtMs(6, ttlMs), 0, "of the present era: at once");
  assert.equal(doubt.endIsProofAtMs(5, ttlMs), sawSixAtMs + ttlMs);
  assert.equal(doubt.endIsProofAtMs(4, ttlMs), sawFiveAtMs + ttlMs);
  assert.equal(doubt.endIsProofAtMs(undefined, ttlMs), sawSixAtMs + ttlMs, "of whichever era");
  const nowMs = clock.monotonicMs();
  assert.equal(doubt.endIsProofAtMs(9, ttlMs), nowMs + ttlMs, "of an era that is not known here");
});
