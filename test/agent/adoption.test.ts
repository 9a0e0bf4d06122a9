/** What an agent makes of the workloads that the one before it has left. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { startTicksOf } from "../../src/agent/guard/process-table.ts";
import { withWorld } from "./support/agent-world.ts";
import { until } from "./support/tools.ts";

describe("startAgent() after another agent", { concurrency: false }, () => {
  test("an agent that follows takes up lease, epoch and workloads", () =>
    withWorld(async (world) => {
      const first = await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:web", "uid-1");
      await until("running", () => world.server.hasReport("uid-1", "running"));
      const before = world.running();
      await first.close("leave-running");
      const renewals = world.server.record.renewalCount;
      const reports = world.server.record.reports.length;
      await world.start();
      await until("a renewal", () => world.server.record.renewalCount > renewals);
      await until("a report", () => world.server.record.reports.length > reports);
      assert.equal(world.server.record.epoch, 1);
      assert.deepEqual(world.running(), before);
      await until("past the old deadline", () => world.server.record.renewalCount > renewals + 8);
      assert.deepEqual(world.running(), before);
    }));

  test("an agent that cannot read what is on disk about a workload kills it before it starts another", () =>
    withWorld(async (world) => {
      const first = await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:keep", "keep-1", { survivesIsolation: true });
      world.server.instruct("process:web", "web-1");
      await until("keep runs", () => world.server.hasReport("keep-1", "running"));
      await until("web runs", () => world.server.hasReport("web-1", "running"));
      const before = world.running();
      await first.close("leave-running");
      writeFileSync(join(world.data, "instances", "process@keep.json"), "{}");
      world.server.record.reports.length = 0;
      await world.start();
      await until("keep runs again", () => world.server.hasReport("keep-1", "running"));
      await until("web is adopted", () => world.server.hasReport("web-1", "running"));
      const now = world.running();
      assert.equal(now.length, 2, "one copy of each");
      assert.equal(now.filter((pid) => before.includes(pid)).length, 1, "web was left alone");
    }));

  test("an agent whose guard is gone kills what it finds: nobody knows until when it may run", () =>
    withWorld(async (world) => {
      const first = await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:web", "web-1");
      await until("web runs", () => world.server.hasReport("web-1", "running"));
      const before = world.running();
      await first.close("leave-running");
      const note: unknown = JSON.parse(readFileSync(join(world.data, "guard.json"), "utf8"));
      assert(typeof note === "object" && note !== null && "pid" in note);
      const { pid } = note;
      assert(typeof pid === "number");
      process.kill(pid, "SIGKILL");
      await until("the guard is dead", () => startTicksOf(pid) === undefined);
      world.server.control.down = true;
      await world.start();
      const left = world.running().filter((found) => before.includes(found));
      assert.deepEqual(left, []);
      world.server.control.down = false;
      await until("web runs again", () => world.running().length === 1);
    }));

  test("a lease that was given back is on no disk any more: a late release must end nothing that was taken up again", () =>
    withWorld(async (world) => {
      await world.start();
      await until("a lease", () => world.server.liveLease());
      world.server.instruct("process:web", "web-1");
      await until("web runs", () => world.server.hasReport("web-1", "running"));
      const onDisk: boolean[] = [];
      world.server.record.releases.push = (release) => {
        onDisk.push(existsSync(join(world.data, "lease.json")));
        return Array.prototype.push.call(world.server.record.releases, release);
      };
      world.server.record.lease = undefined; // it is refused long before the guard's deadline
      await until("a release", () => onDisk.length > 0);
      assert.equal(onDisk[0], false);
      await until("the next lease", () => world.server.record.epoch > 1);
    }));
});
