/** Ten nodes and two servers join one server at the same moment, while writes go on; then the first server is lost. */
import assert from "node:assert/strict";
import { ApiLoad } from "../lab/control-plane/api-load.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
import { labTest } from "../lab/lab-test.ts";
import { waitFor } from "./harness/wait.ts";

const nodes = Array.from({ length: 10 }, (_, index) => `n${index + 1}`);
const joining = ["s2", "s3"];
const options = {
  file: import.meta.filename,
  hosts: ["s1", ...joining, ...nodes],
  programs: ["etcd", "etcdctl"],
  forMsMax: 150_000,
};
const services = ["process:a", "process:b", "process:c"];

labTest(
  "control plane: ten nodes and two servers join at once, and the first server can be lost then",
  options,
  async (lab) => {
    const plane = await ControlPlane.start(lab, {
      servers: ["s1"],
      joining,
      nodes: [],
      profile: "balanced",
    });
    const load = await ApiLoad.begin(plane);
    const fromMs = performance.now();
    await load.goesOn("while ten nodes and two servers join", async () => {
      await Promise.all([
        ...nodes.map((name) => plane.joinNode(lab.host(name))),
        ...joining.map((name) => plane.joinServer(lab.host(name))),
      ]);
      await plane.areOnline(...plane.nodes);
      lab.say(`all nodes are online after ${(performance.now() - fromMs).toFixed()} ms`);
      await plane.allServe();
      lab.say(`all servers vote after ${(performance.now() - fromMs).toFixed()} ms`);
    });
    // Between two leaders there is none for a moment.
    const lines = await waitFor("each server to vote, under a leader", 15_000, async () => {
      const answer = await plane.client().servers();
      if (!answer.ok) return undefined;
      const { items } = answer.value;
      const roles = items.map(({ role }) => role).sort();
      return roles.join() === "follower,follower,leader" ? items : undefined;
    });
    assert.deepEqual(lines.map(({ id }) => id).sort(), ["1", "2", "3"]);
    await plane.addProbes(services);
    const [first, ...others] = plane.servers;
    assert(first !== undefined);
    await load.goesOn("after the loss of the first server", async () => {
      await first.kill();
      await plane.manager(others);
    });
    const { node = "" } = await plane.runs("process:a");
    await lab.host(node).kill();
    await plane.runs("process:a", { notOn: lab.host(node) });
    for (const id of services) await plane.runs(id);
    await load.end();
    plane.witness.assertNeverTwice();
  },
);
