/** What the way back of a migration owes its store, whichever engine that is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { MigrationPlan } from "../../src/core/migrations/plan.ts";
import type { JsonValue, Store } from "../../src/ports/store.ts";
import { forgetBeforeImages } from "../../src/runtime/migrate/before-images.ts";
import { migrateStore } from "../../src/runtime/migrate/migrate-store.ts";
import { readStoredSchema } from "../../src/runtime/migrate/stored-schema.ts";
import { type TakeBackOptions, takeMigrationBack } from "../../src/runtime/migrate/take-back.ts";
import { must } from "../setup/support/must.ts";
import { cutting, inOrder, recorded, remove, type TestEnd } from "./support/cut-store.ts";
import {
  contentOf,
  exampleEntries,
  examplePlan,
  exampleVersion,
  fill,
  rollingPlan,
  storedValue,
} from "./support/example.ts";

const signal = new AbortController().signal;
const forwards = {
  ...{ clock, version: exampleVersion, check: () => undefined, keepsBefore: true, signal },
};
/** The old program cannot read what only the new one writes. */
const back: TakeBackOptions = {
  ...{ clock, version: "0.1.0", to: 1, signal },
  check: ({ value }) =>
    JSON.stringify(value).includes('"was"') ? "is of another shape" : undefined,
};

/** Hangs the tests in; `open` makes an empty store that goes with the test. */
export function describeTakeBack(open: (t: TestEnd) => Promise<Store>): void {
  const entries = exampleEntries(200);
  const before = inOrder(new Map(entries.map(({ key, value }) => [key, value])));

  /** Migrates and takes back, each cut off at the same transaction, then takes back to the end: all is as before. */
  const cutEverywhere = async (
    store: Store,
    plan: MigrationPlan,
    how: TakeBackOptions,
  ): Promise<void> => {
    for (let until = 1; until < 12; until += 1) {
      for (const moment of ["before", "after"] as const) {
        const forwardEnd = new AbortController();
        const cut = cutting(store, until, moment, () => forwardEnd.abort());
        await migrateStore(cut, plan, { ...forwards, signal: forwardEnd.signal });
        const backEnd = new AbortController();
        const cutBack = cutting(store, until, moment, () => backEnd.abort());
        await takeMigrationBack(cutBack, { ...how, signal: backEnd.signal });
        must(await takeMigrationBack(store, how));
        assert.deepEqual(await contentOf(store), before, `${moment} transaction ${until}`);
      }
    }
  };

  test("takeMigrationBack() makes of each entry what it was, in transactions of bounded size", async (t) => {
    const store = await open(t);
    await fill(store, entries);
    must(await migrateStore(store, examplePlan, forwards));
    const { store: counted, txns } = recorded(store);
    const report = must(await takeMigrationBack(counted, back));
    assert.deepEqual(report, { restoredCount: 1_000, removedCount: 0 });
    assert.deepEqual(await contentOf(store), before);
    for (const { then, compare } of txns) assert.ok(then.length <= 800 && compare.length <= 800);
    const schema = await readStoredSchema(store);
    assert.ok(schema.ok && schema.value.record?.schema === 1);
    assert.deepEqual(
      [schema.value.record.migratingTo, schema.value.record.before],
      [undefined, undefined],
    );
    assert.deepEqual(must(await takeMigrationBack(store, back)).restoredCount, 0, "it is over");
  });

  test("takeMigrationBack() takes back a migration that was cut off, and goes on where it was cut off itself", async (t) => {
    const store = await open(t);
    await fill(store, entries);
    await cutEverywhere(store, examplePlan, back);
  });

  test("takeMigrationBack() brings back the data of before where they were changed, and removes what was added in the new shape", async (t) => {
    const store = await open(t);
    await fill(store, entries);
    must(await migrateStore(store, examplePlan, forwards));
    await fill(store, [
      { key: "plain/00003", value: { version: 3, was: "changed since" } },
      { key: "plain/added", value: { version: 3, was: "nothing" } },
      { key: "services/process:new", value: { version: 3, was: "nothing" } },
      { key: "statuses/process:new", value: { version: 1 } },
      { key: "same/added", value: { version: 1 } },
    ]);
    await remove(store, ["zz-early/00004", "pair/00005/left"]);
    assert.equal(must(await takeMigrationBack(store, back)).removedCount, 2);
    assert.deepEqual(
      await contentOf(store),
      inOrder(new Map([...before, ["same/added", { version: 1 }]])),
    );
  });

  test("takeMigrationBack() brings nothing back whose lease is over, and keeps the lease of what still has one", async (t) => {
    const store = await open(t);
    const leases = [await store.grantLease(60_000), await store.grantLease(60_000)];
    const [over, held] = leases.map((lease) => must(lease.ok ? lease : { ok: false, error: "" }));
    const then = [
      { kind: "put", key: "early/over", value: 1, leaseId: over },
      { kind: "put", key: "early/held", value: 1, leaseId: held },
    ] as const;
    assert.ok((await store.txn({ compare: [], then })).ok);
    must(await migrateStore(store, examplePlan, forwards));
    assert.ok((await store.revokeLease(over ?? "")).ok);
    must(await takeMigrationBack(store, back));
    assert.deepEqual([...(await contentOf(store)).keys()], ["early/held"]);
    assert.ok((await store.revokeLease(held ?? "")).ok);
    assert.equal((await contentOf(store)).size, 0);
  });

  test("takeMigrationBack() is refused, and writes nothing, where it could not work", async (t) => {
    const store = await open(t);
    await fill(store, entries);
    must(await migrateStore(store, examplePlan, { ...forwards, keepsBefore: false }));
    const unknown = await takeMigrationBack(store, back);
    assert.ok(!unknown.ok);
    assert.match(unknown.error, /nothing was kept of what the store held before/);
    const schema = await readStoredSchema(store);
    assert.ok(schema.ok && schema.value.record?.migratingTo === undefined);
  });

  test("takeMigrationBack() is refused where the new version has decided about what it changed (S1, S4)", async (t) => {
    const store = await open(t);
    await fill(store, [{ key: "statuses/process:a", value: { version: 1 } }]);
    const step = {
      ...{ from: 1, to: 2, name: "statuses", rolling: false },
      migrate: ({ key }: { readonly key: string }) => [{ key, value: { version: 2 } }],
    };
    const plan = { from: 1, to: 2, steps: [step], rolling: false };
    must(await migrateStore(store, plan, forwards));
    await fill(store, [{ key: "statuses/process:a", value: { version: 2, moved: true } }]);
    const refused = await takeMigrationBack(store, back);
    assert.ok(!refused.ok);
    assert.match(refused.error, /has decided about statuses\/process:a since/);
    assert.deepEqual(await storedValue(store, "statuses/process:a"), { version: 2, moved: true });
  });

  test("takeMigrationBack() waits for nobody's leave but that of servers of another version that live", async (t) => {
    const store = await open(t);
    if (store.capabilities.exclusive) return; // it has one server only
    await fill(store, entries);
    must(await migrateStore(store, examplePlan, forwards));
    await fill(store, [
      { key: "servers/2", value: { version: 1, id: "2", serverVersion: "0.1.0" } },
      { key: "server-leases/2", value: { version: 1, id: "2", serverVersion: exampleVersion } },
    ]);
    const inTheWay = await takeMigrationBack(store, back);
    assert.ok(!inTheWay.ok);
    assert.equal(inTheWay.error, `server 2 still runs holdfast ${exampleVersion}: stop it first`);
    await remove(store, ["server-leases/2"]);
    must(await takeMigrationBack(store, back));
  });

  const backRolling: TakeBackOptions = { ...back, rolling: true };
  const schemaOf = async (store: Store): Promise<readonly unknown[]> => {
    const read = await readStoredSchema(store);
    assert.ok(read.ok);
    return [read.value.record?.schema, read.value.record?.before];
  };

  test("a rolling migration is taken back while servers of both versions go on", async (t) => {
    const store = await open(t);
    await fill(store, entries);
    must(await migrateStore(store, rollingPlan, forwards));
    must(await takeMigrationBack(store, backRolling));
    assert.deepEqual(await contentOf(store), before);
    assert.deepEqual(await schemaOf(store), [1, undefined]);
  });

  test("a rolling migration that was cut off is taken back, also where that is cut off itself", async (t) => {
    const store = await open(t);
    await fill(store, entries);
    await cutEverywhere(store, rollingPlan, backRolling);
    assert.deepEqual(await schemaOf(store), [1, undefined]);
  });

  test("what was written since a rolling migration stays when it is taken back, and when it comes again (S1, S4)", async (t) => {
    const store = await open(t);
    await fill(store, entries);
    must(await migrateStore(store, rollingPlan, forwards));
    await fill(store, [
      { key: "plain/00003", value: { version: 3, was: "changed since" } },
      { key: "plain/added", value: { version: 3, was: "nothing" } },
      { key: "halves/pair/00002/left", value: { version: 3, was: "one of two" } },
      { key: "gone/00001", value: { version: 3, was: "added again" } },
    ]);
    await remove(store, ["zz-early/00004"]);
    const migrated = await contentOf(store);
    const { restoredCount } = must(await takeMigrationBack(store, backRolling));
    const halves = ["halves/pair/00002/left", "halves/pair/00002/right"];
    const stay = ["plain/00003", "plain/added", ...halves, "gone/00001"];
    const gone = ["early/00004", "pair/00002"];
    const wanted = [...before].filter(([key]) => !gone.includes(key));
    const kept = stay.map((key) => [key, migrated.get(key)] as const);
    const now = await contentOf(store);
    assert.deepEqual(now, inOrder(new Map([...wanted, ...kept] as [string, JsonValue][])));
    assert.equal(restoredCount, entries.filter(({ key }) => !key.startsWith("same/")).length - 4);
    must(await migrateStore(store, rollingPlan, forwards));
    const again = await contentOf(store);
    const alive = stay.filter((key) => key !== "gone/00001");
    for (const key of alive) assert.deepEqual(again.get(key), migrated.get(key), key);
  });

  test("a rolling migration that would change again what it has made is refused", async (t) => {
    const store = await open(t);
    await fill(store, entries);
    const refused = await migrateStore(store, { ...examplePlan, rolling: true }, forwards);
    assert.ok(!refused.ok);
    assert.match(refused.error, /would be changed again the next time/);
    assert.deepEqual(await contentOf(store), before);
  });

  test("forgetBeforeImages() ends the way back before it removes anything", async (t) => {
    const store = await open(t);
    await fill(store, entries);
    must(await migrateStore(store, examplePlan, forwards));
    assert.ok((await storedValue(store, "before-migration/gone/00001")) !== undefined);
    const end = new AbortController();
    const cut = cutting(store, 2, "before", () => end.abort());
    assert.ok(!(await forgetBeforeImages(cut, end.signal)).ok);
    assert.ok(!(await takeMigrationBack(store, back)).ok);
    must(await forgetBeforeImages(store, signal));
    assert.ok(
      ![...(await contentOf(store)).keys()].some((key) => key.startsWith("before-migration/")),
    );
  });
}
