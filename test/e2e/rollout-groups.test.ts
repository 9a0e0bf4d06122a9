/**
 * One rollout over thirty nodes in ten HA groups and five nodes in none: the groups go on side by side, of each one node
 * at a time. The nodes are many light agents in this process, as forty real ones would be a test of the machine.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Gap, LightAgents } from "../support/light-agents.ts";
import { startTestCluster, value } from "./harness/cluster.ts";
import { waitFor } from "./harness/wait.ts";
import { checkHistory, readHistory } from "./rollout/upgrade-history.ts";

const groups = Array.from({ length: 10 }, (_, index) => `g${index + 1}`);
const alone = Array.from({ length: 5 }, (_, index) => `alone${index + 1}`);
const service = "process:web";

test("30 nodes in 10 groups and 5 alone: all groups at once, never two of one", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: [], profile: "balanced" });
  const { client } = cluster;
  const groupOf = new Map(
    groups.flatMap((group) => ["a", "b", "c"].map((letter) => [`${group}${letter}`, group])),
  );
  const nodes = [...groupOf.keys(), ...alone];
  const tokens = new Map<string, string>();
  for (const node of nodes) {
    tokens.set(node, value(await client.createToken({ role: "agent", node, name: node })).token);
  }
  const agents = new LightAgents({ server: cluster.urlFor(), tokens, startMs: 300 });
  t.after(() => agents.stop());
  await agents.start();
  for (const group of groups) {
    const members = nodes.filter((node) => groupOf.get(node) === group);
    value(await client.putHaGroup(group, { members }));
  }
  for (const version of ["1.0.0", "2.0.0"]) {
    const process = { command: "/bin/true", environment: { VERSION: version } };
    value(await client.addDefinition({ service, version, process }));
  }
  const deploy = async (version: string): Promise<void> => {
    const rollout = { healthyForMs: 500, maxUnavailable: 2 };
    const versions = [{ version, retryDurationMs: 20_000 }];
    value(await client.putDeployment({ name: "web", service, versions, rollout }));
  };
  await deploy("1.0.0");
  await waitFor("35 healthy instances", 20_000, async () => {
    return value(await client.deployment("web")).instances.healthy === 35;
  });

  const beganAtMs = performance.now();
  await deploy("2.0.0");
  const rollout = await waitFor("the rollout to end", 40_000, async () => {
    const { rollout: latest } = value(await client.deployment("web"));
    return latest?.endedAtMs === undefined ? undefined : latest;
  });
  t.diagnostic(`the rollout took ${Math.round(performance.now() - beganAtMs)} ms`);

  assert.equal(rollout.state, "succeeded", rollout.because);
  assert.equal(rollout.done, 35);
  const gaps = agents.gaps.filter(({ fromMs }) => fromMs >= beganAtMs);
  assert.equal(gaps.length, 35, "each copy was down once");
  for (const group of groups) {
    const own = gaps.filter(({ node }) => groupOf.get(node) === group);
    assert(mostAtOnce(own) <= 1, `never two of ${group} are down`);
  }
  assert(mostAtOnce(gaps.filter(({ node }) => alone.includes(node))) <= 2, "maxUnavailable");
  await cluster.end("server", "SIGKILL");
  const findings = checkHistory(readHistory(join(cluster.dataOf("server"), "store.sqlite")));
  assert.deepEqual(findings.faults, [], "S7 held at every revision");
  assert.equal(findings.begun.length, 35);
  assert.equal(findings.groupsAtOnceMax, 10, "all groups were at it at the same time");
});

/** How many of these were down at the same instant. */
function mostAtOnce(gaps: readonly Gap[]): number {
  const isDown = (gap: Gap, atMs: number) =>
    gap.fromMs <= atMs && (gap.untilMs === undefined || gap.untilMs > atMs);
  return Math.max(0, ...gaps.map(({ fromMs }) => gaps.filter((one) => isDown(one, fromMs)).length));
}
