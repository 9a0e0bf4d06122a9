/** How long a service is away: from the kill to its first answer from another node. */
import { setTimeout as sleep } from "node:timers/promises";
import { profiles } from "../../src/core/model/times.ts";
import { freePort } from "../../src/demo/ports.ts";
import { demoServices } from "../../src/demo/services.ts";
import { askWeb } from "../../src/demo/story.ts";
import { type Scope, startTestCluster, type TestCluster } from "../e2e/harness/cluster.ts";
import { waitFor } from "../e2e/harness/wait.ts";
import { mainPath } from "../support/built-program.ts";

export interface FailoverOptions {
  readonly scope: Scope;
  readonly profile: "fast" | "balanced";
  /** `power-cut`: agent, guard and workload at once. `clean-death`: the agent alone; its guard acts. */
  readonly death: "power-cut" | "clean-death";
  readonly runCount: number;
  readonly random: () => number;
}

const askEveryMs = 5;
const failoverMsMax = 60_000;

/** Kills the node of the service as often as asked; the times in milliseconds, in order. */
export async function measureFailovers(options: FailoverOptions): Promise<readonly number[]> {
  const cluster = await startTestCluster(options.scope, { profile: options.profile });
  const webPort = await freePort(0);
  const { recordPath } = cluster;
  for (const config of demoServices({ mainPath, webPort, recordPath })) {
    if (config.id === "process:web") await cluster.add(config);
  }
  const times: number[] = [];
  for (let index = 0; index < options.runCount; index += 1) {
    const failoverMs = await measureOne(cluster, `http://127.0.0.1:${webPort}/`, options);
    times.push(failoverMs);
    options.scope.diagnostic(
      `${options.profile}, ${options.death}: run ${index + 1} of ${options.runCount}: ${failoverMs.toFixed(0)} ms`,
    );
  }
  cluster.assertNeverTwice();
  return times;
}

async function measureOne(
  cluster: TestCluster,
  url: string,
  options: FailoverOptions,
): Promise<number> {
  const { node = "" } = await cluster.runs("process:web", failoverMsMax);
  for (const name of cluster.nodes) {
    await cluster.nodeBecomes(name, ({ state }) => state === "online", failoverMsMax);
  }
  const before = await waitFor("the service to answer", failoverMsMax, () => askWeb(url));
  // Anywhere between two renewals of the lease.
  await sleep(options.random() * 2 * profiles[options.profile].renewEveryMs);
  const killedAtMs = await kill(cluster, node, options.death);
  for (;;) {
    const answer = await askWeb(url);
    if (answer !== undefined && answer.instance !== before.instance) break;
    if (performance.now() - killedAtMs > failoverMsMax) throw new Error("no recovery");
    await sleep(askEveryMs);
  }
  const failoverMs = performance.now() - killedAtMs;
  await waitFor("the lost node to be empty", failoverMsMax, () => {
    return cluster.processesOf(node).length === 0;
  });
  cluster.startAgent(node);
  return failoverMs;
}

async function kill(
  cluster: TestCluster,
  node: string,
  death: FailoverOptions["death"],
): Promise<number> {
  if (death === "power-cut") return await cluster.powerOff(node);
  const killedAtMs = performance.now();
  cluster.signal(node, "SIGKILL");
  return killedAtMs;
}
