/** Backups that are made by themselves: one a period, whoever is manager, and old ones of the schedule alone are removed. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { removeOldScheduled } from "../../src/backup/backup-files.ts";
import { ok } from "../../src/core/result.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { jsonOf } from "../../src/runtime/manager-records.ts";
import { runSchedule } from "../../src/server/backup/run-schedule.ts";
import { duePeriod, readSchedule } from "../../src/server/backup/schedule.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import type { BackupScheduleRecord } from "../../src/wire/backup/schedule.ts";
import { keys } from "../../src/wire/records.ts";
import { createFaultyStore } from "../server/faulty-store.ts";
import { clock, quietLog, startHarness, temporaryDirectory } from "../server/harness.ts";
import { until } from "../support/control-plane.ts";
import { bytesOf, endOf, facts } from "./support/items.ts";

const schedule: BackupScheduleRecord = {
  ...{ version: 1, everyMs: 100_000, keep: 2, by: "admin", sinceMs: 1_000_000 },
};
const run = { version: 1, sinceMs: 1_000_000, donePeriod: 3 } as const;

test("duePeriod() makes each period's backup once, and what was missed once", () => {
  const due = (number: number) => {
    return { kind: "due", period: { number, atMs: 1_000_000 + number * 100_000 } };
  };
  assert.deepEqual(duePeriod(schedule, undefined, 1_000_000), due(0));
  assert.deepEqual(duePeriod(schedule, undefined, 999_000), due(0), "a clock that went back");
  assert.deepEqual(duePeriod(schedule, run, 1_399_999), { kind: "wait", atMs: 1_400_000 });
  assert.deepEqual(duePeriod(schedule, run, 1_400_000), due(4));
  assert.deepEqual(duePeriod(schedule, run, 2_050_000), due(10), "six were missed");
  const other = { ...run, sinceMs: 5 };
  assert.deepEqual(duePeriod(schedule, other, 1_400_000), due(4), "of an earlier schedule");
});

test("removeOldScheduled() removes old files of this cluster's schedule, and no others", async (t) => {
  const folder = await temporaryDirectory(t);
  const put = async (name: string, atMs: number, more: object): Promise<void> => {
    const bytes = await bytesOf([[endOf(0)]], { facts: { ...facts, atMs, ...more } });
    writeFileSync(join(folder, name), bytes);
  };
  const ours = { origin: "schedule", cluster: "ours" };
  for (const day of [1, 2, 3, 4]) await put(`s${day}.backup`, day, ours);
  await put("by-hand.backup", 0, { ...ours, origin: "person" });
  await put("of-another.backup", 0, { ...ours, cluster: "theirs" });
  writeFileSync(join(folder, "damaged.backup"), "HOLDFAST-BACKUP\nnothing more");
  writeFileSync(join(folder, "notes.txt"), "");
  const removed = await removeOldScheduled(folder, { keep: 2, cluster: "ours" });
  assert.deepEqual(removed, { ok: true, value: ["s1.backup", "s2.backup"] });
  assert.deepEqual(readdirSync(folder).sort(), [
    ...["by-hand.backup", "damaged.backup", "notes.txt", "of-another.backup"],
    ...["s3.backup", "s4.backup"],
  ]);
});

test("a schedule is carried out by the manager, and its failure is shown until it succeeds", async (t) => {
  const folder = await temporaryDirectory(t);
  const directory = join(folder, "backups");
  await writeFile(directory, "a file in its place");
  const harness = await startHarness(t);
  const path = "/v1/backup-schedule";
  const put = await harness.call("PUT", path, {
    body: { schedule: { everyMs: 60_000, keep: 2, directory } },
  });
  assert.equal(put.status, 200, put.text);
  const shown = async () => (await harness.call("GET", path)).json;
  await until("the failure to be shown", async () => "failed" in (await shown()));
  const failed = (await shown())["failed"];
  assert.match(String(failed?.["because"]), /cannot write .*backups/);
  const status = await harness.call("GET", "/v1/cluster");
  assert.match(String(status.json["backupWarning"]), /has failed on server .*: cannot write/);
  rmSync(directory);
  await until("it to be made after all", async () => "made" in (await shown()), 30_000);
  const after = await shown();
  assert.equal("failed" in after, false);
  const files = readdirSync(directory);
  assert.equal(files.length, 1);
  const [name = ""] = files;
  assert.equal(String(after["made"]?.["path"]), join(directory, name));
  const bytes = await readFile(join(directory, name));
  assert.equal(bytes.includes("audit/"), true);
  const off = await harness.call("PUT", path, { body: { schedule: null } });
  assert.equal(off.json["schedule"], null);
  assert.equal("made" in off.json, true, "what was made is still told");
});

test("a manager that takes over makes no second backup in a period", async (t) => {
  const folder = await temporaryDirectory(t);
  const directory = join(folder, "backups");
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const names = async (): Promise<string> => {
    return readdirSync(directory).join();
  };
  const first = await startHarness(t, { store });
  await first.call("PUT", "/v1/backup-schedule", {
    body: { schedule: { everyMs: 3_600_000, keep: 9, directory } },
  });
  const made = async (harness: typeof first): Promise<unknown> => {
    return (await harness.call("GET", "/v1/backup-schedule")).json["made"];
  };
  await until("the first backup", async () => (await made(first)) !== undefined);
  const before = [await made(first), await names()];
  await first.server.close();
  let lookedCount = 0;
  const watched = createFaultyStore(store);
  const second = await startHarness(t, {
    dataDirectory: first.dataDirectory,
    store: {
      ...watched,
      get: (key) => {
        if (key === keys.backupRun) lookedCount += 1;
        return watched.get(key);
      },
    },
  });
  await until("the next manager to have looked", () => lookedCount > 0);
  await second.call("PATCH", "/v1/settings", { body: { roundMs: 12_345 } });
  assert.deepEqual([await made(second), await names()], before);
});

test("a backup of which nobody knows whether it was noted is made again as the same file", async (t) => {
  const folder = await temporaryDirectory(t);
  const directory = join(folder, "backups");
  const inner = createMemoryStore({ clock });
  t.after(() => inner.close());
  const store = createFaultyStore(inner);
  const harness = await startHarness(t, { store });
  const lost = { kind: "unavailable", message: "cut off", mayHaveTakenEffect: false } as const;
  store.failTxn(lost, ({ then }) => then.some(({ key }) => key === keys.backupRun));
  await harness.call("PUT", "/v1/backup-schedule", {
    body: { schedule: { everyMs: 3_600_000, keep: 9, directory } },
  });
  // While it is being written it has another name.
  const whole = (): readonly string[] =>
    existsSync(directory) ? readdirSync(directory).filter((each) => !each.startsWith(".")) : [];
  await until("the file", () => whole().length === 1);
  const [name = ""] = whole();
  const made = async () => (await harness.call("GET", "/v1/backup-schedule")).json["made"];
  assert.equal(await made(), undefined);
  store.failTxn(undefined);
  await until("it to be noted", async () => (await made()) !== undefined);
  assert.deepEqual(readdirSync(directory), [name]);
});

test("runSchedule() is patient with a migration, and tells of one that does not end", async (t) => {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const manager = await store.txn({
    compare: [],
    then: [{ kind: "put", key: keys.manager, value: "this one" }],
  });
  assert.ok(manager.ok);
  const over = new AbortController();
  t.after(() => over.abort());
  let pastMs = 0;
  const patient: number[] = [];
  const hurried: Clock = {
    ...clock,
    monotonicMs: () => pastMs,
    after(delayMs, callback) {
      pastMs += delayMs;
      patient.push(delayMs);
      return clock.after(1, callback);
    },
  };
  const then = [
    { kind: "put", key: keys.backupSchedule, value: jsonOf(schedule) },
    { kind: "put", key: keys.migration, value: { version: 1 } },
  ] as const;
  assert.ok((await store.txn({ compare: [], then })).ok);
  const secrets = () => Promise.resolve(ok({ files: [], cluster: undefined }));
  const running = runSchedule({
    source: { store, clock, serverId: "1", version: "0.2.0", secrets },
    ...{ store, clock: hurried, log: quietLog, dataDirectory: await temporaryDirectory(t) },
    view: { listen: () => () => undefined },
    term: { signal: over.signal, createRevision: manager.value.revision },
  });
  await until("the failure to be told", async () => {
    const read = await readSchedule(store);
    return read.ok && read.value.run?.failed !== undefined;
  });
  over.abort();
  await running;
  const read = await readSchedule(store);
  assert.ok(read.ok);
  assert.match(read.value.run?.failed?.because ?? "", /is being brought to another schema/);
  assert.ok(patient.length >= 60 && patient.slice(0, 60).every((ms) => ms === 10_000));
});
