/**
 * A real etcd cluster whose members are hosts of a lab, under a stream of reads and writes through the store adapter:
 * whatever befalls the leader, writes go on, no lease lasts longer than it may, and the history is linearizable.
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { profiles } from "../../src/core/model/times.ts";
import type { LeaseId, Store } from "../../src/ports/store.ts";
import { openEtcdStore } from "../../src/stores/etcd/etcd-store.ts";
import { EtcdHosts } from "../lab/etcd-hosts.ts";
import type { HistoryClient } from "../lab/history/history-client.ts";
import { type Recording, recordHistory } from "../lab/history/record-history.ts";
import { storeClient } from "../lab/history/store-client.ts";
import type { Host } from "../lab/host.ts";
import { fillDisk, type Lab } from "../lab/lab.ts";
import { labTest } from "../lab/lab-test.ts";
import { assertLinearizable, checkHistory } from "../lab/linearizability/check.ts";
import { testSeed } from "../lab/random.ts";
import { clock, quietLog } from "../server/harness.ts";
import { waitFor } from "./harness/wait.ts";

const file = import.meta.filename;
const hosts = ["m1", "m2", "m3"];
const programs = ["etcd", "openssl"];
const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`);
const smallDiskBytes = 320 * 1_048_576;
const leaseTtlMs = profiles.balanced.ttlMs;
/** A fault may stop the writes for so long: to be found out, for an election, and for time-outs of the clients. */
const silenceMsMax = 12_000;

/** A cluster under load, from its start to the judgement of what was recorded. */
class Trial {
  readonly etcd: EtcdHosts;
  /** One for each host, which prefers that host's member and knows the others. */
  readonly stores: readonly Store[];
  readonly #lab: Lab;
  readonly #opened: readonly Store[];
  readonly #recording: Recording;

  private constructor(
    lab: Lab,
    parts: {
      etcd: EtcdHosts;
      stores: readonly Store[];
      more: readonly Store[];
      recording: Recording;
    },
  ) {
    this.#lab = lab;
    this.etcd = parts.etcd;
    this.stores = parts.stores;
    this.#opened = [...parts.stores, ...parts.more];
    this.#recording = parts.recording;
  }

  static async begin(lab: Lab): Promise<Trial> {
    const etcd = new EtcdHosts(lab);
    await etcd.startAll();
    const stores = await Promise.all(
      lab.hosts.map((host) => openStore(etcd, etcd.endpointsFrom(host))),
    );
    // These stay with their member whatever happens to it: a cut-off leader has to refuse them.
    const faithful = await Promise.all(
      lab.hosts.map((host) => openStore(etcd, etcd.endpointsFrom(host).slice(0, 1))),
    );
    const seed = testSeed();
    lab.say(`seed ${seed} (HOLDFAST_TEST_SEED)`);
    const clients = [...stores, ...stores, ...faithful].map(storeClient);
    const recording = recordHistory({ clients, keys, seed, pauseMs: 10 });
    const trial = new Trial(lab, { etcd, stores, more: faithful, recording });
    await trial.writesGoOn("before any fault", async () => undefined);
    return trial;
  }

  /** Does something, and waits until so many changes have been acknowledged after it. */
  async writesGoOn(when: string, act: () => Promise<void>, count = 100): Promise<void> {
    const fromMs = performance.now();
    await act();
    const { written } = this.#recording.counts();
    await waitFor(`writes to go on ${when}`, silenceMsMax + 8_000, () => {
      return this.#recording.counts().written >= written + count;
    });
    const silenceMs = this.#recording.longestSilenceMs(fromMs);
    this.#lab.say(`${when}: ${silenceMs.toFixed()} ms without an acknowledged write at most`);
    assert(silenceMs <= silenceMsMax, `${when}: no write for ${silenceMs} ms`);
  }

  /** The whole history is linearizable. */
  async end(): Promise<void> {
    const history = await this.#recording.stop();
    for (const store of this.#opened) await store.close();
    const { done, notDone, unknown } = this.#recording.counts();
    assertLinearizable(history);
    this.#lab.say(`linearizable: ${done} done, ${notDone} not done, ${unknown} unknown`);
    assert(done > 500, `a history of ${done} operations proves little`);
  }
}

async function openStore(etcd: EtcdHosts, endpoints: readonly string[]): Promise<Store> {
  const { caPem, certificatePem, keyPem } = etcd.certificates;
  const tls = { caPem, certificatePem, keyPem };
  const opened = await openEtcdStore({ endpoints, tls, clock, log: quietLog });
  assert(opened.ok, "the store opens");
  return opened.value;
}

labTest(
  "etcd: the leader's host loses its power, and comes back",
  {
    file,
    hosts,
    programs,
  },
  async (lab) => {
    const trial = await Trial.begin(lab);
    const lost = await trial.etcd.leader();
    await trial.writesGoOn("after the leader's power loss", () => lost.kill());
    await trial.writesGoOn("after its return", async () => {
      await lost.powerOn();
      trial.etcd.start(lost);
      await trial.etcd.serve(lost);
    });
    await trial.end();
  },
);

labTest(
  "etcd: the leader is cut off from the others, in both directions and in each",
  {
    file,
    hosts,
    programs,
  },
  async (lab) => {
    const trial = await Trial.begin(lab);
    for (const direction of ["both", "out", "in"] as const) {
      const leader = await trial.etcd.leader();
      const others = lab.hosts.filter((host) => host !== leader);
      await trial.writesGoOn(`leader cut off (${direction})`, async () => {
        await lab.cut(leader.name, "all", { direction });
        await trial.etcd.leader(others);
      });
      await trial.writesGoOn("mended", async () => {
        await lab.mendAll();
        await trial.etcd.serve(leader);
      });
    }
    await trial.end();
  },
);

/** A key that lives as long as its lease. */
async function leasedKey(store: Store, key: string): Promise<LeaseId> {
  const lease = await store.grantLease(leaseTtlMs);
  assert(lease.ok);
  const leaseId = lease.value;
  const put = await store.txn({ compare: [], then: [{ kind: "put", key, value: key, leaseId }] });
  assert(put.ok);
  return leaseId;
}

async function exists(store: Store, key: string): Promise<boolean> {
  const read = await store.get(key);
  assert(read.ok);
  return read.value.entry !== undefined;
}

labTest(
  "etcd: the leader stands still for longer than every lease, and wakes up",
  {
    file,
    hosts,
    programs,
  },
  async (lab) => {
    const trial = await Trial.begin(lab);
    const frozen = await trial.etcd.leader();
    const store = trial.stores.find((_, index) => lab.hosts[index] !== frozen);
    assert(store !== undefined);
    await leasedKey(store, "let-go");
    const keeping = new AbortController();
    const renewals = keepAlive(store, "kept", keeping.signal);
    await waitFor("the lease that is renewed", leaseTtlMs, () => exists(store, "kept"));
    await trial.writesGoOn("while the leader stands still", () => frozen.freeze());
    await waitFor("the lease that nobody renews to end", leaseTtlMs * 4, async () => {
      return !(await exists(store, "let-go"));
    });
    await trial.writesGoOn("after it woke up", async () => {
      frozen.thaw();
      await trial.etcd.serve(frozen);
    });
    assert(await exists(store, "kept"), "the lease that is renewed lives through it");
    keeping.abort();
    lab.say(`${await renewals} renewals of the other lease`);
    await trial.end();
  },
);

/** Renews as the store asks for, in a new era with a new lease, until told otherwise; how often that succeeded. */
async function keepAlive(store: Store, key: string, signal: AbortSignal): Promise<number> {
  let count = 0;
  let era = store.leaseEra?.();
  let leaseId = await leasedKey(store, key);
  while (!signal.aborted) {
    const renewed = await store.keepLeaseAlive(leaseId);
    const present = store.leaseEra?.();
    if (renewed.ok && present !== era) {
      // A woken leader of an earlier era may end it, however often it was renewed.
      leaseId = await leasedKey(store, key);
      era = present;
    }
    if (renewed.ok) count += 1;
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.after(profiles.balanced.renewEveryMs, resolve);
    await promise;
  }
  return count;
}

labTest(
  "etcd: the leader's disk is full",
  {
    file,
    hosts: hosts.map((name) => ({ name, diskBytes: smallDiskBytes })),
    programs,
  },
  async (lab) => {
    const trial = await Trial.begin(lab);
    const full = await trial.etcd.leader();
    const filler = join(full.disk, "filler");
    await trial.writesGoOn("with a full disk under the leader", async () => fillDisk(filler), 300);
    await trial.writesGoOn("once there is room again", async () => {
      rmSync(filler);
      if (!trial.etcd.processOf(full).isRunning) trial.etcd.start(full);
      await trial.etcd.serve(full);
    });
    await trial.end();
  },
);

labTest(
  "etcd: the leader's disk is very slow",
  {
    file,
    hosts,
    programs: [...programs, "strace"],
  },
  async (lab) => {
    const trial = await Trial.begin(lab);
    const slow = await trial.etcd.leader();
    // Each flush lasts longer than the others wait for a heartbeat; the first of these writes may come before one.
    const slowWriteCount = 10;
    await trial.writesGoOn(
      "with a very slow disk under the leader",
      () => slow.slowDisk(trial.etcd.processOf(slow), 1_500),
      slowWriteCount,
    );
    const hasStayed = (await trial.etcd.leader()) === slow;
    lab.say(`the leader ${hasStayed ? "has stayed" : "is another one by then"}`);
    // Behind another leader the slow disk is nobody's business: 300 writes in all.
    const nothing = async (): Promise<void> => undefined;
    if (!hasStayed) await trial.writesGoOn("behind another leader", nothing, 300 - slowWriteCount);
    const mend = async (): Promise<void> => {
      await slow.normalDisk();
      await trial.etcd.serve(slow);
    };
    await trial.writesGoOn("once the disk is as before", mend, 400);
    await trial.end();
  },
);

/** Reads as the store adapter never does: from one member's own copy. */
function staleClient(store: Store, etcd: EtcdHosts, member: Host): HistoryClient {
  return {
    ...storeClient(store),
    read: async (key) => {
      const value = await etcd.readStale(member, `/holdfast/data/history/${key}`);
      if (value === "failed") return { kind: "not-done" };
      const text = value === undefined ? undefined : String(JSON.parse(value));
      return { kind: "done", value: { value: text, token: undefined } };
    },
  };
}

labTest(
  "etcd: reads from a cut-off leader's own copy are found out by the checker",
  {
    file,
    hosts,
    programs,
  },
  async (lab) => {
    const etcd = new EtcdHosts(lab);
    await etcd.startAll();
    const leader = await etcd.leader();
    const others = lab.hosts.filter((host) => host !== leader);
    const [other] = others;
    assert(other !== undefined);
    const store = await openStore(etcd, etcd.endpointsFrom(other));
    const reader: HistoryClient = {
      ...staleClient(store, etcd, leader),
      write: async () => ({ kind: "not-done" }),
    };
    const clients = [storeClient(store), storeClient(store), reader];
    const recording = recordHistory({ clients, keys: ["key"], seed: testSeed(), pauseMs: 10 });
    await waitFor("some writes", 10_000, () => recording.counts().written > 20);
    await lab.cut(leader.name, "all");
    await etcd.leader(others);
    const { done } = recording.counts();
    await waitFor("a history", 15_000, () => recording.counts().done > done + 150);
    const verdict = checkHistory(await recording.stop());
    await store.close();
    assert.equal(verdict.kind, "violation");
  },
);
