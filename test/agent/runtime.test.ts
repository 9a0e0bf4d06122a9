/** The running agent, in this process, against a server that follows the protocol, with real workloads and guard. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { startAgent } from "../../src/agent/start.ts";
import { parseNodeId, parseServiceId } from "../../src/core/ids.ts";
import { withWorld } from "./support/agent-world.ts";
import { testToken } from "./support/fake-server.ts";
import { guardCommand, realClock, temporaryDirectory, until } from "./support/tools.ts";

const nodeTwo = parseNodeId("node2");
const bad = parseServiceId("process:bad");
assert(nodeTwo.ok && bad.ok);
const badService = bad.value;
/** For what a lease's end is about; a third of it is room for a machine that is busy. */
const endingSoon = { ttlMs: 3_600, watchdogMs: 2_400 };

describe("startAgent()", { concurrency: false }, () => {
  test("starts a confirmed instruction and reports it under its uid", () =>
    withWorld(async (world) => {
      const agent = await world.start();
      assert.equal(agent.node, "node1");
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:web", "uid-1");
      await until("the report", () => world.server.hasReport("uid-1", "running"));
      assert.deepEqual(world.server.record.confirmations, ["uid-1"]);
      assert.equal(world.running().length, 1);
    }));

  test("renews over the stream of instructions, without a connection of its own", () =>
    withWorld(
      async (world) => {
        await world.start();
        const { record } = world.server;
        await until("renewals over the stream", () => record.lineCount >= 2);
        const before = record.renewalCount - record.lineCount;
        await until("more of them", () => record.lineCount >= 6);
        assert.equal(record.renewalCount - record.lineCount, before, "and none beside it");
        world.server.dropStreams();
        const { epoch } = record;
        const { lineCount } = record;
        await until("renewals over the next stream", () => record.lineCount >= lineCount + 3);
        assert.equal(record.epoch, epoch, "its lease was never lost");
      },
      // An answer that is late by one turn is a reason to ask beside the stream.
      { renewEveryMs: 500 },
    ));

  test("leaves a server whose stream does not answer renewals, and keeps its lease", () =>
    withWorld(async (world) => {
      await world.start();
      const { record, control } = world.server;
      await until("renewals over the stream", () => record.lineCount >= 3);
      control.linesDown = true;
      const { renewalCount, epoch } = record;
      await until("renewals beside it", () => record.renewalCount >= renewalCount + 5);
      assert.equal(record.epoch, epoch, "its lease was never lost");
    }));

  test("starts nothing for an instruction of another epoch or another node", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      const { epoch } = world.server.record;
      world.server.instruct("process:old", "uid-old", {
        nodeEpoch: world.server.instruct("process:x", "uid-x").nodeEpoch,
        node: nodeTwo.value,
      });
      await until("its word", () => world.server.hasReport("uid-old", "wrong-node"));
      await until("the other one", () => world.server.hasReport("uid-x", "running"));
      assert.equal(world.server.record.epoch, epoch);
      assert.deepEqual(world.server.record.confirmations, ["uid-x"]);
    }));

  test("stops what is asked to stop, and what is gone from the list", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:a", "a-1");
      world.server.instruct("process:b", "b-1");
      await until("a", () => world.server.hasReport("a-1", "running"));
      await until("b", () => world.server.hasReport("b-1", "running"));
      world.server.instruct("process:a", "a-2", { state: "request_stop" });
      await until("a stopped", () => world.server.hasReport("a-2", "stopped"));
      assert.equal(world.running().length, 1);
      world.server.remove("process:b");
      await until("b gone", () => world.running().length === 0);
    }));

  test("retries a failing start, then reports it as failed with what the driver said", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      const good = world.server.instruct("process:bad", "bad-0", { state: "stopped" });
      await until("stopped", () => world.server.hasReport("bad-0", "stopped"));
      const { process: part, ...config } = good.config;
      assert(part !== undefined);
      world.server.instruct("process:bad", "bad-1", {
        config: { ...config, maxRestart: 2, process: { ...part, command: "/bin/false" } },
      });
      const report = await until("failed", () => world.server.hasReport("bad-1", "failed"));
      assert.match(report.detail, /ended with 1/);
      assert.equal(world.drivers[0]?.released.length, 3);
    }));

  test("restarts a workload that was killed, without a new confirmation", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:web", "uid-1");
      await until("running", () => world.server.hasReport("uid-1", "running"));
      const [pid] = world.running();
      assert(pid !== undefined);
      process.kill(pid, "SIGKILL");
      await until("another one", () => world.running().some((each) => each !== pid));
      assert.deepEqual(world.server.record.confirmations, ["uid-1"]);
    }));

  test("retries a report until it is taken", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.control.reportsDown = true;
      world.server.instruct("process:web", "uid-1");
      await until("it runs", () => world.running().length === 1);
      await until("a lost report", () =>
        world.log.lines.some((line) => line.includes("not taken")),
      );
      world.server.control.reportsDown = false;
      await until("the report", () => world.server.hasReport("uid-1", "running"));
    }));

  test("stops everything before the deadline when no server renews, and starts under a new epoch only", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      const epoch = world.server.record.epoch;
      world.server.instruct("process:web", "uid-1");
      await until("running", () => world.server.hasReport("uid-1", "running"));
      world.server.control.renewalsDown = true;
      const lastMs = world.server.liveLease()?.renewedAtMs ?? 0;
      await until("it is dead", () => world.running().length === 0);
      const deadMs = realClock.monotonicMs();
      assert.ok(
        deadMs - lastMs < world.server.ttlMs,
        `dead ${deadMs - lastMs} ms after the renewal`,
      );
      await until("the deadline", () => world.log.lines.some((line) => /lease is over/.test(line)));
      world.server.control.renewalsDown = false;
      await until("a new lease", () => world.server.liveLease()?.epoch === epoch + 1);
      assert.equal(world.running().length, 0);
      world.server.instruct("process:web", "uid-2");
      await until("running again", () => world.server.hasReport("uid-2", "running"));
    }, endingSoon));

  test("starts again under the same epoch when a renewal comes in the last moment", () =>
    withWorld(
      async (world) => {
        await world.start();
        await until("a lease", () => world.server.liveLease());
        world.server.instruct("process:web", "uid-1");
        await until("running", () => world.server.hasReport("uid-1", "running"));
        world.server.control.renewalsDown = true;
        await until("it is asked to end", () =>
          world.log.lines.some((line) => /services are being stopped/.test(line)),
        );
        world.server.control.renewalsDown = false;
        await until("a confirmation anew", () => world.server.record.confirmations.length === 2);
        await until("it runs", () => world.running().length === 1);
        assert.equal(world.server.record.epoch, 1);
      },
      { ttlMs: 8_000, watchdogMs: 6_000 },
    ));

  test("kills at once when the server says that the epoch is over", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:web", "uid-1");
      await until("running", () => world.server.hasReport("uid-1", "running"));
      const [pid] = world.running();
      world.server.record.lease = undefined;
      await until("it is dead", () => !world.running().includes(pid ?? 0));
      await until("a new epoch", () => world.server.liveLease()?.epoch === 2);
      assert.equal(world.running().length, 0);
    }));

  test("keeps what survives isolation running and reports it under the new epoch", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:keep", "uid-1", { survivesIsolation: true });
      world.server.instruct("process:stop", "uid-s");
      await until("running", () => world.server.hasReport("uid-1", "running"));
      await until("both", () => world.server.hasReport("uid-s", "running"));
      world.server.control.renewalsDown = true;
      await until("one is left", () => world.running().length === 1);
      const kept = world.running();
      await until("the deadline", () => world.log.lines.some((line) => /lease is over/.test(line)));
      world.server.control.renewalsDown = false;
      await until("a new lease", () => world.server.liveLease()?.epoch === 2);
      world.server.instruct("process:keep", "uid-2", { survivesIsolation: true });
      await until("taken over", () => world.server.hasReport("uid-2", "running"));
      assert.deepEqual(world.running(), kept);
    }, endingSoon));

  test("an agent that ends for good stops everything and releases its lease", () =>
    withWorld(async (world) => {
      const agent = await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:web", "uid-1");
      await until("running", () => world.server.hasReport("uid-1", "running"));
      await agent.close("stop-all");
      assert.equal(world.running().length, 0);
      assert.equal(world.server.liveLease(), undefined);
      assert.equal(world.server.record.releases.length, 1);
    }));

  test("goes to the next server when one does not answer", () =>
    withWorld(async (world) => {
      await world.start(["http://127.0.0.1:9", world.server.url]);
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:web", "uid-1");
      await until("running", () => world.server.hasReport("uid-1", "running"));
    }));

  test("sends a service's output to the server that asks", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:web", "uid-1");
      await until("running", () => world.server.hasReport("uid-1", "running"));
      const request = { requestId: "r1", service: "process:web", linesMax: 10, follow: false };
      world.server.tell(Object.assign({ kind: "log-request" }, request));
      const text = await until("the output", () => world.server.record.uploads.get("r1"));
      assert.equal(text, "output of process:web\n");
    }));

  test("starts nothing that it cannot put on record, and says so", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      rmSync(join(world.data, "instances"), { recursive: true });
      writeFileSync(join(world.data, "instances"), "no directory");
      world.server.instruct("process:web", "uid-1");
      const report = await until("failed", () => world.server.hasReport("uid-1", "failed"));
      assert.match(report.detail, /^cannot write .*process@web\.json/);
      assert.deepEqual(world.drivers[0]?.released, []);
      assert.equal(world.running().length, 0);
    }));

  test("reports a failure again after a restart, and does not execute its uid again", () =>
    withWorld(async (world) => {
      const first = await world.start();
      await until("a lease", () => world.server.liveLease());
      const { process: part, ...config } = world.server.instruct("process:x", "x-1").config;
      assert(part !== undefined);
      const broken = { ...config, maxRestart: 0, process: { ...part, command: "/bin/false" } };
      world.server.instruct("process:bad", "bad-1", { config: { ...broken, id: badService } });
      await until("failed", () => world.server.hasReport("bad-1", "failed"));
      await first.close("leave-running");
      world.server.record.reports.length = 0;
      await world.start();
      await until("failed again", () => world.server.hasReport("bad-1", "failed"));
      assert.deepEqual(world.drivers[1]?.released, []);
    }));

  test("refuses a second agent, a wrong token and a wrong URL with one line each", () =>
    withWorld(async (world) => {
      await world.start();
      const options = {
        dataDirectory: world.data,
        servers: [world.server.url],
        token: testToken,
        clock: realClock,
        log: world.log,
        drivers: () => [],
        guardCommand,
        watchdogs: [],
        version: "test",
        properties: {},
      };
      const second = await startAgent(options);
      assert(!second.ok);
      assert.match(second.error, /^another agent \(process \d+\) uses data directory/);
      const other = temporaryDirectory();
      after(() => other.remove());
      const wrong = await startAgent({ ...options, dataDirectory: other.path, token: "nonsense" });
      assert(!wrong.ok);
      assert.match(wrong.error, /^the server refuses this agent/);
      const url = await startAgent({ ...options, servers: ["ftp://x"] });
      assert(!url.ok);
      assert.match(url.error, /cannot be a server's URL/);
    }));
});
