/**
 * Agents and a service are upgraded at the same time, in one HA group of three nodes: of the group one member at a time is
 * at it, whatever it is that is upgraded, and no request is without an answer.
 */
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { killProcesses } from "../../src/demo/processes.ts";
import { openWorkshop } from "../agent-upgrade/support/packages.ts";
import { answerOf, startControlPlane } from "../support/control-plane.ts";
import { freePort } from "../support/free-ports.ts";
import { waitFor } from "./harness/wait.ts";
import type { Member } from "./rollout/prober.ts";
import { checkHistory, readHistory } from "./rollout/upgrade-history.ts";
import { groupName, WebDeployment } from "./rollout/web-deployment.ts";

const agentVersion = "9.0.0";
const nodes = ["node1", "node2", "node3"];

test("agents and a service are upgraded at the same time: of a group never both, nor two", {
  timeout: 120_000,
}, async (t) => {
  const workshop = await openWorkshop();
  t.after(() => workshop.remove());
  const plane = await startControlPlane({
    ...{ servers: 1, nodes: nodes.length, engine: "embedded", profile: "balanced" },
    agentWords: ["agent", "launch"],
  });
  const recordPath = join(plane.folder, "run-records.log");
  t.after(async () => {
    await plane.stop();
    // Copies of a deployment outlive their agents.
    await killProcesses({ variables: [`RUN_RECORDS=${recordPath}`], guarded: [] });
  });
  const client = plane.client();
  const members = new Map<string, Member>();
  for (const node of nodes) members.set(node, { host: "127.0.0.1", port: await freePort() });
  const fleet = new WebDeployment({ client: () => client, members, recordPath });
  t.after(() => fleet.prober.stop());
  answerOf(await client.putHaGroup(groupName, { members: nodes }));
  for (const version of ["1.0.0", "2.0.0"]) await fleet.define({ version, startsMs: 300 });
  await fleet.deploy(["1.0.0"]);
  await fleet.allRun("1.0.0");
  await fleet.prober.start();
  const { path, sha256, sizeBytes } = workshop.make(agentVersion);
  const content = { sizeBytes, read: () => createReadStream(path) };
  const name = basename(path);
  answerOf(await client.pushBundle({ sha256, name, others: "keep", waitMs: 5_000, content }));

  answerOf(await client.putPolicy({ name: "newest", agentVersion }));
  await waitFor("an agent's upgrade to begin", 30_000, async () => {
    const { items } = answerOf(await client.policyStatus("newest"));
    return items.some(({ state }) => state === "initiated");
  });
  const generation = await fleet.deploy(["2.0.0"]);
  const rollout = await fleet.rolloutEnds(generation);
  assert.equal(rollout.state, "succeeded", rollout.because);
  await waitFor("all agents to be upgraded", 60_000, async () => {
    const { items } = answerOf(await client.policyStatus("newest"));
    return items.length === nodes.length && items.every(({ state }) => state === "success");
  });
  await fleet.allRun("2.0.0");
  for (const node of nodes) {
    assert.equal(answerOf(await client.node(node)).agentVersion, agentVersion);
    assert.equal(fleet.prober.copiesOf(node).length, 2, `${node}: the service was changed once`);
  }

  await fleet.prober.stop();
  const [server] = plane.servers;
  assert(server !== undefined, "there is a server");
  await server.kill();
  const { faults, begun } = checkHistory(readHistory(join(server.dataDirectory, "store.sqlite")));
  assert.deepEqual(faults, [], "S7 held at every revision");
  const wanted = nodes.flatMap((node) => [`${node} agent`, `${node} web`]);
  assert.deepEqual([...begun].sort(), wanted, "each node had its turn twice");
  fleet.assertNeverDark();
});
