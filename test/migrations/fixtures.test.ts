/** A store of every earlier schema, as it was written then, is brought to this program's, read and served by it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { RawEntry } from "../../src/core/migrations/migration.ts";
import { planMigration } from "../../src/core/migrations/plan.ts";
import { programMigrations } from "../../src/core/migrations/program.ts";
import type { Store } from "../../src/ports/store.ts";
import { migrateStore } from "../../src/runtime/migrate/migrate-store.ts";
import { createToken, hashOf } from "../../src/server/http/auth.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { flawOfRecord, recordSchemas } from "../../src/wire/control-plane/record-schemas.ts";
import { keys } from "../../src/wire/records.ts";
import { startHarness, temporaryDirectory } from "../server/harness.ts";
import { must } from "../setup/support/must.ts";
import { fill, storedValue } from "./support/example.ts";

interface Fixture {
  readonly schema: number;
  readonly madeBy: string;
  readonly entries: readonly RawEntry[];
}

/** A store in the middle of a migration is none that anybody keeps. */
const inNoFixture: readonly string[] = [keys.migration, keys.migrationBefore];

const folder = join(import.meta.dirname, "fixtures");
const fixtures = readdirSync(folder).map(
  (name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Fixture, // made by make-fixture.ts
);

test("there is a fixture of each schema up to this program's", () => {
  const schemas = fixtures.map(({ schema }) => schema).sort((left, right) => left - right);
  const wanted = Array.from({ length: programMigrations.schema }, (_none, index) => index + 1);
  assert.deepEqual(schemas, wanted, "make it with: node test/migrations/make-fixture.ts");
});

test("the newest fixture has every kind of record, each as today's readers take it", () => {
  const newest = fixtures.find(({ schema }) => schema === programMigrations.schema);
  assert.ok(newest !== undefined);
  const missing = Object.values(keys)
    .filter((prefix) => !inNoFixture.includes(prefix))
    .filter((prefix) => !newest.entries.some(({ key }) => key.startsWith(prefix)));
  assert.deepEqual(missing, [], "kinds of record that the fixture lacks");
  assert.deepEqual(Object.keys(recordSchemas).sort(), Object.keys(keys).sort());
  for (const entry of newest.entries) assert.equal(flawOfRecord(entry), undefined, entry.key);
});

for (const { schema, madeBy, entries } of fixtures) {
  test(`a store of schema ${schema}, made by ${madeBy}, is brought to this one's and served`, async (t) => {
    const store = createMemoryStore({ clock });
    t.after(() => store.close());
    await fill(store, withoutTheLiving(entries));
    const program = { migrations: programMigrations, version: "0.0.0-test" };
    const plan = must(planMigration({ schema, byVersion: madeBy }, program));
    const report = must(
      await migrateStore(store, plan, {
        ...{ clock, version: program.version, check: flawOfRecord },
        signal: new AbortController().signal,
      }),
    );
    assert.equal(report.to, programMigrations.schema);
    const read = await store.range("");
    assert.ok(read.ok);
    for (const entry of read.value.entries) assert.equal(flawOfRecord(entry), undefined, entry.key);
    const dataDirectory = await temporaryDirectory(t);
    await writeFile(join(dataDirectory, "admin.token"), await admit(store));
    const { call } = await startHarness(t, { store, dataDirectory });
    for (const path of ["/v1/services", "/v1/nodes", "/v1/events", "/v1/audit", "/v1/users"]) {
      const answer = await call("GET", path);
      assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    }
    assert.notEqual(await storedValue(store, keys.settings), undefined);
  });
}

/** A token for the one who looks: those of the fixture are nobody's. */
async function admit(store: Store): Promise<string> {
  const { token } = createToken("looker");
  const value = {
    ...{ version: 1, id: "looker", sha256: hashOf(token), role: "admin", name: "looker" },
    createdAtMs: 1,
  };
  await fill(store, [{ key: "tokens/looker", value }]);
  return token;
}

/** What hangs on a lease is gone when a store comes to another life. */
function withoutTheLiving(entries: readonly RawEntry[]): readonly RawEntry[] {
  const leased = [keys.serverLeases, keys.leases, keys.manager, keys.joins, keys.agentOrders];
  return entries.filter(({ key }) => !leased.some((prefix) => key.startsWith(prefix)));
}
