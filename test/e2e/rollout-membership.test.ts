/**
 * HA groups that change in the middle of a rollout: a member is added, is removed, is moved to another group, the group is
 * removed. Nothing is restarted by it, the rollout ends, and the order holds for whoever is in the group.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { value } from "./harness/cluster.ts";
import { groupName } from "./rollout/web-deployment.ts";
import { startWebFleet, type WebFleet } from "./rollout/web-fleet.ts";

const nodes = ["node1", "node2", "node3", "node4"];

test("members come, go and move, and the group goes, in the middle of rollouts", {
  timeout: 90_000,
}, async (t) => {
  const fleet = await startWebFleet(t, {
    ...{ nodes, members: ["node1", "node2", "node3"] },
    profile: "balanced",
  });
  const { client } = fleet.cluster;
  for (const version of ["1.0.0", "2.0.0"]) await fleet.define({ version, startsMs: 300 });
  await fleet.deploy(["1.0.0"]);
  await fleet.allRun("1.0.0");
  await fleet.prober.start();

  // Node 4 is in no group, so it is upgraded beside node 1; then it joins with its own upgrade.
  await rollWith(fleet, "2.0.0", async (first) => {
    assert.deepEqual(first, ["node1", "node4"]);
    value(await client.putHaGroup(groupName, { members: nodes }));
  });
  // The one that holds the slot leaves: the slot is the next one's.
  await rollWith(fleet, "1.0.0", async ([first]) => {
    const members = nodes.filter((node) => node !== first);
    value(await client.putHaGroup(groupName, { members }));
    await fleet.becomes("the slot to go on", ({ instances }) =>
      instances.some(({ node, holdsSlot }) => node !== first && holdsSlot),
    );
  });
  // Of the group as it is now, the one at it is moved into another one, and has that one's slot.
  await rollWith(fleet, "2.0.0", async (first) => {
    const moved = first.find((node) => node !== "node1") ?? "";
    value(await client.putHaGroup("back", { members: [moved] }, { fromOthers: "move" }));
    await fleet.becomes(`${moved} to be in the other group`, ({ instances }) =>
      instances.some((one) => one.node === moved && one.haGroup === "back"),
    );
  });
  await rollWith(fleet, "1.0.0", async () => {
    value(await client.removeHaGroup(groupName));
    assert.equal((await client.haGroup(groupName)).ok, false, "it is gone");
  });

  const { begun, joinedWithUpgrade } = await fleet.checkStore();
  assert.equal(begun.length, 4 * nodes.length, "each of four rollouts changed each node once");
  assert.equal(joinedWithUpgrade, 2, "two came into a group in the middle of their own upgrade");
  for (const node of nodes) {
    const lives = fleet.cluster.lives(`process:web@${node}`);
    assert.equal(lives.length, 5, `${node} was never restarted besides`);
  }
  fleet.assertNeverDark();
});

/** Begins a rollout, changes something once the first are at it, and waits for its end. */
async function rollWith(
  fleet: WebFleet,
  version: string,
  change: (first: readonly string[]) => Promise<void>,
): Promise<void> {
  const generation = await fleet.deploy([version]);
  const { instances } = await fleet.becomes("an upgrade to begin", (status) =>
    status.instances.some(({ upgrade }) => upgrade !== undefined),
  );
  await change(instances.filter(({ upgrade }) => upgrade !== undefined).map(({ node }) => node));
  const rollout = await fleet.rolloutEnds(generation);
  assert.equal(rollout.state, "succeeded", rollout.because);
  assert.equal(rollout.done, nodes.length);
  await fleet.allRun(version);
}
