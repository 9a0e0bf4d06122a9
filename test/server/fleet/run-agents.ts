/** Agents that report at once what they are told to run as running and healthy, without running anything. */
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type AgentDouble, type Harness, type Json, listOf } from "../harness.ts";

interface Agents {
  readonly nodes: readonly string[];
  /** Nodes whose agents start nothing anew for as long as they are in it. */
  readonly stuck: ReadonlySet<string>;
}

/** They end with the test. */
export async function runAgents(
  t: TestContext,
  harness: Harness,
  { nodes, stuck }: Agents,
): Promise<void> {
  const agents: AgentDouble[] = [];
  for (const node of nodes) agents.push(await harness.agent(node));
  const ended = new AbortController();
  const work = obey(harness, agents, { stuck, signal: ended.signal });
  t.after(async () => {
    ended.abort();
    await work;
  });
}

async function obey(
  harness: Harness,
  agents: readonly AgentDouble[],
  { stuck, signal }: { readonly stuck: ReadonlySet<string>; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const services = await harness.call("GET", "/v1/services").catch(() => undefined);
    for (const service of listOf(services?.json["items"] ?? [])) {
      const agent = agents.find(({ node }) => node === String(service["node"]));
      // One that is stuck holds on to what it has, and says nothing about what it is told now.
      if (agent === undefined || stuck.has(agent.node) || signal.aborted) continue;
      await agent.post("/v1/agent/report", reportOf(service, agent)).catch(() => undefined);
    }
    await sleep(20, undefined, { signal }).catch(() => undefined);
  }
}

/** What such an agent says of a service, as `GET /v1/services/{id}` shows it. */
export function reportOf(service: Json, { epoch }: AgentDouble): object {
  const isStarted = String(service["state"]) === "started";
  const { id, uid, revision: configRevision } = service;
  const facts = { service: id, uid, epoch, detail: "", stable: true };
  if (!isStarted) return { ...facts, result: "stopped", health: "none" };
  return { ...facts, result: "running", health: "healthy", configRevision };
}
