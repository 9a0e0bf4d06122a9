/**
 * All processes on the host of the manager, which is etcd's leader's too, stand still for longer than every lease, and
 * wake up: what the manager of the old life was about to do is done by nobody (S5, S2).
 */
import assert from "node:assert/strict";
import type { ServiceResource } from "../../src/wire/api.ts";
import { ApiLoad } from "../lab/control-plane/api-load.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
import type { Host } from "../lab/host.ts";
import { labTest } from "../lab/lab-test.ts";
import { value } from "./harness/cluster.ts";
import { holdsFor, waitFor } from "./harness/wait.ts";

const hosts = { servers: ["s1", "s2", "s3"], nodes: ["n1", "n2", "n3"] };
const options = {
  file: import.meta.filename,
  hosts: [...hosts.servers, ...hosts.nodes],
  programs: ["etcd", "etcdctl"],
  forMsMax: 120_000,
};
const services = ["process:a", "process:b", "process:c", "process:d"];
/** Of all leases, those by which servers know of each other last longest: 10 s; etcd's new leader adds its own second. */
const leaseMsMax = 12_000;
/** What a woken manager does it does in its first moments; a woken leader of etcd sends orders for 7 s and more. */
const aftermathMs = 10_000;

labTest(
  "control plane: the manager's host stands still for longer than every lease, and wakes up",
  options,
  async (lab) => {
    // A machine that is busy with other tests must not cost a node its lease: what moves here is the old manager's deed.
    const plane = await ControlPlane.start(lab, { ...hosts, profile: "balanced" });
    await plane.addProbes(services);
    const load = await ApiLoad.begin(plane);
    const frozen = await plane.managerAndLeader();
    const others = plane.servers.filter((host) => host !== frozen);
    const { node = "" } = await plane.runs("process:a");
    const frozenAtMs = performance.now();
    await load.goesOn("while the manager's host stands still", async () => {
      // The manager waits for the end of this node's lease: that is what it would act on when it wakes up.
      await lab.host(node).kill();
      await frozen.freeze();
      const manager = await plane.manager(others);
      const tookMs = performance.now() - frozenAtMs;
      lab.say(`${manager.name} is manager ${tookMs.toFixed()} ms after the other one stood still`);
    });
    for (const id of services) await plane.runs(id, { notOn: lab.host(node) });
    await waitFor("every lease of before to be over", leaseMsMax * 2, () => {
      return performance.now() - frozenAtMs > leaseMsMax;
    });
    const manager = await plane.manager(others);
    const before = await placesOf(plane, others);
    const fencedBefore = await fencings(plane, { node, servers: others });
    assert.equal(fencedBefore, 1, "the node was fenced by the new manager");
    await load.goesOn("after it woke up", async () => {
      frozen.thaw();
      await holdsFor("nothing of the old life is done", aftermathMs, async () => {
        assert.deepEqual(await placesOf(plane, others), before);
        return true;
      });
      await plane.allServe();
    });
    assert.equal(await plane.manager(), manager, "the manager is the one that it was");
    assert.deepEqual(await placesOf(plane, others), before);
    assert.equal(
      await fencings(plane, { node, servers: others }),
      fencedBefore,
      "nobody fenced the node again",
    );
    await plane.comesBack(lab.host(node));
    await plane.areOnline(lab.host(node));
    await load.end();
    plane.witness.assertNeverTwice();
  },
);

/** By a server that stood still for no moment: where each service is, under which instruction, and which copy of it lives. */
async function placesOf(plane: ControlPlane, servers: readonly Host[]): Promise<unknown> {
  const client = plane.client(servers[0]);
  const places: unknown[] = [];
  for (const id of services) {
    const answer = await client.service(id);
    places.push([...placeOf(value(answer)), plane.witness.lives(id).at(-1)?.copy]);
  }
  return places;
}

function placeOf({ id, state, node, uid }: ServiceResource): readonly unknown[] {
  return [id, state, node, uid];
}

/** How often a manager has ended an epoch of this node. */
async function fencings(
  plane: ControlPlane,
  { node, servers }: { readonly node: string; readonly servers: readonly Host[] },
): Promise<number> {
  const events = value(await plane.client(servers[0]).events({ subject: node, limit: 100 }));
  return events.items.filter(({ kind, to }) => kind === "node" && to === "fence").length;
}
