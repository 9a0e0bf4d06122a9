/** A cluster of real processes with the service that rolls: what the tests of rollouts share. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort } from "../../support/free-ports.ts";
import { type Scope, startTestCluster, type TestCluster, value } from "../harness/cluster.ts";
import type { Member } from "./prober.ts";
import { checkHistory, type HistoryFindings, readHistory } from "./upgrade-history.ts";
import { groupName, WebDeployment } from "./web-deployment.ts";

export interface WebFleetOptions {
  readonly nodes?: readonly string[];
  readonly profile?: "fast" | "balanced" | "patient";
  /** The HA group's first members; default: all nodes. */
  readonly members?: readonly string[];
}

export class WebFleet extends WebDeployment {
  readonly cluster: TestCluster;

  constructor(cluster: TestCluster, members: ReadonlyMap<string, Member>) {
    super({ client: () => cluster.client, members, recordPath: cluster.recordPath });
    this.cluster = cluster;
  }

  /** Ends the server, and looks at what its store remembers: S7 held at every revision. */
  async checkStore(): Promise<HistoryFindings> {
    await this.prober.stop();
    const { cluster } = this;
    await cluster.end("server", "SIGKILL");
    const findings = checkHistory(readHistory(join(cluster.dataOf("server"), "store.sqlite")));
    assert.deepEqual(findings.faults, [], "S7 held at every revision");
    return findings;
  }
}

/** A started cluster with free ports for the copies, its HA group, and nothing deployed yet. */
export async function startWebFleet(
  scope: Scope,
  options: WebFleetOptions = {},
): Promise<WebFleet> {
  const { nodes = ["node1", "node2", "node3"], members = nodes, profile } = options;
  const places = new Map<string, Member>();
  for (const node of nodes) places.set(node, { host: "127.0.0.1", port: await freePort() });
  const cluster = await startTestCluster(scope, { nodes, ...(profile && { profile }) });
  const fleet = new WebFleet(cluster, places);
  scope.after(() => fleet.prober.stop());
  value(await cluster.client.putHaGroup(groupName, { members: [...members] }));
  return fleet;
}
