/**
 * Two of three servers are lost: nothing is acknowledged, nothing starts anywhere, what could run elsewhere has ended
 * in time; the last server still says who is there. When the quorum is back, everything is as it was.
 */
import assert from "node:assert/strict";
import { profiles } from "../../src/core/model/times.ts";
import { ApiLoad } from "../lab/control-plane/api-load.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
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
const { ttlMs, watchdogMs } = profiles.fast;
const services = ["process:a", "process:b", "process:c"];
const kept = "process:kept";
/** A killed process may have written its last word a moment later. */
const slackMs = 500;

labTest(
  "control plane: two of three servers lose their power, and come back",
  options,
  async (lab) => {
    const plane = await ControlPlane.start(lab, hosts);
    await plane.addProbes(services);
    await plane.addProbes([kept], undefined, { onIsolation: "keep" });
    const load = await ApiLoad.begin(plane);
    const before = await configurations(plane);
    const leader = await plane.managerAndLeader();
    const [second, last] = plane.servers.filter((host) => host !== leader);
    assert(second !== undefined && last !== undefined);
    const copiesBefore = copies(plane);
    await Promise.all([leader.kill(), second.kill()]);
    // As long as one of the two was there, leases were renewed.
    const lostAtNs = process.hrtime.bigint();

    await waitFor("all services that could run elsewhere to have ended", ttlMs * 2, () => {
      return services.every((id) => !plane.isBeating(id));
    });
    for (const id of services) {
      const lastNs = plane.witness.lives(id).at(-1)?.lastNs ?? 0n;
      const ranOnMs = Number(lastNs - lostAtNs) / 1e6;
      lab.say(`${id} ran on for ${ranOnMs.toFixed()} ms`);
      assert(ranOnMs <= watchdogMs + slackMs, `${id} ran on for ${ranOnMs} ms`);
    }
    const { written } = load.counts();
    await holdsFor("nothing starts and nothing is acknowledged", ttlMs + 1_000, () => {
      assert.deepEqual(copies(plane), copiesBefore);
      return load.counts().written === written;
    });
    await waitFor("what is to be kept to run on", 5_000, () => plane.isBeating(kept));
    const lines = await plane.list(last);
    assert.deepEqual(
      lines.map(({ name, health }) => [name, health === "unreachable"]),
      plane.servers.map(({ name }) => [name, name !== last.name]),
      "the last server says who is there",
    );
    assert(lines.every(({ role }) => role !== "leader"));

    await load.goesOn("with the quorum back", () => plane.comesBack(second), 30, 60_000);
    for (const id of [...services, kept]) await plane.runs(id);
    await plane.comesBack(leader);
    await plane.allServe();
    await plane.areOnline(...plane.nodes);
    assert.deepEqual(await configurations(plane), before, "nothing that was acknowledged is lost");
    assert.equal(plane.witness.lives(kept).length, 1, "it was never restarted");
    await load.end();
    plane.witness.assertNeverTwice();
  },
);

/** How many copies of each have ever begun. */
function copies(plane: ControlPlane): readonly (readonly [string, number])[] {
  return [...services, kept].map((id) => [id, plane.witness.lives(id).length]);
}

/** What people said about the services. */
async function configurations(plane: ControlPlane): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (const id of [...services, kept]) found.push(value(await plane.client().service(id)).config);
  return found;
}
