/** The guard as a process of its own, with real workloads: it kills at the deadline, all of it, and only that. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type GuardClient, openGuard } from "../../src/agent/guard/client.ts";
import { findMarked, isAlive, startTicksOf } from "../../src/agent/guard/process-table.ts";
import { epochOf, parseServiceId } from "../../src/core/ids.ts";
import type { WorkloadInstance } from "../../src/ports/workload.ts";
import {
  createTestLog,
  guardCommand,
  realClock,
  temporaryDirectory,
  until,
} from "./support/tools.ts";

const web = parseServiceId("process:web");
assert(web.ok);
const service = web.value;
const epochOne = epochOf(1);
const agentId = "0123456789abcdef0123456789abcdef";

class World {
  readonly directory = temporaryDirectory();
  readonly log = createTestLog();
  readonly fired: number[] = [];
  readonly unguarded: string[] = [];
  readonly children: ChildProcess[] = [];
  /** What was alive of the tracked instances when the last word came, one entry a word. */
  readonly lastWords: { readonly body: string; readonly aliveCount: number }[] = [];
  readonly agentId =
    `${agentId.slice(0, 24)}${Math.random().toString(16).slice(2, 10).padEnd(8, "0")}`;
  private readonly clients: GuardClient[] = [];
  private readonly server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += String(chunk);
    });
    request.on("end", () => {
      this.lastWords.push({ body, aliveCount: this.alive("i1").length });
      response.end("{}");
    });
  });

  async begin(): Promise<void> {
    writeFileSync(join(this.directory.path, "agent-id"), this.agentId);
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  async client(): Promise<GuardClient> {
    const { port } = this.server.address() as AddressInfo; // it listens on a port
    const opened = await openGuard({
      dataDirectory: this.directory.path,
      guardCommand,
      credentials: {
        servers: ["http://127.0.0.1:9", `http://127.0.0.1:${port}`],
        token: "t",
        tls: undefined,
        watchdogPath: undefined,
      },
      log: this.log,
      onFired: (epoch) => this.fired.push(epoch),
      onUnguarded: (why) => this.unguarded.push(why),
    });
    assert(opened.ok, opened.ok ? "" : opened.error);
    this.clients.push(opened.value);
    return opened.value;
  }

  /** A process that carries the marks of an instance. */
  workload(instanceId: string, script = "exec sleep 1000"): WorkloadInstance {
    const child = spawn("/bin/sh", ["-c", script], {
      detached: true,
      stdio: "ignore",
      env: {
        PATH: process.env["PATH"] ?? "",
        HOLDFAST_AGENT_ID: this.agentId,
        HOLDFAST_INSTANCE: instanceId,
      },
    });
    this.children.push(child);
    const pid = child.pid ?? 0;
    return {
      service,
      type: "process",
      instanceId,
      root: { pid, startTicks: startTicksOf(pid) ?? 0 },
      containment: "tracked",
      driverState: {},
    };
  }

  alive(instanceId: string): { readonly pid: number }[] {
    return findMarked(this.agentId, (id) => id === instanceId);
  }

  guardPid(): number {
    const note: unknown = JSON.parse(readFileSync(join(this.directory.path, "guard.json"), "utf8"));
    assert(typeof note === "object" && note !== null && "pid" in note);
    assert(typeof note.pid === "number");
    return note.pid;
  }

  async end(): Promise<void> {
    for (const found of findMarked(this.agentId, () => true)) process.kill(found.pid, "SIGKILL");
    for (const client of this.clients) client.close();
    const pid = this.guardPid();
    await until("the guard ends", () => startTicksOf(pid) === undefined);
    await new Promise((resolve) => this.server.close(resolve));
    this.directory.remove();
  }
}

async function withWorld(body: (world: World) => Promise<void>): Promise<void> {
  const world = new World();
  await world.begin();
  try {
    await body(world);
  } finally {
    await world.end();
  }
}

/** A client that has begun epoch 1 and tracks `i1` until the deadline, which it returns. */
async function armed(world: World, forMs: number) {
  const client = await world.client();
  assert.equal(await client.begin(epochOne, "lease-1"), "accepted");
  const deadlineMs = realClock.monotonicMs() + forMs;
  assert.equal(await client.feed(deadlineMs), "accepted");
  const instance = world.workload("i1");
  assert.equal(await client.track(instance), "accepted");
  return { client, deadlineMs, instance };
}

describe("guard", () => {
  test("kills at the deadline and not before, then says so once nothing is alive", () =>
    withWorld(async (world) => {
      const { deadlineMs, instance } = await armed(world, 1_000);
      await until("it is dead", () => !isAlive(instance.root));
      const lateMs = realClock.monotonicMs() - deadlineMs;
      // The shortest time that a profile leaves for the kill, before the lease is over.
      assert.ok(lateMs >= 0 && lateMs < 1_000, `killed ${lateMs} ms after the deadline`);
      await until("the last word", () => world.lastWords.length > 0);
      assert.deepEqual(world.lastWords[0], {
        body: JSON.stringify({ epoch: 1, leaseId: "lease-1" }),
        aliveCount: 0,
      });
      assert.deepEqual(world.fired, [1]);
    }));

  test("kills children that left group and session, and leaves other instances alone", () =>
    withWorld(async (world) => {
      const { client } = await armed(world, 3_000);
      const script = "setsid sh -c 'setsid sleep 999 & exec sleep 998' & exec sleep 997";
      const family = world.workload("i2", script);
      const keep = world.workload("i3");
      assert.equal(await client.track(family), "accepted");
      await until("three of them", () => world.alive("i2").length === 3);
      await until("all are dead", () => world.alive("i2").length === 0);
      await until("it has fired", () => world.fired.length === 1);
      assert.equal(isAlive(keep.root), true);
    }));

  test("kills children that have cleared their environment, also those that left the session", () =>
    withWorld(async (world) => {
      const { client } = await armed(world, 3_000);
      const numbers = join(world.directory.path, "numbers");
      const bare = `env -i sh -c 'echo $$ >> ${numbers}; exec sleep 996'`;
      const script = `(exec ${bare}) & (exec setsid ${bare}) & wait`;
      assert.equal(await client.track(world.workload("i2", script)), "accepted");
      const pids = () =>
        existsSync(numbers) ? readFileSync(numbers, "latin1").trim().split("\n").map(Number) : [];
      await until("two of them", () => pids().length === 2);
      assert.ok(pids().every((pid) => startTicksOf(pid) !== undefined));
      await until("it has fired", () => world.fired.length === 1);
      const left = pids().filter((pid) => startTicksOf(pid) !== undefined);
      for (const pid of left) process.kill(pid, "SIGKILL");
      assert.deepEqual(left, []);
    }));

  test("takes the lease from the disk before its last word, so that no agent takes up what it has ended", () =>
    withWorld(async (world) => {
      const lease = join(world.directory.path, "lease.json");
      const save = (epoch: number) =>
        writeFileSync(lease, JSON.stringify({ version: 1, epoch, leaseId: `lease-${epoch}` }));
      save(1);
      const { client } = await armed(world, 1_000);
      await until("the last word", () => world.lastWords.length === 1);
      assert.equal(existsSync(lease), false);
      save(3); // a newer one, which is none of its business
      assert.equal(await client.begin(epochOf(2), "lease-2"), "accepted");
      assert.equal(await client.feed(realClock.monotonicMs() + 1_000), "accepted");
      await until("the next last word", () => world.lastWords.length === 2);
      assert.equal(existsSync(lease), true);
    }));

  test("goes on as long as it is fed", () =>
    withWorld(async (world) => {
      const { client, deadlineMs, instance } = await armed(world, 1_000);
      assert.equal(await client.feed(deadlineMs + 2_000), "accepted");
      await until("the first deadline", () => realClock.monotonicMs() > deadlineMs + 300);
      assert.equal(isAlive(instance.root), true);
      await until("it is dead", () => !isAlive(instance.root));
      assert.ok(realClock.monotonicMs() >= deadlineMs + 2_000);
    }));

  test("refuses everything of an epoch that it has killed, and takes the next one", () =>
    withWorld(async (world) => {
      const { client } = await armed(world, 1_000);
      await until("it has fired", () => world.fired.length === 1);
      const later = realClock.monotonicMs() + 5_000;
      assert.equal(await client.feed(later), "refused");
      assert.equal(await client.track(world.workload("i2")), "refused");
      assert.equal(await client.begin(epochOne, "lease-1"), "refused");
      assert.equal(await client.begin(epochOf(2), "lease-2"), "accepted");
      assert.equal(await client.track(world.workload("i4")), "refused");
      assert.equal(await client.feed(later), "accepted");
      assert.equal(await client.track(world.workload("i5")), "accepted");
      await client.untrack("i5");
      await client.disarm();
    }));

  test("kills soon after its agent is gone without a word", () =>
    withWorld(async (world) => {
      const { client, instance } = await armed(world, 60_000);
      const goneMs = realClock.monotonicMs();
      client.close();
      await until("it is dead", () => !isAlive(instance.root));
      const lateMs = realClock.monotonicMs() - goneMs;
      assert.ok(lateMs >= 390 && lateMs < 2_500, `killed after ${lateMs} ms`);
      await until("the last word", () => world.lastWords.length > 0);
    }));

  test("spares the workloads of an agent that is back within the grace", () =>
    withWorld(async (world) => {
      const { client, instance } = await armed(world, 60_000);
      client.close();
      const next = await world.client();
      assert.deepEqual(next.found.status.trackedIds, ["i1"]);
      assert.equal(next.found.origin, "found");
      const backMs = realClock.monotonicMs();
      await until("the grace is over", () => realClock.monotonicMs() > backMs + 700);
      assert.equal(isAlive(instance.root), true);
    }));

  test("waits for a detached agent until the deadline, and no longer", () =>
    withWorld(async (world) => {
      const { client, deadlineMs, instance } = await armed(world, 3_000);
      await client.detach();
      client.close();
      const goneMs = realClock.monotonicMs();
      await until("the grace is over", () => realClock.monotonicMs() > goneMs + 700);
      assert.equal(isAlive(instance.root), true);
      await until("it is dead", () => !isAlive(instance.root));
      assert.ok(realClock.monotonicMs() >= deadlineMs);
      await until("the last word", () => world.lastWords.length > 0);
    }));

  test("takes no signal while it guards", () =>
    withWorld(async (world) => {
      const { instance } = await armed(world, 1_500);
      const pid = world.guardPid();
      for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.kill(pid, signal);
      await until("it has fired all the same", () => world.fired.length === 1);
      assert.equal(isAlive(instance.root), false);
    }));

  test("is replaced when it is killed, and the next one knows everything", () =>
    withWorld(async (world) => {
      const { deadlineMs, instance } = await armed(world, 5_000);
      const first = world.guardPid();
      process.kill(first, "SIGKILL");
      await until("another guard", () => world.log.lines.some((line) => /taken over/.test(line)));
      assert.notEqual(world.guardPid(), first);
      assert.equal(isAlive(instance.root), true);
      await until("it is dead", () => !isAlive(instance.root));
      assert.ok(realClock.monotonicMs() >= deadlineMs);
      assert.deepEqual(world.unguarded, []);
    }));

  test("that cannot be replaced before the deadline is said to be missing", () =>
    withWorld(async (world) => {
      const { deadlineMs } = await armed(world, 1_000);
      const first = world.guardPid();
      process.kill(first, "SIGSTOP"); // as if it had been stopped until too late, then lost
      await until("the deadline", () => realClock.monotonicMs() > deadlineMs + 50);
      process.kill(first, "SIGKILL");
      await until("the word", () => world.unguarded.length === 1);
    }));

  test("answers one agent at a time, and ends the connection of who talks nonsense", () =>
    withWorld(async (world) => {
      const { instance } = await armed(world, 60_000);
      const say = (text: string): Promise<string> =>
        new Promise((resolve) => {
          const socket = connect({ path: join(world.directory.path, "guard.sock") });
          let heard = "";
          socket.on("data", (chunk) => {
            heard += String(chunk);
            socket.end();
          });
          socket.on("error", () => socket.destroy());
          socket.on("close", () => resolve(heard));
          socket.write(text);
        });
      const hello = JSON.stringify({ id: 1, kind: "hello", servers: ["http://x"], token: "t" });
      assert.match(await say(`${hello}\n`), /"answer":"busy"/);
      assert.equal(await say("nonsense\n"), "");
      assert.equal(await say(`{"id":1,"kind":"track","epoch":1,"instanceId":"x","pid":1}\n`), "");
      assert.equal(await say("x".repeat(70_000)), "");
      assert.equal(isAlive(instance.root), true);
      assert.equal(startTicksOf(world.guardPid()) === undefined, false);
    }));
});
