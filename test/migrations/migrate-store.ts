/** What a migration owes its store, whichever engine that is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { Store, Txn } from "../../src/ports/store.ts";
import { jsonOf } from "../../src/runtime/manager-records.ts";
import { type MigrateOptions, migrateStore } from "../../src/runtime/migrate/migrate-store.ts";
import { createSchemaGate } from "../../src/runtime/migrate/schema-gate.ts";
import { noteSchema, readStoredSchema } from "../../src/runtime/migrate/stored-schema.ts";
import { must } from "../setup/support/must.ts";
import { cutting, empty, inOrder, recorded, remove, type TestEnd } from "./support/cut-store.ts";
import {
  contentOf,
  exampleEntries,
  exampleMigrations,
  examplePlan,
  exampleVersion,
  expectedOf,
  fill,
  storedValue,
} from "./support/example.ts";

const options: MigrateOptions = {
  clock,
  version: exampleVersion,
  check: () => undefined,
  signal: new AbortController().signal,
};

const old = { migrations: { schema: 1, list: [] }, version: "0.1.0" };

/** Hangs the tests in; `open` makes an empty store that goes with the test. */
export function describeMigrateStore(open: (t: TestEnd) => Promise<Store>): void {
  test("migrateStore() brings each entry to what the migrations make of it, and does nothing twice", async (t) => {
    const store = await open(t);
    const entries = exampleEntries(700);
    await fill(store, entries);
    const { store: counted, txns } = recorded(store);
    const report = must(await migrateStore(counted, examplePlan, options));
    assert.deepEqual(report, { from: 1, to: 3, doneCount: 4_200, changedCount: 3_500 });
    assert.deepEqual(await contentOf(store), inOrder(expectedOf(entries)));
    assert.ok(txns.length > 10, "in more than a few transactions");
    for (const { then, compare } of txns) {
      assert.ok(then.length <= 800 && compare.length <= 800, "none of them is large");
    }
    const schema = await readStoredSchema(store);
    assert.ok(schema.ok && schema.value.record?.schema === 3);
    assert.equal(schema.value.record.byVersion, exampleVersion);
    assert.equal(schema.value.record.migratingTo, undefined);
    const again = must(await migrateStore(store, examplePlan, options));
    assert.deepEqual([again.doneCount, again.changedCount], [0, 0]);
    assert.deepEqual(await contentOf(store), inOrder(expectedOf(entries)));
  });

  test("migrateStore() goes on where it was cut off, at every transaction, done or not", async (t) => {
    const store = await open(t);
    const entries = exampleEntries(150);
    for (const moment of ["before", "after"] as const) {
      await empty(store);
      await fill(store, entries);
      let cuts = 0;
      for (let count = 0; ; count += 1) {
        assert.ok(count < 100, "it comes to its end");
        const end = new AbortController();
        const cut = cutting(store, 1, moment, () => end.abort());
        const done = await migrateStore(cut, examplePlan, { ...options, signal: end.signal });
        if (done.ok) break;
        assert.equal(done.error, "it was interrupted");
        cuts += 1;
        if (moment === "before" && cuts > 6) break; // nothing is ever done: that is what it shows
      }
      assert.ok(cuts > 3, `it was cut off ${cuts} times`);
      must(await migrateStore(store, examplePlan, options));
      assert.deepEqual(await contentOf(store), inOrder(expectedOf(entries)), moment);
    }
  });

  test("migrateStore() done by two at once does each part once", async (t) => {
    const store = await open(t);
    const entries = exampleEntries(300);
    await fill(store, entries);
    const reports = await Promise.all([
      migrateStore(store, examplePlan, options),
      migrateStore(store, examplePlan, { ...options, serverId: "2" }),
    ]);
    for (const report of reports) assert.ok(report.ok, report.ok ? "" : report.error);
    assert.deepEqual(await contentOf(store), inOrder(expectedOf(entries)));
  });

  test("migrateStore() keeps the lease of what hangs on one", async (t) => {
    const store = await open(t);
    const lease = await store.grantLease(60_000);
    assert.ok(lease.ok);
    const put = { kind: "put", value: { version: 1 }, leaseId: lease.value } as const;
    const then = [
      { ...put, key: "plain/leased" },
      { ...put, key: "early/leased" },
    ];
    assert.ok((await store.txn({ compare: [], then })).ok);
    must(await migrateStore(store, examplePlan, options));
    assert.ok((await contentOf(store)).has("zz-early/leased"));
    assert.ok((await store.revokeLease(lease.value)).ok);
    assert.equal((await contentOf(store)).size, 0);
  });

  test("migrateStore() locks out a server of the old schema from its first write on", async (t) => {
    const store = await open(t);
    await fill(store, exampleEntries(3));
    const noted = await noteSchema(store, old, 1);
    assert.ok(noted.ok && noted.value.stored.schema === 1);
    const gate = createSchemaGate(store, old, noted.value);
    const write: Txn = { compare: [], then: [{ kind: "put", key: "plain/x", value: 1 }] };
    const before = await gate.store.txn(write);
    assert.ok(before.ok && before.value.succeeded);
    // It has begun, and its server is gone.
    const end = new AbortController();
    const cut = cutting(store, 1, "after", () => end.abort());
    const begun = await migrateStore(cut, examplePlan, { ...options, signal: end.signal });
    assert.ok(!begun.ok);
    const during = await gate.store.txn(write);
    assert.ok(!during.ok && during.error.kind === "refused" && !during.error.mayHaveTakenEffect);
    assert.match(during.error.message, /has begun to bring the store from schema 1 to 3/);
    assert.equal(await gate.closed, during.error.message);
    must(await migrateStore(store, examplePlan, options));
    assert.ok(!(await gate.store.txn(write)).ok);
    assert.equal((await contentOf(store)).has("plain/x"), true);
  });

  test("migrateStore() is refused, and writes nothing, where it could not work or another version runs", async (t) => {
    const store = await open(t);
    const entries = exampleEntries(5);
    await fill(store, entries);
    const isUntouched = async () =>
      assert.deepEqual(await contentOf(store), new Map(entries.map((one) => [one.key, one.value])));
    const flawed = await migrateStore(store, examplePlan, {
      ...options,
      check: ({ key }) => (key === "plain/00003" ? "cannot be read: x" : undefined),
    });
    assert.ok(!flawed.ok);
    assert.equal(
      flawed.error,
      'it cannot be migrated, and was not: "plain/00003", made of "plain/00003", cannot be read: x',
    );
    await isUntouched();
    await fill(store, [{ key: "zz-early/00002", value: 1 }]);
    const clash = await migrateStore(store, examplePlan, options);
    assert.ok(!clash.ok);
    assert.match(clash.error, /would both become "zz-early\/00002"/);
    await remove(store, ["zz-early/00002"]);
    await isUntouched();
    if (store.capabilities.exclusive) return;
    const other = [
      { key: "servers/2", value: { version: 1, id: "2", serverVersion: "0.1.0" } },
      { key: "server-leases/2", value: { version: 1, id: "2" } },
    ];
    await fill(store, other);
    const inTheWay = await migrateStore(store, examplePlan, options);
    assert.ok(!inTheWay.ok);
    assert.equal(inTheWay.error, "server 2 still runs holdfast 0.1.0: stop it first");
    assert.equal(await storedValue(store, "migration"), undefined);
    await remove(store, ["server-leases/2"]);
    must(await migrateStore(store, examplePlan, options));
  });

  test("migrateStore() does not say that it is over while something is missing or cannot be read", async (t) => {
    const store = await open(t);
    await fill(store, exampleEntries(300));
    let changes = 0;
    const thieving: Store = {
      ...recorded(store).store,
      async txn(txn) {
        const outcome = await store.txn(txn);
        changes += 1;
        if (changes === 3) await remove(store, ["zz-early/00000"]);
        return outcome;
      },
    };
    const done = await migrateStore(thieving, examplePlan, options);
    assert.ok(!done.ok);
    assert.match(done.error, /\d+ entries are there and \d+ should be/);
    const schema = await readStoredSchema(store);
    assert.ok(schema.ok && schema.value.stored.schema === 1);
    assert.equal(schema.value.stored.migratingTo, 3);
  });

  test("createSchemaGate() lets the same schema through again after its record was written anew", async (t) => {
    const store = await open(t);
    const program = { migrations: exampleMigrations, version: "9.9.9" };
    const noted = await noteSchema(store, program, 1);
    assert.ok(
      noted.ok && noted.value.stored.schema === 3,
      "an empty store is of the newest schema",
    );
    const gate = createSchemaGate(store, program, noted.value);
    await fill(store, [
      { key: "schema", value: jsonOf({ ...noted.value.record, migratedAtMs: 2 }) },
    ]);
    const then = [{ kind: "put", key: "a", value: 1 }] as const;
    const written = await gate.store.txn({ compare: [], then });
    assert.ok(written.ok && written.value.succeeded);
    const compare = [{ kind: "absent", key: "a" }] as const;
    const refused = await gate.store.txn({ compare, then });
    assert.ok(refused.ok && !refused.value.succeeded, "a condition of its own still counts");
  });
}
