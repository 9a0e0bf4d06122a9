/** The host of the manager, which is etcd's leader's too, is cut off from all others: in both directions, and in each. */
import assert from "node:assert/strict";
import { ApiLoad } from "../lab/control-plane/api-load.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
import type { Host } from "../lab/host.ts";
import { labTest } from "../lab/lab-test.ts";
import { waitFor } from "./harness/wait.ts";

const hosts = { servers: ["s1", "s2", "s3"], nodes: ["n1", "n2", "n3"] };
const options = {
  file: import.meta.filename,
  hosts: [...hosts.servers, ...hosts.nodes],
  programs: ["etcd", "etcdctl"],
  forMsMax: 150_000,
};
const services = ["process:a", "process:b", "process:c"];

labTest(
  "control plane: the manager's host is cut off, in both directions and in each",
  options,
  async (lab) => {
    const plane = await ControlPlane.start(lab, { ...hosts, profile: "balanced" });
    await plane.addProbes(services);
    const load = await ApiLoad.begin(plane);
    for (const direction of ["both", "out", "in"] as const) {
      const cut = await plane.managerAndLeader();
      const others = plane.servers.filter((host) => host !== cut);
      await load.goesOn(`while the manager's host is cut off (${direction})`, async () => {
        const fromMs = performance.now();
        await lab.cut(cut.name, "all", { direction });
        await plane.manager(others);
        const tookMs = performance.now() - fromMs;
        lab.say(`cut off (${direction}): another manager after ${tookMs.toFixed()} ms`);
      });
      await refusesEverything(plane, cut);
      await load.goesOn("once the network is whole again", async () => {
        await lab.mendAll();
        await plane.allServe();
      });
    }
    for (const id of services) {
      await plane.runs(id);
      assert.equal(plane.witness.lives(id).length, 1, `${id} was not disturbed`);
    }
    await load.end();
    plane.witness.assertNeverTwice();
  },
);

/** The test reaches it, as a client on its side of the cut would; what it says of the servers it still says. */
async function refusesEverything(plane: ControlPlane, cut: Host): Promise<void> {
  const client = plane.clientOf(cut);
  const [read, written] = await Promise.all([
    client.service("process:a"),
    client.changeService("process:a", { description: "by a server that is cut off" }),
  ]);
  assert(!read.ok, "a cut-off server answers no reads");
  assert(!written.ok, "a cut-off server acknowledges no write");
  const lines = await waitFor("the cut-off server to see that it is alone", 15_000, async () => {
    const found = await plane.list(cut);
    return (
      found.every(({ name, health }) => name === cut.name || health === "unreachable") && found
    );
  });
  assert.equal(lines.length, plane.servers.length, "it lists them all the same");
}
