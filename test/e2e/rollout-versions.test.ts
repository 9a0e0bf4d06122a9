/**
 * Versions of a service roll forwards, backwards, and into some that never become healthy, over an HA group of three
 * nodes, behind a client that counts every request that nobody answers; and people pause and abort a rollout.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeploymentStatus } from "../../src/wire/fleet/resources.ts";
import { value } from "./harness/cluster.ts";
import { holdsFor } from "./harness/wait.ts";
import { deploymentName } from "./rollout/web-deployment.ts";
import { startWebFleet } from "./rollout/web-fleet.ts";

test("a group of three rolls forwards and backwards, and no request is without an answer", {
  timeout: 90_000,
}, async (t) => {
  const fleet = await startWebFleet(t, { profile: "balanced" });
  await fleet.define({ version: "1.0.0" });
  await fleet.define({ version: "2.0.0", startsMs: 300 });
  await fleet.deploy(["1.0.0"]);
  await fleet.allRun("1.0.0");
  await fleet.prober.start();

  const forwards = await fleet.rolloutEnds(await fleet.deploy(["2.0.0", "1.0.0"]));
  assert.equal(forwards.state, "succeeded", forwards.because);
  assert.equal(forwards.done, 3);
  await fleet.allRun("2.0.0");

  const backwards = await fleet.rolloutEnds(await fleet.deploy(["1.0.0"]));
  assert.equal(backwards.state, "succeeded", backwards.because);
  await fleet.allRun("1.0.0");

  const inputs = await fleet.rolloutEnds(
    await fleet.deploy(["1.0.0"], { inputs: { GREETING: "hello" } }),
  );
  assert.equal(inputs.state, "succeeded", inputs.because);

  const { begun } = await fleet.checkStore();
  assert.equal(begun.length, 9, "three rollouts of three steps");
  const last = ["node1", "node2", "node3"].map((node) => fleet.prober.copiesOf(node).at(-1));
  assert.deepEqual(
    last.map((copy) => `${copy?.version} ${copy?.greeting}`),
    ["1.0.0 hello", "1.0.0 hello", "1.0.0 hello"],
  );
  fleet.assertNeverDark();
});

test("versions that end at once or never become healthy go back by themselves, and the others run on", {
  timeout: 90_000,
}, async (t) => {
  const fleet = await startWebFleet(t, { profile: "balanced" });
  await fleet.define({ version: "1.0.0" });
  await fleet.define({ version: "2.0.0", behaviour: "exits" });
  await fleet.define({ version: "3.0.0", behaviour: "sick" });
  await fleet.deploy(["1.0.0"]);
  await fleet.allRun("1.0.0");
  await fleet.prober.start();

  const tried: string[] = [];
  for (const version of ["2.0.0", "3.0.0"]) {
    const rollout = await fleet.rolloutEnds(await fleet.deploy([version, "1.0.0"]));
    assert.equal(rollout.state, "rolled-back", rollout.because);
    assert.equal(rollout.because, "it failed on 1 of 3");
    await fleet.allRun("1.0.0");
    const { instances } = await fleet.status();
    const refused = instances.filter(({ givenUp }) =>
      givenUp.some((one) => one.version === version),
    );
    assert.equal(refused.length, 1, `one node has tried ${version}, and it is remembered`);
    tried.push(`${refused[0]?.node} web`);
  }

  assert.deepEqual((await fleet.checkStore()).begun, tried);
  for (const node of fleet.members.keys()) {
    const copies = fleet.prober.copiesOf(node);
    const triedCount = tried.filter((one) => one === `${node} web`).length;
    assert.equal(copies.length, 1 + triedCount, `copies of ${node} that have answered`);
    assert.deepEqual([...new Set(copies.map(({ version }) => version))], ["1.0.0"]);
  }
  fleet.assertNeverDark();
});

test("pause lets what is under way end, outlives the server, and abort takes all back", {
  timeout: 90_000,
}, async (t) => {
  // No lease ends while the server is away, however long a busy machine takes to start another one.
  const fleet = await startWebFleet(t, { profile: "patient" });
  const { cluster } = fleet;
  for (const version of ["1.0.0", "2.0.0"]) await fleet.define({ version, startsMs: 300 });
  await fleet.deploy(["1.0.0"]);
  await fleet.allRun("1.0.0");
  await fleet.prober.start();
  const order = async (word: "pause" | "resume" | "abort"): Promise<string | undefined> => {
    const answer = value(await cluster.client.orderRollout(deploymentName, word));
    assert.equal(answer.outcome, "taken-up");
    return answer.rollout?.state;
  };
  const upgrading = (count: number) => (status: DeploymentStatus) =>
    status.instances.filter((one) => one.upgrade !== undefined).length === count;

  const generation = await fleet.deploy(["2.0.0"]);
  await fleet.becomes("the first upgrade to begin", upgrading(1));
  assert.equal(await order("pause"), "paused");
  const first = await fleet.becomes("it to end", upgrading(0));
  assert.equal(first.deployment.rollout?.done, 1);
  await cluster.end("server", "SIGKILL");
  cluster.startServer();
  const after = await fleet.becomes("the server to be back", () => true);
  assert.equal(after.deployment.rollout?.state, "paused");
  await holdsFor("nothing begins", 1_500, async () => upgrading(0)(await fleet.status()));

  assert.equal(await order("resume"), "running");
  await fleet.becomes("the second upgrade to begin", upgrading(1));
  await order("abort");
  const rollout = await fleet.rolloutEnds(generation);
  assert.equal(rollout.state, "rolled-back", rollout.because);
  await fleet.allRun("1.0.0");
  await fleet.checkStore();
  fleet.assertNeverDark();
});
