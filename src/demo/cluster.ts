/**
 * The demo's small cluster: one server and some nodes, each an agent with its guard and workloads in a process
 * tree of its own. A node can lose its power (SIGKILL to all of it at once) and get it back.
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiResult } from "../client/api-error.ts";
import { type Client, createClient } from "../client/client.ts";
import { findProcesses, killProcesses, type ProcessMarks, signalAll } from "./processes.ts";
import { startProcess } from "./spawn.ts";
import { waitForStatus, waitUntil } from "./waiting.ts";

const startForMsMax = 20_000;
/** In the environment of the server and of each agent; the value names the demo and the node. */
const markerName = "HOLDFAST_DEMO_NODE";

export interface ClusterOptions {
  /** A fresh directory of the demo's own. */
  readonly directory: string;
  /** The command that starts Holdfast, e.g. node and dist/main.js. */
  readonly program: readonly string[];
  readonly port: number;
  readonly profile: string;
  readonly nodes: readonly string[];
  /** Aborted when the demo is to end. */
  readonly signal: AbortSignal;
}

/** `killedAtMs`: `performance.now()` of just before the kill. `processCount`: 0 when the node was off already. */
export interface PowerCut {
  readonly killedAtMs: number;
  readonly processCount: number;
}

/** The running cluster, and what can be done to its nodes. */
export interface DemoCluster {
  readonly url: string;
  readonly tokenPath: string;
  readonly client: Client;
  /** Ends agent, guard and workloads of the node at once. */
  powerOff(node: string): Promise<PowerCut>;
  /** Starts the node's agent again, unless it runs. */
  powerOn(node: string): "started" | "already-on";
  /** Ends everything; what the kernel would not let go, as text: nothing, as a rule. */
  end(): Promise<readonly string[]>;
}

/** Starts server and agents, waits until every node is online. Throws an Error of one line; nothing runs then. */
export async function startCluster(options: ClusterOptions): Promise<DemoCluster> {
  const layout = layoutOf(options);
  try {
    startServer(layout);
    const token = await serverToken(layout);
    const client = createClient({ server: layout.url, token });
    for (const node of options.nodes) {
      await writeAgentToken(layout, client, node);
      startAgent(layout, node);
    }
    await waitForStatus(
      client,
      ({ nodes }) => {
        for (const node of options.nodes) assertRuns(layout, node);
        return nodes.filter(({ state }) => state === "online").length >= options.nodes.length;
      },
      {
        what: `all nodes to be online; see the logs in ${options.directory}`,
        forMsMax: startForMsMax,
        signal: options.signal,
      },
    );
    return clusterOf(layout, client);
  } catch (error: unknown) {
    await endAll(layout);
    throw error;
  }
}

interface Layout extends ClusterOptions {
  readonly demoId: string;
  readonly url: string;
  readonly tokenPath: string;
}

function layoutOf(options: ClusterOptions): Layout {
  return {
    ...options,
    demoId: randomUUID(),
    url: `http://127.0.0.1:${options.port}`,
    tokenPath: join(options.directory, "server", "admin.token"),
  };
}

function clusterOf(layout: Layout, client: Client): DemoCluster {
  return {
    url: layout.url,
    tokenPath: layout.tokenPath,
    client,
    powerOff: async (node) => {
      const marks = marksOf(layout, [node]);
      const found = findProcesses(marks);
      const killedAtMs = performance.now();
      signalAll(found, "SIGKILL");
      await killProcesses(marks);
      return { killedAtMs, processCount: found.length };
    },
    powerOn: (node) => {
      if (findProcesses(marksOf(layout, [node])).length > 0) return "already-on";
      startAgent(layout, node);
      return "started";
    },
    end: () => endAll(layout),
  };
}

function startServer(layout: Layout): void {
  const listen = `127.0.0.1:${layout.port}`;
  start(layout, "server", ["server", "run", "--listen", listen, "--profile", layout.profile]);
}

function startAgent(layout: Layout, node: string): void {
  const tokenFile = agentTokenPath(layout, node);
  start(layout, node, ["agent", "run", "--server", layout.url, "--token-file", tokenFile]);
}

function start(layout: Layout, name: string, words: readonly string[]): void {
  const data = join(layout.directory, name);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  startProcess({
    command: [...layout.program, ...words, "--data", data],
    environment: { [markerName]: markerOf(layout, name) },
    logPath: logPathOf(layout, name),
  });
}

function serverToken(layout: Layout): Promise<string> {
  return waitUntil(
    async () => {
      assertRuns(layout, "server");
      if (!existsSync(layout.tokenPath)) return undefined;
      const token = readFileSync(layout.tokenPath, "utf8").trim();
      const answer = await createClient({ server: layout.url, token }).cluster();
      return answer.ok ? token : undefined;
    },
    {
      what: `the server; see ${logPathOf(layout, "server")}`,
      forMsMax: startForMsMax,
      signal: layout.signal,
    },
  );
}

/** Throws with the last line of its log when it has ended by itself. */
function assertRuns(layout: Layout, name: string): void {
  if (findProcesses(marksOf(layout, [name])).length > 0) return;
  const lastLine = readFileSync(logPathOf(layout, name), "utf8").trim().split("\n").at(-1);
  throw new Error(`${name} ended: ${lastLine}`);
}

function logPathOf(layout: Layout, name: string): string {
  return join(layout.directory, `${name}.log`);
}

async function writeAgentToken(layout: Layout, client: Client, node: string): Promise<void> {
  const created = answered(await client.createToken({ role: "agent", node, name: node }));
  writeFileSync(agentTokenPath(layout, node), `${created.token}\n`, { mode: 0o600 });
}

function agentTokenPath(layout: Layout, node: string): string {
  return join(layout.directory, `${node}.token`);
}

function markerOf(layout: Layout, name: string): string {
  return `${layout.demoId}/${name}`;
}

/** What the processes of these nodes are known by: agents and server the demo's mark, workloads the agent's id. */
function marksOf(layout: Layout, names: readonly string[]): ProcessMarks {
  const directories = names.map((name) => join(layout.directory, name));
  const agentIds = directories
    .map((directory) => join(directory, "agent-id"))
    .filter((path) => existsSync(path))
    .map((path) => `HOLDFAST_AGENT_ID=${readFileSync(path, "utf8").trim()}`);
  const own = names.map((name) => `${markerName}=${markerOf(layout, name)}`);
  return { variables: [...own, ...agentIds], guarded: directories };
}

async function endAll(layout: Layout): Promise<readonly string[]> {
  const left = await killProcesses(marksOf(layout, [...layout.nodes, "server"]));
  return left.map(({ pid, commandLine }) => `${pid} ${commandLine}`);
}

/** The answer's value; throws the server's own words. */
export function answered<T>(result: ApiResult<T>): T {
  if (result.ok) return result.value;
  throw new Error(`${result.error.message}; ${result.error.hint}`);
}
