/** Two servers on one store and an agent with real workloads, for commands beside services. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { readAllProcesses } from "../../src/adapters/workloads/process/containment/process-table.ts";
import { createProcessDriver } from "../../src/adapters/workloads/process/process-driver.ts";
import type { AgentOptions, RunningAgent } from "../../src/agent/options.ts";
import { startAgent } from "../../src/agent/start.ts";
import { type Client, createClient } from "../../src/client/client.ts";
import type { Log } from "../../src/ports/log.ts";
import { type RunningServer, startServer } from "../../src/server/start.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { guardCommand } from "../agent/support/tools.ts";
import { mainPath } from "../support/built-program.ts";
import { commandLineOf } from "./processes.ts";

const waitMsMax = 15_000;

/** A command line that runs, or ran. */
export interface Started {
  readonly child: ChildProcess;
  out(): Buffer;
  err(): string;
  readonly ended: Promise<number | null>;
}

export class World {
  readonly servers: RunningServer[] = [];
  readonly clients: Client[] = [];
  readonly lines: string[] = [];
  agent: RunningAgent | undefined;
  token = "";
  directory = "";

  /** Runs `holdfast exec` at server `index`; standard input is at its end unless it is piped. */
  exec(
    words: readonly string[],
    { index = 0, input = "ignore" }: { index?: number; input?: "ignore" | "pipe" } = {},
  ): Started {
    const environment = {
      PATH: process.env["PATH"] ?? "",
      HOME: "/nonexistent",
      HOLDFAST_SERVER: this.servers[index]?.url ?? "",
      HOLDFAST_TOKEN: this.token,
    };
    const child = spawn(process.execPath, [...process.execArgv, mainPath, "exec", ...words], {
      env: environment,
      stdio: [input, "pipe", "pipe"],
    });
    const chunks: Buffer[] = [];
    let err = "";
    child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => {
      err += chunk.toString("utf8");
    });
    const ended = new Promise<number | null>((resolve) => {
      child.once("close", (code) => resolve(code));
    });
    return { child, out: () => Buffer.concat(chunks), err: () => err, ended };
  }

  get client(): Client {
    const client = this.clients[0];
    assert(client !== undefined);
    return client;
  }

  /** Adds a service, and waits until it runs. */
  async runs(id: string, more: object = {}): Promise<void> {
    const command = "/bin/sh";
    const words = ["-c", "while :; do sleep 1; done"];
    const added = await this.client.addService({
      id,
      process: { command, arguments: words, restart: { settleMs: 0 }, ...more },
    });
    assert(added.ok, added.ok ? "" : added.error.message);
    await this.until(`${id} to run`, async () => {
      const service = await this.client.service(id);
      return service.ok && service.value.state === "started" && service.value.running === "running";
    });
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = performance.now() + waitMsMax;
    while (!(await holds())) {
      if (performance.now() > endMs) {
        throw new Error(`waited in vain for ${what}\n${this.lines.join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until no process has this text in its command line. */
  async gone(mark: string): Promise<void> {
    await this.until(`${mark} to be gone`, () => !isThere(mark));
  }
}

/** A text for a command line that no other process has. */
export function newMark(): string {
  return `exec-mark-${randomUUID()}`;
}

/** Whether a process of a workload has it; command lines that only carry it on do not count. */
export function isThere(mark: string): boolean {
  return readAllProcesses().some(({ pid, alive }) => {
    const line = alive ? commandLineOf(pid) : "";
    return line.includes(mark) && !line.includes(mainPath);
  });
}

interface WorldOptions {
  /** Default 1. */
  readonly serverCount?: number;
  /** The agent talks to this server alone; default 0. */
  readonly agentAt?: number;
  /** `fast`: the lease is over soon, also where one process does the work of all. Default `balanced`. */
  readonly profile?: "fast" | "balanced";
}

/** A world that ends with the test. */
export async function startWorld(
  t: TestContext,
  { serverCount = 1, agentAt = 0, profile = "balanced" }: WorldOptions = {},
): Promise<World> {
  const world = new World();
  world.directory = await mkdtemp(join(tmpdir(), "holdfast-exec-"));
  const store = createMemoryStore({ clock });
  const logOf = (name: string): Log => ({
    write: (level, sentence) => world.lines.push(`${name} ${level} ${sentence}`),
    with: () => logOf(name),
  });
  t.after(async () => {
    await world.agent?.close("stop-all");
    for (const server of world.servers) await server.close();
    await store.close();
    await rm(world.directory, { recursive: true, force: true });
  });
  for (let index = 0; index < serverCount; index += 1) {
    const started = await startServer({
      store,
      clock,
      log: logOf(`server${index}`),
      dataDirectory: join(world.directory, `server${index}`),
      listen: { host: "127.0.0.1", port: 0 },
      version: "test",
      answers: "checked",
      initialSettings: { profile },
    });
    assert(started.ok, started.ok ? "" : started.error);
    world.servers.push(started.value);
  }
  world.token = (await readFile(join(world.directory, "server0", "admin.token"), "utf8")).trim();
  for (const { url } of world.servers) {
    world.clients.push(createClient({ server: url, token: world.token }));
  }
  const created = await world.client.createToken({ role: "agent", node: "node1", name: "node1" });
  assert(created.ok, created.ok ? "" : created.error.message);
  await startAgentOf(world, created.value.token, { agentAt, log: logOf("agent") });
  return world;
}

async function startAgentOf(
  world: World,
  token: string,
  { agentAt, log }: { readonly agentAt: number; readonly log: Log },
): Promise<void> {
  const dataDirectory = join(world.directory, "agent");
  const options: AgentOptions = {
    dataDirectory,
    servers: [world.servers[agentAt]?.url ?? ""],
    token,
    clock,
    log,
    drivers: (listener) => [createProcessDriver({ dataDirectory, clock, log, listener })],
    guardCommand,
    watchdogs: [],
    version: "test",
    properties: {},
  };
  const agent = await startAgent(options);
  assert(agent.ok, agent.ok ? "" : agent.error);
  world.agent = agent.value;
  await world.until("the node to be online", async () => {
    const node = await world.client.node("node1");
    return node.ok && node.value.state === "online";
  });
}
