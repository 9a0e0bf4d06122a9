/**
 * A rollout goes on whatever is lost in its middle: the node under upgrade, the manager, or both, at every state that an
 * instance goes through, in an order of HOLDFAST_SEED. HOLDFAST_RUNS plays only some of the 18 cases.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseCases, kill, randomFrom, reach } from "./rollout/kill-steps.ts";
import { startWebFleet } from "./rollout/web-fleet.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000);
const runs = Number(process.env["HOLDFAST_RUNS"] ?? 18);

test("SIGKILL of the node under upgrade, of the manager, or of both: the rollout ends, S7 holds", {
  timeout: 30_000 + runs * 30_000,
}, async (t) => {
  const random = randomFrom(seed);
  const cases = chooseCases(runs, random);
  t.diagnostic(`HOLDFAST_SEED=${seed} HOLDFAST_RUNS=${runs}`);
  // The watchdog of the profile fast leaves 2 s, in which a busy machine has not always started a server.
  const fleet = await startWebFleet(t, { profile: "balanced" });
  await fleet.define({ version: "1.0.0", startsMs: 400 });
  await fleet.define({ version: "2.0.0", startsMs: 400 });
  await fleet.deploy(["1.0.0"]);
  await fleet.allRun("1.0.0");
  await fleet.prober.start();

  for (const [index, one] of cases.entries()) {
    const version = index % 2 === 0 ? "2.0.0" : "1.0.0";
    const generation = await fleet.deploy([version]);
    const node = await reach(fleet, one.step, version);
    t.diagnostic(`${one.victim} is lost when ${node} is ${one.step}, back ${one.back}`);
    await kill(fleet, one, node, random);
    const rollout = await fleet.rolloutEnds(generation);
    assert.equal(rollout.state, "succeeded", rollout.because);
    await fleet.allRun(version);
  }

  const { begun } = await fleet.checkStore();
  assert(begun.length >= 3 * cases.length, `every instance was upgraded, ${begun.length} times`);
  fleet.assertNeverDark();
  fleet.cluster.assertNeverTwice();
});
