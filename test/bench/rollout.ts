/**
 * How long a rollout over many nodes takes: a real server with the embedded store, and agents whose services are timers.
 * The optimum is what the steps of one group take one after the other, as all groups go on side by side.
 */

import { type Scope, startTestCluster, value } from "../e2e/harness/cluster.ts";
import { waitFor } from "../e2e/harness/wait.ts";
import { LightAgents } from "../support/light-agents.ts";

const nodeCount = 100;
const membersPerGroup = 3;
const startMs = 1_000;
const healthyForMs = 1_000;
const service = "process:web";

export interface RolloutTime {
  readonly nodeCount: number;
  readonly groupCount: number;
  /** From before the change is sent until the rollout is over, as a client sees it. */
  readonly wallMs: number;
  readonly optimumMs: number;
}

/** Rolls one version over all nodes; HA groups of three, the last one may be smaller. */
export async function measureRollout(scope: Scope): Promise<RolloutTime> {
  const cluster = await startTestCluster(scope, { nodes: [], profile: "balanced" });
  const { client } = cluster;
  const nodes = Array.from({ length: nodeCount }, (_, index) => `n${index + 1}`);
  const tokens = new Map<string, string>();
  for (const node of nodes) {
    tokens.set(node, value(await client.createToken({ role: "agent", node, name: node })).token);
  }
  const agents = new LightAgents({ server: cluster.urlFor(), tokens, startMs });
  scope.after(async () => agents.stop());
  await agents.start();
  const groupCount = Math.ceil(nodeCount / membersPerGroup);
  for (let group = 0; group < groupCount; group += 1) {
    const members = nodes.slice(group * membersPerGroup, (group + 1) * membersPerGroup);
    value(await client.putHaGroup(`g${group + 1}`, { members }));
  }
  for (const version of ["1.0.0", "2.0.0"]) {
    const process = { command: "/bin/true", environment: { VERSION: version } };
    value(await client.addDefinition({ service, version, process }));
  }
  const deploy = async (version: string): Promise<void> => {
    const versions = [{ version, retryDurationMs: 30_000 }];
    const rollout = { healthyForMs };
    value(await client.putDeployment({ name: "web", service, versions, rollout }));
  };
  await deploy("1.0.0");
  await waitFor("all instances to be healthy", 60_000, async () => {
    return value(await client.deployment("web")).instances.healthy === nodeCount;
  });
  const beganAtMs = performance.now();
  await deploy("2.0.0");
  const rollout = await waitFor("the rollout to end", 120_000, async () => {
    const { rollout: latest } = value(await client.deployment("web"));
    return latest?.endedAtMs === undefined ? undefined : latest;
  });
  const wallMs = performance.now() - beganAtMs;
  if (rollout.state !== "succeeded" || rollout.done !== nodeCount) {
    throw new Error(`the rollout has ${rollout.state}, ${rollout.done} done: ${rollout.because}`);
  }
  const optimumMs = membersPerGroup * (startMs + healthyForMs);
  return { nodeCount, groupCount, wallMs, optimumMs };
}
