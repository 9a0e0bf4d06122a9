/**
 * A rollout with three servers on etcd: the host of the manager loses its power in the middle of an upgrade, alone and
 * together with the node that is upgraded. Another manager carries on, and nothing is done twice.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { openPkiDirectory } from "../../src/adapters/certificates/pki-directory.ts";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { openCredentials } from "../../src/setup/engine/credentials.ts";
import { openEtcdStore } from "../../src/stores/etcd/etcd-store.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
import { given } from "../lab/control-plane/prepare-servers.ts";
import type { Host } from "../lab/host.ts";
import { labTest } from "../lab/lab-test.ts";
import { value } from "./harness/cluster.ts";
import { randomFrom, reach, type steps } from "./rollout/kill-steps.ts";
import { checkHistory, type HistoryChange } from "./rollout/upgrade-history.ts";
import { groupName, WebDeployment } from "./rollout/web-deployment.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000);
const hosts = { servers: ["s1", "s2", "s3"], nodes: ["n1", "n2", "n3"] };
const options = {
  file: import.meta.filename,
  hosts: [...hosts.servers, ...hosts.nodes],
  programs: ["etcd", "etcdctl"],
  forMsMax: 120_000,
};
const port = 8_080;
/** The steps at which a new manager has to find out how far the upgrade is. */
const hardSteps: readonly (typeof steps)[number][] = ["begun", "stopped", "started", "healthy"];

labTest(
  "rollout: the hosts of the manager and of the node under upgrade lose their power",
  options,
  async (lab) => {
    const random = randomFrom(seed);
    console.log(`HOLDFAST_SEED=${seed}`);
    const plane = await ControlPlane.start(lab, { ...hosts, profile: "balanced" });
    const client = () => plane.client(plane.servers.find(({ isOn }) => isOn));
    const members = new Map(
      plane.nodes.map(({ name, address }) => [name, { host: address, port }]),
    );
    const { recordPath } = plane.witness;
    const fleet = new WebDeployment({ client, members, recordPath, address: "0.0.0.0" });
    value(await client().putHaGroup(groupName, { members: hosts.nodes }));
    for (const version of ["1.0.0", "2.0.0"]) await fleet.define({ version, startsMs: 400 });
    await fleet.deploy(["1.0.0"]);
    await fleet.allRun("1.0.0");
    await fleet.prober.start();

    for (const [index, victims] of (["manager", "both"] as const).entries()) {
      const version = index === 0 ? "2.0.0" : "1.0.0";
      const step = hardSteps[Math.floor(random() * hardSteps.length)] ?? "begun";
      const manager = await plane.manager();
      const generation = await fleet.deploy([version]);
      const node = lab.host(await reach(fleet, step, version));
      console.log(`${victims} lost when ${node.name} is ${step}`);
      const lost: readonly Host[] = victims === "both" ? [manager, node] : [manager];
      await Promise.all(lost.map((host) => host.kill()));
      await sleep(random() * 4_000);
      if (victims === "both") await plane.comesBack(node);
      const rollout = await fleet.rolloutEnds(generation);
      assert.equal(rollout.state, "succeeded", rollout.because);
      await fleet.allRun(version);
      await plane.comesBack(manager);
      await plane.allServe();
    }

    await fleet.prober.stop();
    const findings = checkHistory(await historyOf(plane.servers[0]));
    assert.deepEqual(findings.faults, [], "S7 held at every revision");
    assert(
      findings.begun.length >= 6,
      `every instance was upgraded twice: ${findings.begun.join()}`,
    );
    fleet.assertNeverDark();
    plane.witness.assertNeverTwice();
  },
);

/** All that etcd still knows of, which is ten minutes. */
async function historyOf(server: Host | undefined): Promise<readonly HistoryChange[]> {
  assert(server !== undefined, "there is a server");
  const credentials = given(
    await openCredentials(given(await openPkiDirectory(`${server.disk}/server`))),
  );
  const log = { write: () => undefined, with: () => log };
  const opened = await openEtcdStore({
    ...{ endpoints: [`https://${server.address}:7441`], tls: () => credentials.etcd() },
    ...{ clock, log, watchRevisionsMax: 100_000 },
  });
  if (!opened.ok) throw new Error(opened.error.message);
  const store = opened.value;
  const now = await store.get("manager");
  assert(now.ok, "the store answers");
  const stop = new AbortController();
  const changes: HistoryChange[] = [];
  const options = { fromRevision: 1, signal: stop.signal };
  for await (const batch of store.watch("", options)) {
    if (!batch.ok) throw new Error(batch.error.message);
    const { revision } = batch.value;
    for (const change of batch.value.changes) {
      changes.push(
        change.kind === "put"
          ? { revision, key: change.entry.key, value: change.entry.value, isDeletion: false }
          : { revision, key: change.key, value: change.previous, isDeletion: true },
      );
    }
    if (revision >= now.value.revision) break;
  }
  stop.abort();
  await store.close();
  return changes;
}
