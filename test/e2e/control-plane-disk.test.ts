/** The disk under the manager's host, which is etcd's leader's too, is full, or very slow: the cluster goes on. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ApiLoad } from "../lab/control-plane/api-load.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
import { fillDisk } from "../lab/lab.ts";
import { labTest } from "../lab/lab-test.ts";

const smallDiskBytes = 320 * 1_048_576;
const hosts = { servers: ["s1", "s2", "s3"], nodes: ["n1", "n2", "n3"] };
const options = {
  file: import.meta.filename,
  hosts: [...hosts.servers.map((name) => ({ name, diskBytes: smallDiskBytes })), ...hosts.nodes],
  programs: ["etcd", "etcdctl", "strace"],
  forMsMax: 150_000,
};
const services = ["process:a", "process:b", "process:c"];
/** Each flush to the disk takes so much longer. */
const slowByMs = 1_500;

labTest(
  "control plane: the disk under the manager's host is full, then very slow",
  options,
  async (lab) => {
    const plane = await ControlPlane.start(lab, { ...hosts, profile: "balanced" });
    await plane.addProbes(services);
    const load = await ApiLoad.begin(plane);

    const full = await plane.managerAndLeader();
    const filler = join(full.disk, "filler");
    await load.goesOn("with a full disk", async () => fillDisk(filler), 100);
    await loseANode(plane, "process:a");
    await load.goesOn("once there is room again", async () => {
      rmSync(filler);
      await plane.allServe();
    });

    const slow = await plane.managerAndLeader();
    const slowDisk = () => slow.slowDisk(plane.memberOf(slow), slowByMs);
    await load.goesOn("with a very slow disk", slowDisk, 100);
    await loseANode(plane, "process:b");
    await load.goesOn("once the disk is as before", async () => {
      await slow.normalDisk();
      await plane.allServe();
    });
    for (const id of services) await plane.runs(id);
    await load.end();
    plane.witness.assertNeverTwice();
  },
);

/** It is more than an API: a node that is lost meanwhile is recovered. */
async function loseANode(plane: ControlPlane, id: string): Promise<void> {
  const { node = "" } = await plane.runs(id);
  const lost = plane.lab.host(node);
  await lost.kill();
  const { node: next } = await plane.runs(id, { notOn: lost });
  assert.notEqual(next, node);
  await plane.comesBack(lost);
  await plane.areOnline(lost);
}
