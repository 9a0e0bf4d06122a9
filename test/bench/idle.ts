/** What an idle server, and an idle agent with its guard, cost with 100 services on one agent. */
import { setTimeout as sleep } from "node:timers/promises";
import { isRunning, type Scope, startTestCluster } from "../e2e/harness/cluster.ts";
import { waitFor } from "../e2e/harness/wait.ts";
import { cpuSecondsOf, type Memory, memoryOf } from "./sample.ts";

export const serviceCount = 100;
const startForMsMax = 180_000;
/** Time for what a start leaves behind (garbage, late writes) before the measuring begins. */
const settleMs = 10_000;

export interface IdleCost {
  readonly cpuPercent: number;
  readonly memory: Memory;
}

export interface IdleOptions {
  readonly scope: Scope;
  readonly profile: "fast" | "balanced";
  readonly measureMs: number;
}

export interface IdleResult {
  readonly server: IdleCost;
  /** The agent that has all the services. */
  readonly agent: IdleCost;
  readonly guard: IdleCost;
}

/** Starts 100 services on one of three agents, lets everything rest, then measures. */
export async function measureIdle(options: IdleOptions): Promise<IdleResult> {
  const cluster = await startTestCluster(options.scope, { profile: options.profile });
  for (let index = 0; index < serviceCount; index += 1) {
    await cluster.add({
      id: `process:idle-${index}`,
      node: "node1",
      process: { command: "sleep", arguments: ["infinity"], restart: { settleMs: 0 } },
    });
  }
  await waitFor(`${serviceCount} services to run on node1`, startForMsMax, async () => {
    const { services } = await cluster.status();
    await sleep(500);
    const there = services.filter((service) => isRunning(service) && service.node === "node1");
    return there.length === serviceCount;
  });
  options.scope.diagnostic(`${serviceCount} services run on one agent; measuring at rest`);
  await sleep(settleMs);
  const pids = {
    server: cluster.pidOf("server"),
    agent: cluster.pidOf("node1"),
    guard: cluster.guardOf("node1").pid,
  };
  const begin = Object.values(pids).map(cpuSecondsOf);
  const beganAtMs = performance.now();
  await sleep(options.measureMs);
  const tookSeconds = (performance.now() - beganAtMs) / 1_000;
  const [server, agent, guard] = Object.values(pids).map((pid, index): IdleCost => {
    const usedSeconds = cpuSecondsOf(pid) - (begin[index] ?? 0);
    return { cpuPercent: (usedSeconds / tookSeconds) * 100, memory: memoryOf(pid) };
  });
  if (server === undefined || agent === undefined || guard === undefined) {
    throw new Error("all three were measured");
  }
  return { server, agent, guard };
}
