/** The ways in which an agent leaves, with real workloads and a real guard; the test is the manager. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { askToLeave } from "../../src/agent/departure/control.ts";
import { startTicksOf } from "../../src/agent/guard/process-table.ts";
import type { RunningAgent } from "../../src/agent/options.ts";
import { parseNodeId } from "../../src/core/ids.ts";
import { shutdownPolicies } from "../../src/core/model/settings.ts";
import { type World, withWorld } from "./support/agent-world.ts";
import { realClock, until } from "./support/tools.ts";

const nodeTwo = parseNodeId("node2");
assert(nodeTwo.ok);
const target = nodeTwo.value;

/** For what the guard's deadline is about. */
const endingSoon = { ttlMs: 6_000, watchdogMs: 4_500 };

type Served = World & { readonly agent: RunningAgent };

/** A world in which `process:web` runs under uid `web-1`. */
async function withService(
  body: (world: Served, pids: readonly number[]) => Promise<void>,
  more: Parameters<World["start"]>[1] = {},
  times: Parameters<typeof withWorld>[1] = {},
): Promise<void> {
  await withWorld(async (world) => {
    const agent = await world.start(undefined, more);
    await until("a lease", () => world.server.liveLease());
    world.server.instruct("process:web", "web-1");
    await until("running", () => world.server.hasReport("web-1", "running"));
    await body({ ...world, agent }, world.running());
  }, times);
}

function freeze(world: World): void {
  world.server.instruct("process:web", "web-2", { state: "freeze", survivesIsolation: true });
}

function modeTold(world: World, mode: string): Promise<unknown> {
  return until(`mode ${mode}`, () => world.server.record.modes.find((each) => each.mode === mode));
}

function guardOf(world: World): number {
  const note: unknown = JSON.parse(readFileSync(join(world.data, "guard.json"), "utf8"));
  assert(typeof note === "object" && note !== null && "pid" in note);
  return Number(note.pid);
}

describe("leave() of an agent that is restarted", { concurrency: false }, () => {
  test("releases the lease, leaves frozen services running, and the next agent goes on with them", () =>
    withService(
      async (world, before) => {
        const guard = guardOf(world);
        const leaving = world.agent.leave("agent-restart");
        await modeTold(world, "restart");
        assert.notEqual(world.server.liveLease(), undefined, "not before they are frozen");
        freeze(world);
        assert.equal(await leaving, "released");
        assert.equal(world.server.liveLease(), undefined);
        assert.equal(world.server.record.releases.length, 1);
        await until("the guard's end", () => startTicksOf(guard) === undefined);
        assert.deepEqual(world.running(), before, "they run on, and nobody watches");

        await world.start();
        await until("a new lease", () => world.server.liveLease()?.epoch === 2);
        await until("it is active", () =>
          world.server.record.modes.some(({ kind, epoch }) => kind === "active" && epoch === 2),
        );
        assert.deepEqual(world.running(), before);
        world.server.instruct("process:web", "web-3");
        await until("running", () => world.server.hasReport("web-3", "running"));
        assert.deepEqual(world.running(), before, "the same process, and no second one");
        assert.deepEqual(world.server.record.confirmations, ["web-1"]);
        world.server.control.renewalsDown = true;
        await until("the guard has it again", () => world.running().length === 0);
      },
      {},
      endingSoon,
    ));

  test("takes what crashed meanwhile for what it is: the next agent starts it anew", () =>
    withService(async (world, [pid = 0]) => {
      const leaving = world.agent.leave("agent-restart");
      await modeTold(world, "restart");
      freeze(world);
      assert.equal(await leaving, "released");
      process.kill(pid, "SIGKILL");
      await until("it is dead", () => world.running().length === 0);
      await world.start();
      await until("a new lease", () => world.server.liveLease()?.epoch === 2);
      world.server.instruct("process:web", "web-3");
      await until("running", () => world.server.hasReport("web-3", "running"));
      assert.deepEqual(world.server.record.confirmations, ["web-1", "web-3"]);
      assert.equal(world.running().length, 1);
    }));

  test("keeps lease and epoch for the next agent when the manager freezes nothing in time", () =>
    withService(
      async (world, before) => {
        assert.equal(await world.agent.leave("agent-restart"), "detached");
        assert.equal(world.server.record.releases.length, 0);
        assert.equal(world.server.liveLease()?.epoch, 1);
        await world.start();
        const reports = world.server.record.reports.length;
        await until("its word", () => world.server.record.reports.length > reports);
        assert.equal(world.server.record.epoch, 1);
        assert.deepEqual(world.running(), before);
      },
      { restartPatienceMs: 200 },
    ));

  test("does not wait for servers that are away until the guard acts", () =>
    withService(
      async (world, before) => {
        const { renewedAtMs = 0 } = world.server.liveLease() ?? {};
        world.server.setDown(true);
        assert.equal(await world.agent.leave("agent-restart"), "detached");
        const leftMs = renewedAtMs + world.server.watchdogMs - realClock.monotonicMs();
        assert.deepEqual(world.running(), before, "there was time left for the next agent");
        assert.ok(leftMs > 0, `${leftMs} ms were left`);
        await until("the guard acts at the deadline", () => world.running().length === 0);
      },
      {},
      endingSoon,
    ));

  test("an agent without services is gone at once", () =>
    withWorld(async (world) => {
      const agent = await world.start();
      await modeTold(world, "active");
      assert.equal(await agent.leave("agent-restart"), "released");
      assert.equal(world.server.liveLease(), undefined);
    }));
});

describe("leave() of an agent whose node goes down", { concurrency: false }, () => {
  const modes = {
    freeze: ["restart", "restart"],
    failover: ["shutdown", "shutdown"],
    conditional: ["restart", "shutdown"],
    migrate: ["maintenance", "maintenance"],
  } as const;

  for (const policy of shutdownPolicies) {
    for (const [index, kind] of (["reboot", "power-off"] as const).entries()) {
      const mode = modes[policy][index] ?? "active";
      test(`policy ${policy} at a ${kind}: ${mode}, and nothing runs when it has left`, () =>
        withService(async (world) => {
          world.server.control.policy = policy;
          const leaving = world.agent.leave(kind);
          await modeTold(world, mode);
          if (mode !== "shutdown") {
            assert.equal(world.running().length, 1, "it waits for the manager");
            assert.notEqual(world.server.liveLease(), undefined);
          }
          if (mode === "restart") freeze(world);
          if (mode === "maintenance") {
            world.server.instruct("process:web", "web-2", { state: "relocate", target });
            await until("moved", () => world.server.hasReport("web-2", "stopped"));
            world.server.remove("process:web");
          }
          assert.equal(await leaving, "stopped");
          assert.equal(world.running().length, 0);
          assert.equal(world.server.liveLease(), undefined);
          assert.equal(world.server.record.releases.length, 1);
        }));
    }
  }

  test("stops what has not moved when its time is over", () =>
    withService(
      async (world) => {
        world.server.control.policy = "migrate";
        assert.equal(await world.agent.leave("reboot"), "stopped");
        assert.ok(world.log.lines.some((line) => /its time is over/.test(line)));
        assert.equal(world.running().length, 0);
        assert.equal(world.server.liveLease(), undefined);
      },
      { shutdownPatienceMs: 300 },
    ));

  test("stops everything when no server says what to do", () =>
    withService(async (world) => {
      world.server.setDown(true);
      assert.equal(await world.agent.leave("power-off"), "stopped");
      assert.equal(world.running().length, 0);
    }));

  test("while it ends already the first way holds", () =>
    withService(async (world) => {
      const closing = world.agent.close("stop-all");
      assert.equal(await world.agent.leave("agent-restart"), "stopped");
      await closing;
    }));
});

test("withWorld() ends what an agent has left running, also when the test fails", async () => {
  let left: readonly number[] = [];
  const failing = withService(async (world, before) => {
    const leaving = world.agent.leave("agent-restart");
    await modeTold(world, "restart");
    freeze(world);
    assert.equal(await leaving, "released");
    left = world.running();
    assert.deepEqual(left, before);
    throw new Error("the test fails");
  });
  await assert.rejects(failing, /the test fails/);
  assert.equal(left.length, 1);
  for (const pid of left) assert.equal(startTicksOf(pid), undefined, `process ${pid} is left`);
});

describe("askToLeave()", { concurrency: false }, () => {
  const { signal } = new AbortController();

  test("is answered when the agent has left, over a socket of its user alone", () =>
    withService(async (world, before) => {
      assert.equal(statSync(join(world.data, "agent.sock")).mode & 0o777, 0o600);
      const asking = askToLeave(world.data, { kind: "agent-restart", signal });
      await modeTold(world, "restart");
      freeze(world);
      const answer = await asking;
      assert(answer.ok, answer.ok ? "" : answer.error);
      assert.equal(answer.value.outcome, "released");
      assert.match(answer.value.sentence, /^the agent of node1 has left: .* run on/);
      assert.deepEqual(world.running(), before);
      assert.equal(await world.agent.closed, undefined, "it has ended as it was asked to");
      const again = await askToLeave(world.data, { kind: "reboot", signal });
      assert(!again.ok);
      assert.match(again.error, /none runs there/);
    }));

  test("says that a folder has no agent, and ends when it is told to", () =>
    withService(async (world) => {
      const nowhere = await askToLeave(join(world.data, "nowhere"), { kind: "reboot", signal });
      assert(!nowhere.ok);
      assert.match(nowhere.error, /no agent runs on .*nowhere/);
      const controller = new AbortController();
      world.server.control.policy = "migrate";
      const asking = askToLeave(world.data, { kind: "reboot", signal: controller.signal });
      await modeTold(world, "maintenance");
      controller.abort();
      assert.equal((await asking).ok, false);
      world.server.remove("process:web");
      assert.equal(await world.agent.leave("reboot"), "stopped", "the agent leaves all the same");
    }));
});
