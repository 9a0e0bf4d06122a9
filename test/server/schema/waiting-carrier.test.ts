/** What carries an upgrade on while no server serves: not for longer than agents can be without servers. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { darkMsMax } from "../../../src/core/upgrade/dark.ts";
import type { ControlPlaneUpgrade } from "../../../src/core/upgrade/model.ts";
import type { Store } from "../../../src/ports/store.ts";
import { jsonOf } from "../../../src/runtime/manager-records.ts";
import {
  runWaitingCarrier,
  type WaitingActs,
} from "../../../src/server/upgrade/waiting/carrier.ts";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import { upgradeRecordSchema } from "../../../src/wire/control-plane/upgrades.ts";
import { keys } from "../../../src/wire/records.ts";
import { until } from "../../support/control-plane.ts";
import { clock, quietLog } from "../harness.ts";
import { upgradeRecord } from "./support/waiting.ts";

/** In the time that is left until it is taken back by itself. */
const leftMs = 1_500;

/** All servers wait since so long, in this state; the step `migrate` is under way. */
function darkUpgrade(state: ControlPlaneUpgrade["state"]): ControlPlaneUpgrade {
  const upgrade = upgradeRecordSchema.parse(upgradeRecord("running"));
  const endedAtMs = clock.wallMs() - darkMsMax + leftMs;
  const kinds = upgrade.steps.map(({ kind }) => kind);
  const migrateAt = kinds.indexOf("migrate");
  const steps = upgrade.steps.map((step, index) => {
    if (index < migrateAt) return { ...step, state: "done" as const, endedAtMs };
    return index === migrateAt
      ? { ...step, state: "running" as const, beganAtMs: endedAtMs }
      : step;
  });
  return { ...upgrade, state, detail: state === "failed" ? "migrate: no room" : "", steps };
}

/** Comes to no end by itself. */
const untilTold: WaitingActs["migrate"] = (_upgrade, signal) => {
  const { promise, resolve } = Promise.withResolvers<{ outcome: "failed"; detail: string }>();
  const detail = "it was interrupted";
  signal.addEventListener("abort", () => resolve({ outcome: "failed", detail }));
  return promise;
};

interface Setting {
  readonly acts?: Partial<WaitingActs>;
  readonly records?: Readonly<Record<string, object>>;
}

async function carry(
  t: TestContext,
  upgrade: ControlPlaneUpgrade,
  { acts = {}, records = {} }: Setting = {},
): Promise<() => Promise<ControlPlaneUpgrade>> {
  const store = createMemoryStore({ clock });
  const name = `upgrade ${upgrade.id}`;
  const freeze = { version: 1, by: name, reason: "", sinceMs: 0, failover: true };
  const put = (key: string, value: object) => ({ kind: "put", key, value: jsonOf(value) }) as const;
  const written = await store.txn({
    compare: [],
    then: [
      put(keys.systemUpgrade, { version: 1, ...upgrade }),
      put(keys.freeze, freeze),
      ...Object.entries(records).map(([key, value]) => put(key, value)),
    ],
  });
  assert.ok(written.ok);
  const end = new AbortController();
  const ended = runWaitingCarrier({
    ...{ store, clock, log: quietLog, serverId: "1", signal: end.signal },
    acts: { migrate: untilTold, restore: untilTold, ...acts },
  });
  t.after(async () => {
    end.abort();
    await ended;
    await store.close();
  });
  return () => read(store);
}

async function read(store: Store): Promise<ControlPlaneUpgrade> {
  const found = await store.get(keys.systemUpgrade);
  assert.ok(found.ok && found.value.entry !== undefined);
  return upgradeRecordSchema.parse(found.value.entry.value);
}

for (const state of ["failed", "paused"] as const) {
  test(`an upgrade that is ${state} is taken back when agents could not be without servers any longer`, async (t) => {
    const beganAtMs = performance.now();
    const present = await carry(t, darkUpgrade(state), {
      acts: { restore: () => Promise.resolve({ outcome: "failed", detail: "not in this test" }) },
    });
    assert.equal((await present()).state, state);
    await until("it to be taken back", async () => (await present()).state.startsWith("abort"));
    assert.ok(performance.now() - beganAtMs >= leftMs - 100, "not before");
  });
}

test("a migration that takes too long is ended, has failed with the reason, and is taken back", async (t) => {
  const present = await carry(t, darkUpgrade("running"));
  await until("it to be taken back", async () => (await present()).state === "aborting");
  const { detail } = await present();
  assert.match(detail, /by itself, .*\(migrate: it takes too long: agents would soon have to stop/);
});

test("what waits for a person while servers serve is not touched", async (t) => {
  const upgrade = darkUpgrade("paused");
  const [first] = upgrade.steps.filter(({ kind }) => kind === "switch");
  const steps = upgrade.steps.map((step) => {
    if (step.kind === "migrate") return { ...step, state: "waiting" as const };
    return step.kind === "switch" && step !== first ? { ...step, state: "waiting" as const } : step;
  });
  const { from: serverVersion } = upgrade;
  const records = {
    [`${keys.servers}2`]: { version: 1, id: "2", name: "s2", serverVersion },
    [`${keys.serverLeases}2`]: { version: 1, id: "2", serverVersion },
  };
  const present = await carry(t, { ...upgrade, steps }, { records });
  const beganAtMs = performance.now();
  await until("more than that time to be over", async () => performance.now() - beganAtMs > 2_500);
  assert.equal((await present()).state, "paused");
});
