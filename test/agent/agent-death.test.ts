/** An agent in a process of its own that is killed, stopped and started again: what its guard makes of it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { findMarked, startTicksOf } from "../../src/agent/guard/process-table.ts";
import { createFakeServer, type FakeServerOptions, testToken } from "./support/fake-server.ts";
import { endWorkloadsOf, realClock, temporaryDirectory, until } from "./support/tools.ts";

const script = join(import.meta.dirname, "support/agent-process.ts");

async function createWorld(times: FakeServerOptions) {
  const server = await createFakeServer(times);
  const directory = temporaryDirectory();
  const agents: ChildProcess[] = [];
  const guardPid = (): number => {
    const note: unknown = JSON.parse(readFileSync(join(directory.path, "guard.json"), "utf8"));
    assert(typeof note === "object" && note !== null && "pid" in note);
    assert(typeof note.pid === "number");
    return note.pid;
  };
  const running = (): number[] => {
    const agentId = readFileSync(join(directory.path, "agent-id"), "utf8");
    return findMarked(agentId, () => true).map((found) => found.pid);
  };
  return {
    server,
    guardPid,
    running,
    start(): ChildProcess {
      const agent = spawn(process.execPath, [script, directory.path, server.url, testToken], {
        stdio: ["ignore", "inherit", "inherit"],
      });
      agents.push(agent);
      return agent;
    },
    async end(): Promise<void> {
      for (const agent of agents) agent.kill("SIGKILL");
      try {
        await until("its workloads are dead", () => running().length === 0);
        const pid = guardPid();
        await until("the guard ends", () => startTicksOf(pid) === undefined);
      } finally {
        await endWorkloadsOf(directory.path); // a test that has failed may have killed the guard too
        await server.close();
        directory.remove();
      }
    },
  };
}

type World = Awaited<ReturnType<typeof createWorld>>;

/** With an agent that runs `process:web` under epoch 1. */
async function withRunning(
  times: FakeServerOptions,
  body: (world: World, agent: ChildProcess) => Promise<void>,
): Promise<void> {
  const world = await createWorld(times);
  try {
    const agent = world.start();
    await until("a lease", () => world.server.liveLease());
    world.server.instruct("process:web", "uid-1");
    await until("it runs", () => world.server.hasReport("uid-1", "running"));
    await body(world, agent);
  } finally {
    await world.end();
  }
}

const patient: FakeServerOptions = { ttlMs: 30_000, watchdogMs: 20_000, renewEveryMs: 200 };

describe("agent and guard", () => {
  test("a killed agent's workloads are dead and its lease released long before its end", () =>
    withRunning(patient, async (world, agent) => {
      const killedMs = realClock.monotonicMs();
      agent.kill("SIGKILL");
      const release = await until("the last word", () => world.server.record.releases[0]);
      assert.equal(world.running().length, 0);
      assert.ok(release.atMs - killedMs < 5_000, `released after ${release.atMs - killedMs} ms`);
    }));

  test("an agent that is back at once takes everything up again", () =>
    withRunning(patient, async (world, agent) => {
      const before = world.running();
      const renewals = world.server.record.renewalCount;
      agent.kill("SIGTERM");
      await until("it has ended", () => agent.exitCode !== null);
      world.start();
      await until("renewals", () => world.server.record.renewalCount > renewals + 3);
      assert.deepEqual(world.running(), before);
      assert.equal(world.server.record.epoch, 1);
    }));

  test("a stopped agent's workloads die at the deadline; awake again it starts nothing of the old epoch", () =>
    withRunning({ ttlMs: 3_600, watchdogMs: 2_400, renewEveryMs: 450 }, async (world, agent) => {
      agent.kill("SIGSTOP");
      const lastMs = world.server.liveLease()?.renewedAtMs ?? 0;
      await until("they are dead", () => world.running().length === 0);
      assert.ok(realClock.monotonicMs() - lastMs < 3_600);
      await until("the last word", () => world.server.record.releases.length > 0);
      const confirmations = world.server.record.confirmations.length;
      agent.kill("SIGCONT");
      await until("a new epoch", () => world.server.liveLease()?.epoch === 2);
      assert.equal(world.running().length, 0);
      assert.equal(world.server.record.confirmations.length, confirmations);
      world.server.instruct("process:web", "uid-2");
      await until("it runs again", () => world.server.hasReport("uid-2", "running"));
    }));

  test("a killed guard is replaced while the workloads run on", () =>
    withRunning(patient, async (world) => {
      const before = world.running();
      const first = world.guardPid();
      process.kill(first, "SIGKILL");
      await until("another guard", () => {
        try {
          return world.guardPid() !== first;
        } catch {
          return false; // the note is being written
        }
      });
      const renewals = world.server.record.renewalCount;
      await until("renewals", () => world.server.record.renewalCount > renewals + 3);
      assert.deepEqual(world.running(), before);
    }));

  test("agent and guard killed at once: the next agent takes up the lease, and kills what it finds", () =>
    withRunning(patient, async (world, agent) => {
      const before = world.running();
      process.kill(world.guardPid(), "SIGKILL");
      agent.kill("SIGKILL");
      const renewals = world.server.record.renewalCount;
      await until("it has ended", () => agent.signalCode !== null);
      // The agent may have begun to replace its guard in the instant between the two kills.
      world.start();
      await until("renewals", () => world.server.record.renewalCount > renewals + 3);
      await until("another copy", () => world.running().length === before.length);
      // Its deadline was known to the dead guard alone.
      assert.deepEqual(
        world.running().filter((pid) => before.includes(pid)),
        [],
      );
      assert.equal(world.server.record.epoch, 1);
    }));

  test("an orderly end leaves nothing behind", () =>
    withRunning(patient, async (world, agent) => {
      agent.kill("SIGINT");
      await until("it has ended", () => agent.exitCode !== null);
      assert.equal(world.running().length, 0);
      assert.equal(world.server.liveLease(), undefined);
      await until("the guard ends", () => startTicksOf(world.guardPid()) === undefined);
    }));
});
