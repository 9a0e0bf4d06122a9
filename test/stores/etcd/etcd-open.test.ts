/** Opening the replicated store, its revisions' offset, certificates that change, and what etcd refuses. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { readMeta, writeMeta } from "../../../src/stores/etcd/etcd-meta.ts";
import {
  type EtcdStoreOptions,
  openEtcdStore,
  type StoreOpenError,
} from "../../../src/stores/etcd/etcd-store.ts";
import {
  entryOf,
  errorOf,
  must,
  put,
  read,
  remove,
  revisionOf,
  until,
  write,
} from "../../contract/store-support.ts";
import { type EtcdCluster, missingForEtcd, startEtcdCluster } from "../../support/etcd-cluster.ts";
import { freePorts } from "../../support/free-ports.ts";
import { clock, compact, openStore, quietLog } from "./etcd-support.ts";

const skip = missingForEtcd() ?? false;

async function refusalOf(
  cluster: EtcdCluster,
  options: Partial<EtcdStoreOptions>,
): Promise<StoreOpenError> {
  const { endpoints, tls } = cluster;
  const opened = await openEtcdStore({ endpoints, tls, clock, log: quietLog, ...options });
  if (opened.ok) await opened.value.close();
  assert.ok(!opened.ok, "the store was opened and should not have been");
  assert.ok(!opened.error.message.includes("\n"));
  return opened.error;
}

describe("openEtcdStore()", { skip }, () => {
  let cluster: EtcdCluster;
  before(async () => {
    cluster = await startEtcdCluster({ memberCount: 1 });
  });
  after(() => cluster.stop());

  it("says that nobody answers, where, and why", async () => {
    const [port] = await freePorts(1);
    const endpoint = `https://127.0.0.1:${port}`;
    const error = await refusalOf(cluster, { endpoints: [endpoint] });
    assert.equal(error.kind, "inaccessible");
    assert.match(error.message, /127\.0\.0\.1:\d+.*ECONNREFUSED/);
  });

  it("trusts no etcd whose certificate is of another authority", async () => {
    const other = await startEtcdCluster({ memberCount: 1 });
    try {
      const { caPem } = other.tls;
      const [error, unknown] = await Promise.all([
        refusalOf(cluster, { tls: { ...cluster.tls, caPem } }),
        refusalOf(other, { tls: { ...cluster.tls, caPem } }),
      ]);
      assert.equal(error.kind, "inaccessible");
      assert.match(error.message, /certificate/);
      assert.equal(unknown.kind, "inaccessible", "and etcd does not trust this one");
    } finally {
      await other.stop();
    }
  });

  it("says what is wrong with addresses, certificates and prefix", async () => {
    const cases: readonly (readonly [Partial<EtcdStoreOptions>, RegExp])[] = [
      [{ endpoints: [] }, /no address/],
      [{ endpoints: ["127.0.0.1:2379"] }, /https:\/\/HOST:PORT/],
      [{ tls: undefined }, /needs certificates/],
      [{ tls: { ...cluster.tls, keyPem: "no key" } }, /certificates.*cannot be used/],
      [{ prefix: "data" }, /begins and ends with/],
    ];
    for (const [options, words] of cases) {
      const error = await refusalOf(cluster, options);
      assert.equal(error.kind, "incompatible");
      assert.match(error.message, words);
    }
  });

  it("refuses an etcd whose limits are too small, and names the flag", async () => {
    for (const [flag, value] of [
      ["--max-txn-ops", "128"],
      ["--max-request-bytes", "1572864"],
    ] as const) {
      const small = await startEtcdCluster({ memberCount: 1, flags: [flag, value] });
      try {
        const error = await refusalOf(small, {});
        assert.equal(error.kind, "incompatible");
        assert.match(error.message, new RegExp(`${flag}=\\d+`));
      } finally {
        await small.stop();
      }
    }
  });

  it("adds the cluster's offset to every revision, and has no history before it", async () => {
    const access = {
      ...cluster,
      endpoints: cluster.endpoints,
      tls: cluster.tls,
      clock,
      log: quietLog,
    };
    const meta = { schema: 1, clusterId: "c", revisionOffset: 1_000 } as const;
    assert.equal(must(await readMeta(access)), undefined);
    assert.equal(must(await writeMeta(access, { meta, replaces: "nothing" })), true);
    assert.equal(must(await writeMeta(access, { meta, replaces: "nothing" })), false);
    const stored = must(await readMeta(access));
    assert.ok(stored !== undefined);
    assert.deepEqual(stored.meta, meta);
    const raised = { ...meta, revisionOffset: 2_000 };
    assert.equal(must(await writeMeta(access, { meta: raised, replaces: stored })), true);
    assert.equal(
      must(await writeMeta(access, { meta, replaces: stored })),
      false,
      "it has changed",
    );
    const store = await openStore(cluster, { prefix: "/holdfast/offset/" });
    try {
      const revision = await write(store, put("k", 1));
      assert.ok(revision > 2_000);
      const entry = await entryOf(store, "k");
      assert.deepEqual([entry?.createRevision, entry?.modRevision], [revision, revision]);
      for (const [asked, succeeds] of [
        [revision, true],
        [revision - 2_000, false],
        [2_000, false],
        [1, false],
      ] as const) {
        const compare = [{ kind: "modified-at", key: "k", revision: asked }] as const;
        assert.equal(must(await store.txn({ compare, then: [] })).succeeded, succeeds);
      }
      const absent = [{ kind: "created-at", key: "absent", revision: 2_000 }] as const;
      assert.equal(must(await store.txn({ compare: absent, then: [] })).succeeded, false);
      const reader = read(store, "", revision);
      assert.equal((await reader.batch()).revision, revision);
      reader.stop();
      const early = read(store, "", 1_500);
      assert.equal((await early.error()).kind, "compacted");
    } finally {
      await store.close();
    }
  });

  it("asks for certificates at each new connection, and keeps the last good ones", async () => {
    let asked = 0;
    let isBroken = false;
    const tls = () => {
      asked += 1;
      return isBroken ? { ...cluster.tls, certificatePem: "broken" } : cluster.tls;
    };
    const store = await openStore(cluster, { tls });
    try {
      const [member] = cluster.members;
      assert.ok(member !== undefined);
      for (const broken of [false, true]) {
        isBroken = broken;
        const before = asked;
        await member.stop("SIGTERM");
        member.start();
        await member.waitUntilReady();
        await until("the store serves again", async () => (await store.get("k")).ok);
        assert.ok(asked > before);
      }
    } finally {
      await store.close();
    }
  });

  it("speaks to other members when it is told to, and says `compacted` to who missed too much", async () => {
    const store = await openStore(cluster, { prefix: "/holdfast/away/" });
    const other = await openStore(cluster, { prefix: "/holdfast/away/" });
    try {
      const from = (await revisionOf(store)) + 1;
      const reader = read(store, "", from);
      await write(other, put("a", 1));
      await reader.batch();
      const [port] = await freePorts(1);
      store.setEndpoints([`https://127.0.0.1:${port}`]);
      const missed = await write(other, put("a", 2));
      store.setEndpoints(cluster.endpoints);
      assert.equal((await reader.batch()).revision, missed, "what was missed is made up for");
      store.setEndpoints([`https://127.0.0.1:${port}`]);
      await write(other, put("a", 3), put("b", 1));
      const last = await write(other, remove("a"));
      await compact(cluster, last - 2_000);
      store.setEndpoints(cluster.endpoints);
      assert.equal((await reader.error()).kind, "compacted");
      await reader.ended();
      assert.equal((await entryOf(store, "b"))?.value, 1);
    } finally {
      await Promise.all([store.close(), other.close()]);
    }
  });

  it("says which key in etcd is not Holdfast's", async () => {
    const store = await openStore(cluster, { prefix: "/holdfast/foreign/" });
    try {
      const [member] = cluster.members;
      const key = Buffer.from("/holdfast/foreign/x").toString("base64");
      await member?.gateway("/v3/kv/put", {
        key,
        value: Buffer.from("no JSON").toString("base64"),
      });
      for (const answer of [await store.get("x"), await store.range("")]) {
        const error = errorOf<unknown>(answer);
        assert.equal(error.kind, "refused");
        assert.match(error.message, /key "x" in etcd does not hold JSON/);
      }
    } finally {
      await store.close();
    }
  });
});

describe("an etcd whose database is full", { skip }, () => {
  it("refuses writes for certain, and goes on serving reads and deletions", async () => {
    const cluster = await startEtcdCluster({
      memberCount: 1,
      flags: ["--quota-backend-bytes", "6000000"],
    });
    const store = await openStore(cluster);
    const writeBig = (index: number) =>
      store.txn({ compare: [], then: [put(`big/${index}`, "x".repeat(900_000))] });
    try {
      let written = 0;
      let last = await writeBig(written);
      while (last.ok && written < 20) {
        written += 1;
        last = await writeBig(written);
      }
      // etcd says "no space" to the write that filled it, whether it has done it or not.
      const first = errorOf(last);
      assert.deepEqual([first.kind, first.mayHaveTakenEffect], ["unavailable", true]);
      const stored = must(await store.range("big/")).entries.map(({ key }) => key);
      assert.ok(stored.length === written || stored.length === written + 1);
      for (const answer of [
        await writeBig(50),
        await writeBig(51),
        await store.grantLease(5_000),
      ]) {
        const error = errorOf<unknown>(answer);
        assert.deepEqual([error.kind, error.mayHaveTakenEffect], ["refused", false]);
        assert.match(error.message, /full.*disarm/);
      }
      assert.equal(must(await store.range("big/")).entries.length, stored.length);
      await write(store, ...stored.map(remove));
      await until("there is room again", async () => {
        await makeRoom(cluster, await revisionOf(store));
        return (await writeBig(60)).ok;
      });
    } finally {
      await store.close();
      await cluster.stop();
    }
  });
});

/** What an operator does: compacts, defragments, disarms. */
async function makeRoom(cluster: EtcdCluster, revision: number): Promise<void> {
  const [member] = cluster.members;
  await member?.gateway("/v3/kv/compaction", { revision: String(revision), physical: true });
  await member?.gateway("/v3/maintenance/defragment", {});
  const memberID = (await member?.status())?.memberId;
  const alarm = { action: "DEACTIVATE", memberID, alarm: "NOSPACE" };
  await member?.gateway("/v3/maintenance/alarm", alarm);
}
