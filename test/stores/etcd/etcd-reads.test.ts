/** Reads of single keys that come at the same time: asked for together, each answered for itself. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { EtcdStore } from "../../../src/stores/etcd/replicated-store.ts";
import { type EtcdCluster, missingForEtcd, startEtcdCluster } from "../../support/etcd-cluster.ts";
import { openStore } from "./etcd-support.ts";

describe("reads of the etcd store", { skip: missingForEtcd() ?? false }, () => {
  let cluster: EtcdCluster;
  let store: EtcdStore;
  before(async () => {
    cluster = await startEtcdCluster();
    store = await openStore(cluster, { prefix: "/holdfast/reads/" });
  });
  after(async () => {
    await store.close();
    await cluster.stop();
  });

  const write = async (key: string, value: string | number): Promise<number> => {
    const written = await store.txn({ compare: [], then: [{ kind: "put", key, value }] });
    assert.ok(written.ok && written.value.succeeded);
    return written.value.revision;
  };
  const read = async (key: string) => {
    const answer = await store.get(key);
    assert.ok(answer.ok, answer.ok ? "" : answer.error.message);
    return answer.value;
  };

  it("answers hundreds at once, those of keys that are not there and of the same key included", async () => {
    const keys = Array.from({ length: 300 }, (_, index) => `many/${index % 250}`);
    for (const key of keys.slice(0, 200)) await write(key, key);
    const answers = await Promise.all(keys.map(read));
    for (const [index, { entry }] of answers.entries()) {
      const key = keys[index];
      assert.deepEqual(
        [entry?.key, entry?.value],
        index % 250 < 200 ? [key, key] : [undefined, undefined],
      );
    }
  });

  it("shows each reader what was written before it asked", async () => {
    const one = async (key: string): Promise<void> => {
      for (let count = 1; count <= 40; count += 1) {
        const revision = await write(key, count);
        const found = await read(key);
        assert.equal(found.entry?.value, count);
        assert.equal(found.entry?.modRevision, revision);
        assert.ok(found.revision >= revision);
      }
    };
    await Promise.all(Array.from({ length: 30 }, (_, index) => one(`own/${index}`)));
  });

  it("reads many of the largest values together", async () => {
    const value = "x".repeat(1_000_000);
    const keys = Array.from({ length: 40 }, (_, index) => `large/${index}`);
    for (const key of keys) await write(key, value);
    const answers = await Promise.all(keys.map(read));
    for (const { entry } of answers) assert.equal(entry?.value, value);
  });
});
