/** What the tests of the process driver share: a real clock, a recording listener, a driver that cleans up. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  createProcessDriver,
  type ProcessDriver,
} from "../../src/adapters/workloads/process/process-driver.ts";
import { parseServiceId, type ServiceId } from "../../src/core/ids.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Log } from "../../src/ports/log.ts";
import type {
  Health,
  WorkloadExit,
  WorkloadInstance,
  WorkloadListener,
} from "../../src/ports/workload.ts";

export type Containment = "namespace" | "tracked";

export const clock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  wallMs: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export const silentLog: Log = { write: () => {}, with: () => silentLog };

/** Polls until `probe` gives something; fails after `deadlineMs` with what was waited for. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = 15_000,
): Promise<T> {
  const endAtMs = clock.monotonicMs() + deadlineMs;
  while (clock.monotonicMs() < endAtMs) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return assert.fail(`waited ${deadlineMs} ms in vain for: ${what}`);
}

export function serviceId(text: string): ServiceId {
  const parsed = parseServiceId(text);
  assert.ok(parsed.ok, "the test's service id is valid");
  return parsed.value;
}

export interface Recorder extends WorkloadListener {
  readonly exits: { readonly instanceId: string; readonly exit: WorkloadExit }[];
  readonly healths: {
    readonly instanceId: string;
    readonly health: Health;
    readonly detail: string;
  }[];
}

export function createRecorder(): Recorder {
  const exits: Recorder["exits"] = [];
  const healths: Recorder["healths"] = [];
  return {
    exits,
    healths,
    onExit: ({ instanceId }, exit) => exits.push({ instanceId, exit }),
    onHealth: ({ instanceId }, health, detail) => healths.push({ instanceId, health, detail }),
  };
}

/** A directory that is removed after the test. */
export function temporaryDirectory(t: TestContext): string {
  const directory = newDirectory();
  t.after(() => removeDirectory(directory));
  return directory;
}

function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), "holdfast-workload-"));
}

function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}

export interface Bench {
  readonly directory: string;
  readonly driver: ProcessDriver;
  readonly recorder: Recorder;
  readonly service: ServiceId;
  /** Prepares and releases; fails the test unless both succeed. */
  run(configuration: Record<string, unknown>): Promise<WorkloadInstance>;
  /** Has an instance that the driver did not prepare killed after the test. */
  killLater(instance: WorkloadInstance): void;
  /** Only prepares; the instance is killed after the test. */
  prepare(configuration: Record<string, unknown>, lifelinePath?: string): Promise<WorkloadInstance>;
}

/** A driver with a data directory of its own; whatever it started is dead after the test. */
export function createBench(t: TestContext, containment: Containment): Bench {
  const directory = newDirectory();
  const recorder = createRecorder();
  const log = silentLog;
  const inner = createProcessDriver({
    dataDirectory: directory,
    clock,
    log,
    listener: recorder,
    containment,
  });
  const service = serviceId("process:probe");
  const instances: WorkloadInstance[] = [];
  t.after(async () => {
    for (const instance of instances) await driver.kill(instance);
    driver.close();
    removeDirectory(directory);
  });
  const driver: ProcessDriver = {
    ...inner,
    prepare: async (request) => {
      const prepared = await inner.prepare(request);
      if (prepared.ok) instances.push(prepared.value);
      return prepared;
    },
  };
  const prepare: Bench["prepare"] = async (configuration, lifelinePath) => {
    const instanceId = randomUUID();
    const marker = { HOLDFAST_NODE: "node1" };
    const request = { service, instanceId, configuration, lifelinePath, marker, recovered: false };
    const prepared = await driver.prepare(request);
    assert.ok(prepared.ok, prepared.ok ? "" : prepared.error.message);
    return prepared.value;
  };
  return {
    directory,
    driver,
    recorder,
    service,
    prepare,
    killLater: (instance) => {
      instances.push(instance);
    },
    run: async (configuration) => {
      const instance = await prepare(configuration);
      const released = await driver.release(instance, configuration);
      assert.ok(released.ok, released.ok ? "" : released.error.message);
      return instance;
    },
  };
}

/** A configuration that runs a shell text; `$0` is "test", settles at once. */
export function shell(text: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    command: "/bin/sh",
    arguments: ["-c", text, "test"],
    restart: { settleMs: 0 },
    ...more,
  };
}

/** A configuration that runs JavaScript by this very Node.js. */
export function script(text: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    command: process.execPath,
    arguments: ["-e", text],
    restart: { settleMs: 0 },
    ...more,
  };
}
