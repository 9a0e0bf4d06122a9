/** The replicated store passes the store contract on three real members of etcd, with TLS and client certificates. */
import { after, before, describe } from "node:test";
import { storeContract } from "../../contract/store.ts";
import { type EtcdCluster, missingForEtcd, startEtcdCluster } from "../../support/etcd-cluster.ts";
import { storeUnderTest } from "./etcd-support.ts";

describe("on three members of etcd", { skip: missingForEtcd() ?? false }, () => {
  let cluster: EtcdCluster;
  before(async () => {
    cluster = await startEtcdCluster();
  });
  after(() => cluster.stop());
  storeContract("etcd", (options) => storeUnderTest(cluster, options), "real");
});
