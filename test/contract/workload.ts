/**
 * The contract of `WorkloadDriver` (src/ports/workload.ts) as tests. Each driver runs it with configurations of its
 * own kind for the same few workloads.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import type { ServiceId } from "../../src/core/ids.ts";
import type {
  Health,
  WorkloadDriver,
  WorkloadExit,
  WorkloadInstance,
} from "../../src/ports/workload.ts";

/** What a driver brings for one test. */
export interface WorkloadHarness {
  readonly driver: WorkloadDriver;
  readonly service: ServiceId;
  /** What the listener was told so far. */
  readonly exits: readonly { readonly instanceId: string; readonly exit: WorkloadExit }[];
  readonly healths: readonly { readonly instanceId: string; readonly health: Health }[];
  readonly configurations: {
    /** Prints "begun", then runs until it is asked to end, then ends by itself. */
    readonly obedient: unknown;
    /** As above, but ignores the request to end, and so does a child of it that left its group and session. */
    readonly stubborn: unknown;
    /** Runs, and ends with exit code 3 some 100 ms after its start counted as a success. */
    readonly shortLived: unknown;
    /** Ends with exit code 4 before its start can count as a success. */
    readonly failing: unknown;
    /** Not a valid configuration. */
    readonly invalid: unknown;
  };
  /** Processes of the service that are alive, children that went away included, found without the driver. */
  countAlive(): number;
  /** What the service wrote. */
  output(): string;
  waitFor(what: string, probe: () => boolean): Promise<void>;
}

export interface WorkloadContractOptions {
  readonly skip: string | false;
  makeHarness(t: TestContext): WorkloadHarness;
}

/** Defines the contract's tests for the driver `name`. */
export function workloadContract(name: string, options: WorkloadContractOptions): void {
  const define = (criterion: string, body: (harness: WorkloadHarness) => Promise<void>): void => {
    test(`${name} ${criterion}`, { skip: options.skip }, (t) => body(options.makeHarness(t)));
  };

  define("prepare() runs nothing of the workload until release()", async (harness) => {
    const instance = await prepared(harness, harness.configurations.obedient);
    assert.equal(harness.output(), "", "nothing ran before the release");
    assertOk(await harness.driver.release(instance, harness.configurations.obedient));
    await harness.waitFor("its output", () => harness.output().includes("begun"));
  });

  define("stop() lets an obedient workload end by itself", async (harness) => {
    const instance = await released(harness, harness.configurations.obedient);
    await harness.waitFor("its output", () => harness.output().includes("begun"));
    assertOk(await stop(harness, instance, 30_000));
    assert.equal(harness.countAlive(), 0);
    assert.deepEqual(harness.exits, [], "an end that was asked for is not told");
  });

  define("stop() kills what does not end in time, and all its children", async (harness) => {
    const instance = await released(harness, harness.configurations.stubborn);
    await harness.waitFor("it and its child", () => harness.output().includes("begun"));
    assert.ok(harness.countAlive() >= 2);
    assertOk(await stop(harness, instance, 200));
    assert.equal(harness.countAlive(), 0);
  });

  define("kill() ends all at once, before and after release()", async (harness) => {
    const waiting = await prepared(harness, harness.configurations.stubborn);
    assertOk(await harness.driver.kill(waiting));
    assert.equal(harness.output(), "");
    const instance = await released(harness, harness.configurations.stubborn);
    await harness.waitFor("it and its child", () => harness.output().includes("begun"));
    assertOk(await harness.driver.kill(instance));
    assert.equal(harness.countAlive(), 0);
    assert.deepEqual(harness.exits, []);
  });

  define("stop() and kill() of a dead instance succeed again", async (harness) => {
    const instance = await released(harness, harness.configurations.obedient);
    assertOk(await harness.driver.kill(instance));
    assertOk(await harness.driver.kill(instance));
    assertOk(await stop(harness, instance, 1_000));
  });

  define("tells an end that nobody asked for once, when all of it is dead", async (harness) => {
    const instance = await released(harness, harness.configurations.shortLived);
    await harness.waitFor("the end", () => harness.exits.length > 0);
    assert.equal(harness.countAlive(), 0);
    assert.deepEqual(harness.exits, [
      { instanceId: instance.instanceId, exit: { code: 3, signal: undefined } },
    ]);
  });

  define("release() fails with the exit code when it ends at once", async (harness) => {
    const instance = await prepared(harness, harness.configurations.failing);
    const outcome = await harness.driver.release(instance, harness.configurations.failing);
    assert.ok(!outcome.ok);
    assert.equal(outcome.error.kind, "failed");
    assert.match(outcome.error.message, /exit code 4/);
    assert.equal(harness.countAlive(), 0);
    assert.deepEqual(harness.exits, [], "it is the answer to release() and not told besides");
  });

  define("prepare() refuses a second living copy of a service", async (harness) => {
    const first = await released(harness, harness.configurations.obedient);
    const second = await prepare(harness, harness.configurations.obedient);
    assert.ok(!second.ok);
    assert.equal(second.error.kind, "failed");
    assertOk(await harness.driver.kill(first));
    await prepared(harness, harness.configurations.obedient);
  });

  define("prepare() refuses a configuration that is none", async (harness) => {
    const outcome = await prepare(harness, harness.configurations.invalid);
    assert.ok(!outcome.ok);
    assert.equal(outcome.error.kind, "bad-configuration");
    assert.equal(harness.countAlive(), 0);
  });

  define(
    "adopt() says `gone` of a dead instance and `running` of a living one",
    async (harness) => {
      const configuration = harness.configurations.obedient;
      const instance = await released(harness, configuration);
      assert.equal(await harness.driver.adopt(instance, configuration), "running");
      assertOk(await harness.driver.kill(instance));
      assert.equal(await harness.driver.adopt(instance, configuration), "gone");
    },
  );

  define("an instance survives as plain JSON", async (harness) => {
    const instance = await released(harness, harness.configurations.obedient);
    // The copy stands for the record that the agent reads back from its disk.
    const copy: WorkloadInstance = JSON.parse(JSON.stringify(instance));
    assert.deepEqual(copy, instance);
    assertOk(await harness.driver.kill(copy));
    assert.equal(harness.countAlive(), 0);
  });
}

function prepare(harness: WorkloadHarness, configuration: unknown) {
  return harness.driver.prepare({
    service: harness.service,
    instanceId: randomUUID(),
    configuration,
    lifelinePath: undefined,
    recovered: false,
    marker: { HOLDFAST_NODE: "node1" },
  });
}

async function prepared(
  harness: WorkloadHarness,
  configuration: unknown,
): Promise<WorkloadInstance> {
  const outcome = await prepare(harness, configuration);
  assert.ok(outcome.ok, outcome.ok ? "" : outcome.error.message);
  return outcome.value;
}

async function released(
  harness: WorkloadHarness,
  configuration: unknown,
): Promise<WorkloadInstance> {
  const instance = await prepared(harness, configuration);
  assertOk(await harness.driver.release(instance, configuration));
  return instance;
}

function stop(harness: WorkloadHarness, instance: WorkloadInstance, timeoutMs: number) {
  return harness.driver.stop(instance, harness.configurations.obedient, { timeoutMs });
}

function assertOk(outcome: { readonly ok: boolean; readonly error?: { message: string } }): void {
  assert.ok(outcome.ok, outcome.error?.message ?? "");
}
