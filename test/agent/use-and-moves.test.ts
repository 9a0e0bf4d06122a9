/** What the running agent says of its node and its services' use of it, and moves that a driver can make. */
import assert from "node:assert/strict";
import { availableParallelism, totalmem } from "node:os";
import { describe, test } from "node:test";
import type { AgentOptions } from "../../src/agent/options.ts";
import { parseNodeId } from "../../src/core/ids.ts";
import { type World, withWorld } from "./support/agent-world.ts";
import { createMovingDriver, createSleepDriver, type SleepDriver } from "./support/sleep-driver.ts";
import { until } from "./support/tools.ts";

const nodeTwo = parseNodeId("node2");
assert(nodeTwo.ok);
const target = nodeTwo.value;
const megabyte = 1_048_576;

/** Starts an agent whose one driver the test holds. */
async function startWith(
  world: World,
  makeDriver: typeof createSleepDriver,
  more: Partial<AgentOptions> = {},
): Promise<SleepDriver> {
  const made: SleepDriver[] = [];
  await world.start(undefined, {
    ...more,
    drivers(listener) {
      const driver = makeDriver(listener);
      made.push(driver);
      return [driver];
    },
  });
  await until("it is active", () => world.server.record.modes.length > 0);
  const [driver] = made;
  assert(driver !== undefined);
  return driver;
}

describe("an agent's word about its node", { concurrency: false }, () => {
  test("names the machine's capacity, or what it was told instead", () =>
    withWorld(async (world) => {
      const first = await world.start();
      await until("a lease", () => world.server.liveLease());
      await first.close("stop-all");
      await world.start(undefined, { capacity: { memoryBytes: 64 * megabyte } });
      await until("the second one", () => world.server.record.joins.length === 2);
      const cpuCores = availableParallelism();
      assert.deepEqual(
        world.server.record.joins.map(({ capacity }) => capacity),
        [
          { cpuCores, memoryBytes: totalmem() },
          { cpuCores, memoryBytes: 64 * megabyte },
        ],
      );
    }));

  test("says that it is active under each lease that it starts with", () =>
    withWorld(async (world) => {
      await world.start();
      const mode = await until("its mode", () => world.server.record.modes[0]);
      assert.deepEqual(mode, { kind: "active", mode: "active", epoch: 1 });
    }));

  test("runs as many operations at a time as the server's settings say", () =>
    withWorld(async (world) => {
      world.server.control.operationsPerNode = 2;
      const driver = await startWith(world, createSleepDriver);
      const gate = Promise.withResolvers<void>();
      let waiting = 0;
      driver.beforePrepare = () => {
        waiting += 1;
        return gate.promise;
      };
      for (const name of ["a", "b", "c"]) world.server.instruct(`process:${name}`, `${name}-1`);
      await until("both may be prepared", () => waiting === 2);
      assert.deepEqual(world.server.record.confirmations, ["a-1", "b-1"]);
      gate.resolve();
      await until("the third one", () => world.server.hasReport("c-1", "running"));
    }));

  test("tells a driver which services were recovered from a dead node", () =>
    withWorld(async (world) => {
      const driver = await startWith(world, createSleepDriver);
      world.server.instruct("process:a", "a-1", { clearLocks: true });
      world.server.instruct("process:b", "b-1");
      await until("a", () => world.server.hasReport("a-1", "running"));
      await until("b", () => world.server.hasReport("b-1", "running"));
      assert.deepEqual(driver.recovered, ["process:a"]);
    }));
});

describe("an agent's measurements", { concurrency: false }, () => {
  test("tell the use of a service once, and again when it has changed noticeably", () =>
    withWorld(async (world) => {
      const driver = await startWith(world, createSleepDriver, { measureEveryMs: 20 });
      const { usages } = world.server.record;
      driver.use = { cpuMs: 1_000, memoryBytes: 100 * megabyte };
      world.server.instruct("process:web", "web-1");
      await until("the first", () => usages.length === 1);
      assert.deepEqual(usages[0], {
        service: "process:web",
        cpuCores: 0,
        memoryBytes: 100 * megabyte,
      });
      driver.use = { cpuMs: 1_000, memoryBytes: 105 * megabyte };
      const readings = driver.readings;
      await until("five more looks", () => driver.readings > readings + 5);
      assert.equal(usages.length, 1, "5 % more is not worth a word");
      driver.use = { cpuMs: 1_000, memoryBytes: 120 * megabyte };
      await until("the second", () => usages.length === 2);
      assert.equal(usages[1]?.memoryBytes, 120 * megabyte);
    }));

  test("are averaged over time, and repeated until a server took them", () =>
    withWorld(async (world) => {
      const driver = await startWith(world, createSleepDriver, { measureEveryMs: 20 });
      const { usages } = world.server.record;
      world.server.control.usagesDown = true;
      driver.use = { cpuMs: 0, memoryBytes: 0 };
      world.server.instruct("process:web", "web-1");
      await until("it was said in vain", () =>
        world.log.lines.some((line) => /use was not taken/.test(line)),
      );
      world.server.control.usagesDown = false;
      const first = await until("the first", () => usages[0]);
      assert.equal(first.cpuCores, 0);
      driver.use = { cpuMs: 2_000, memoryBytes: 0 };
      const second = await until("the second", () => usages[1]);
      assert.ok(
        second.cpuCores > 0 && second.cpuCores < 1,
        `a burst counts little: ${second.cpuCores}`,
      );
    }));

  test("begin anew with another instance of the same service", () =>
    withWorld(async (world) => {
      const driver = await startWith(world, createSleepDriver, { measureEveryMs: 20 });
      const { usages } = world.server.record;
      driver.use = { cpuMs: 5_000, memoryBytes: 0 };
      world.server.instruct("process:web", "web-1");
      await until("the first", () => usages.length === 1);
      world.server.instruct("process:web", "web-2", { state: "request_stop" });
      await until("stopped", () => world.server.hasReport("web-2", "stopped"));
      driver.use = { cpuMs: 100_000, memoryBytes: 50 * megabyte };
      world.server.instruct("process:web", "web-3");
      await until("another instance", () => world.server.hasReport("web-3", "running"));
      await until("its use", () => usages.at(-1)?.memoryBytes === 50 * megabyte);
      const readings = driver.readings;
      await until("more looks", () => driver.readings > readings + 3);
      assert.ok(
        usages.every(({ cpuCores }) => cpuCores === 0),
        "what another instance has used is not its",
      );
    }));
});

describe("a move that is the driver's", { concurrency: false }, () => {
  const order = { state: "relocate", target, moveBy: "cold" } as const;

  test("is asked of the driver, and reported when nothing is left here", () =>
    withWorld(async (world) => {
      const driver = await startWith(world, createMovingDriver);
      world.server.instruct("process:web", "web-1");
      await until("running", () => world.server.hasReport("web-1", "running"));
      world.server.instruct("process:web", "web-2", order);
      await until("moved", () => world.server.hasReport("web-2", "stopped"));
      assert.equal(world.running().length, 0);
      assert.deepEqual(
        driver.moves.map(({ service, how, target: node }) => [service, how, node]),
        [["process:web", "cold", "node2"]],
      );
    }));

  test("is live only where both the instruction and the driver's kind say so", () =>
    withWorld(async (world) => {
      const driver = await startWith(world, createMovingDriver);
      world.server.instruct("process:web", "web-1");
      await until("running", () => world.server.hasReport("web-1", "running"));
      world.server.instruct("process:web", "web-2", { ...order, state: "migrate", moveBy: "live" });
      await until("moved", () => world.server.hasReport("web-2", "stopped"));
      assert.equal(driver.moves[0]?.how, "live");
    }));

  for (const [name, refusal, result, leftCount] of [
    ["that fails", { remains: "running", wrongNode: false }, "failed", 1],
    ["of a service of another node", { remains: "nothing", wrongNode: true }, "wrong-node", 0],
  ] as const) {
    test(`${name} is reported with what the driver said, and what is left is known`, () =>
      withWorld(async (world) => {
        await startWith(world, (listener) => createMovingDriver(listener, refusal));
        world.server.instruct("process:web", "web-1");
        await until("running", () => world.server.hasReport("web-1", "running"));
        world.server.instruct("process:web", "web-2", order);
        const report = await until("its word", () => world.server.hasReport("web-2", result));
        assert.equal(report.detail, "the other node has no room");
        assert.equal(world.running().length, leftCount);
      }));
  }

  test("is refused in words by a driver that moves nothing, and the service runs on", () =>
    withWorld(async (world) => {
      await startWith(world, createSleepDriver);
      world.server.instruct("process:web", "web-1");
      await until("running", () => world.server.hasReport("web-1", "running"));
      world.server.instruct("process:web", "web-2", order);
      const report = await until("its word", () => world.server.hasReport("web-2", "failed"));
      assert.match(report.detail, /not moved to node2: its driver moves nothing/);
      assert.equal(world.running().length, 1);
    }));
});
