/** A world for tests of the running agent: a server that follows the protocol, real workloads and a real guard. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findMarked } from "../../../src/agent/guard/process-table.ts";
import type { AgentOptions, RunningAgent } from "../../../src/agent/options.ts";
import { startAgent } from "../../../src/agent/start.ts";
import {
  createFakeServer,
  type FakeServer,
  type FakeServerOptions,
  testToken,
} from "./fake-server.ts";
import { createSleepDriver, type SleepDriver } from "./sleep-driver.ts";
import {
  createTestLog,
  endWorkloadsOf,
  guardCommand,
  realClock,
  temporaryDirectory,
} from "./tools.ts";

/** An agent in this process, its server, and what it runs. */
export interface World {
  readonly server: FakeServer;
  readonly data: string;
  readonly log: ReturnType<typeof createTestLog>;
  readonly drivers: SleepDriver[];
  start(servers?: readonly string[], more?: Partial<AgentOptions>): Promise<RunningAgent>;
  /** Processes that carry this agent's mark. */
  running(): number[];
  end(): Promise<void>;
}

async function createWorld(times: FakeServerOptions): Promise<World> {
  const server = await createFakeServer(times);
  const directory = temporaryDirectory();
  const log = createTestLog();
  const drivers: SleepDriver[] = [];
  const agents: RunningAgent[] = [];
  return {
    server,
    data: directory.path,
    log,
    drivers,
    async start(servers = [server.url], more = {}) {
      const agent = await startAgent({
        dataDirectory: directory.path,
        servers,
        token: testToken,
        clock: realClock,
        log,
        drivers(listener) {
          const driver = createSleepDriver(listener);
          drivers.push(driver);
          return [driver];
        },
        guardCommand,
        watchdogs: [],
        version: "test",
        properties: { rack: "a" },
        ...more,
      });
      assert(agent.ok, agent.ok ? "" : agent.error);
      agents.push(agent.value);
      return agent.value;
    },
    running() {
      const agentId = readFileSync(join(directory.path, "agent-id"), "utf8");
      return findMarked(agentId, () => true).map((found) => found.pid);
    },
    async end() {
      try {
        for (const agent of agents) await agent.close("stop-all");
      } finally {
        await endWorkloadsOf(directory.path); // one that has left stops nothing any more
        await server.close();
        directory.remove();
      }
    },
  };
}

/** Makes a world, and ends all of it. */
export async function withWorld(
  body: (world: World) => Promise<void>,
  times: FakeServerOptions = {},
): Promise<void> {
  const world = await createWorld(times);
  try {
    await body(world);
  } finally {
    await world.end();
  }
}
