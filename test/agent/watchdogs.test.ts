/** The device watchdog on a file that stands in for it, and systemd's with a program that stands in for its tool. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openDeviceWatchdog } from "../../src/adapters/watchdogs/device.ts";
import { createSystemdWatchdog } from "../../src/adapters/watchdogs/systemd.ts";
import { openGuard } from "../../src/agent/guard/client.ts";
import { startTicksOf } from "../../src/agent/guard/process-table.ts";
import { epochOf, parseServiceId } from "../../src/core/ids.ts";
import {
  createTestLog,
  guardCommand,
  realClock,
  temporaryDirectory,
  until,
} from "./support/tools.ts";

const now = (): number => realClock.monotonicMs();

async function withFile(body: (path: string) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const path = join(directory.path, "watchdog");
  writeFileSync(path, "");
  try {
    await body(path);
  } finally {
    directory.remove();
  }
}

describe("openDeviceWatchdog()", () => {
  test("writes while its time-out ends before the deadline, and no longer", () =>
    withFile(async (path) => {
      const opened = await openDeviceWatchdog({ path, log: createTestLog(), now });
      assert(opened.ok);
      assert.equal(readFileSync(path, "utf8"), "", "not armed before the first feed");
      const deadlineMs = now() + 2_000; // fed for one second, as the device's own time-out is one
      assert.equal(await opened.value.feed(deadlineMs), "accepted");
      await until("the last feed", () => now() > deadlineMs - 900);
      const written = readFileSync(path, "utf8");
      assert.match(written, /^\n{2,5}$/);
      await until("the deadline", () => now() > deadlineMs);
      assert.equal(readFileSync(path, "utf8"), written);
      await opened.value.disarm();
      assert.equal(readFileSync(path, "utf8"), `${written}V`);
    }));

  test("is not armed when the deadline is nearer than its time-out", () =>
    withFile(async (path) => {
      const opened = await openDeviceWatchdog({ path, log: createTestLog(), now });
      assert(opened.ok);
      assert.equal(await opened.value.feed(now() + 500), "refused");
      assert.equal(readFileSync(path, "utf8"), "");
    }));

  test("says in one line that there is none", async () => {
    const opened = await openDeviceWatchdog({ path: "/no/such/dog", log: createTestLog(), now });
    assert(!opened.ok);
    assert.match(opened.error, /^cannot use watchdog \/no\/such\/dog/);
  });

  test("is armed by the guard while something is tracked, and disarmed after it", () =>
    withFile(async (path) => {
      const directory = temporaryDirectory();
      writeFileSync(join(directory.path, "agent-id"), "f".repeat(32));
      const opened = await openGuard({
        dataDirectory: directory.path,
        guardCommand,
        credentials: {
          servers: ["http://127.0.0.1:9"],
          token: "t",
          tls: undefined,
          watchdogPath: path,
        },
        log: createTestLog(),
        onFired: () => undefined,
        onUnguarded: () => undefined,
      });
      assert(opened.ok);
      const guard = opened.value;
      const service = parseServiceId("process:x");
      assert(service.ok);
      const child = spawn("sleep", ["100"], { stdio: "ignore" });
      const pid = child.pid ?? 0;
      await guard.begin(epochOf(1), "l");
      await guard.feed(now() + 60_000);
      assert.equal(readFileSync(path, "utf8"), "");
      await guard.track({
        service: service.value,
        type: "process",
        instanceId: "i",
        root: { pid, startTicks: startTicksOf(pid) ?? 0 },
        containment: "tracked",
        driverState: {},
      });
      await until("it is fed", () => readFileSync(path, "utf8").length > 1);
      await guard.untrack("i");
      await until("it is disarmed", () => readFileSync(path, "utf8").endsWith("V"));
      await guard.disarm();
      guard.close();
      child.kill("SIGKILL");
      directory.remove();
    }));
});

describe("createSystemdWatchdog()", () => {
  test("notifies systemd through its tool as long as the deadline allows", () =>
    withFile(async (path) => {
      const command = `${path}-notify`;
      const heard = `${path}-heard`;
      writeFileSync(command, `#!/bin/sh\necho "$NOTIFY_SOCKET $1" >> ${heard}\n`);
      chmodSync(command, 0o755);
      const environment = {
        NOTIFY_SOCKET: "/run/x",
        WATCHDOG_USEC: "300000",
        PATH: "/usr/bin:/bin",
      };
      const created = createSystemdWatchdog({ environment, log: createTestLog(), now, command });
      assert(created.ok);
      assert.equal(await created.value.feed(now() + 10_000), "accepted");
      const lines = (): string[] =>
        existsSync(heard) ? readFileSync(heard, "utf8").trim().split("\n") : [];
      await until("three notes", () => lines().length >= 3);
      assert.equal(lines()[0], "/run/x WATCHDOG=1");
      assert.equal(await created.value.feed(now() + 100), "refused");
      const deadlineMs = now() + 700;
      const before = lines().length;
      await until("the time-out is over", () => now() > deadlineMs);
      assert.ok(lines().length <= before + 1);
      await created.value.disarm();
      await until("it is kept alive without a deadline", () => lines().length > before + 1);
    }));

  test("says that systemd watches nothing where it does not", () => {
    const created = createSystemdWatchdog({ environment: {}, log: createTestLog(), now });
    assert(!created.ok);
    assert.match(created.error, /NOTIFY_SOCKET or WATCHDOG_USEC is not set/);
  });
});
