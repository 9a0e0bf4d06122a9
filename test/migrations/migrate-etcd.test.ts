/** Migrations on a real etcd, also by a process that is killed again and again. */
import { after, before, describe, test } from "node:test";
import type { Store } from "../../src/ports/store.ts";
import { openStore } from "../stores/etcd/etcd-support.ts";
import { type EtcdCluster, missingForEtcd, startEtcdCluster } from "../support/etcd-cluster.ts";
import { describeMigrateStore } from "./migrate-store.ts";
import type { TestEnd } from "./support/cut-store.ts";
import { killAgainAndAgain } from "./support/kill-migrator.ts";
import { describeTakeBack } from "./take-back.ts";

describe("migrations on etcd", { skip: missingForEtcd() ?? false }, () => {
  let cluster: EtcdCluster;
  let count = 0;
  before(async () => {
    cluster = await startEtcdCluster({ memberCount: 1 });
  });
  after(() => cluster.stop());
  const prefix = (): string => {
    count += 1;
    return `/holdfast/migrate-${count}/`;
  };

  const open = async (t: TestEnd): Promise<Store> => {
    const store = await openStore(cluster, { prefix: prefix() });
    t.after(() => store.close());
    return store;
  };
  describeMigrateStore(open);
  describeTakeBack(open);

  test("migrateStore() is carried on by others when its process is killed", async (t) => {
    const { endpoints, tls } = cluster;
    const place = { kind: "etcd", endpoints, tls, prefix: prefix() } as const;
    await killAgainAndAgain(t, place);
  });
});
