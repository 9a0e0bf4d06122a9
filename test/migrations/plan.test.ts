/** Which migrations are done, and what a server of one program does with a store of another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMigrations } from "../../src/core/migrations/create-migrations.ts";
import type { Migration } from "../../src/core/migrations/migration.ts";
import { migrateEntry, planMigration } from "../../src/core/migrations/plan.ts";
import { programMigrations } from "../../src/core/migrations/program.ts";
import { judgeSchema } from "../../src/core/migrations/verdict.ts";
import { exampleMigrations, examplePlan } from "./support/example.ts";

const program = { migrations: exampleMigrations, version: "0.3.0" };
const older = {
  migrations: createMigrations(exampleMigrations.list.slice(0, 1)),
  version: "0.2.0",
};

test("createMigrations() takes only a list that leads from schema 1 on without a gap", () => {
  assert.equal(createMigrations([]).schema, 1);
  assert.equal(exampleMigrations.schema, 3);
  assert.throws(() => createMigrations(exampleMigrations.list.slice(1)), /begins where/);
  assert.throws(() => createMigrations(exampleMigrations.list.toReversed()), /begins where/);
  const [leap] = exampleMigrations.list.map((one): Migration => ({ ...one, to: 3 }));
  assert.throws(() => createMigrations(leap === undefined ? [] : [leap]), /next schema/);
});

test("this program's own migrations lead to the schema that it wants", () => {
  assert.equal(programMigrations.schema, 1 + programMigrations.list.length);
});

test("planMigration() names the steps that are left, whatever schema the store has", () => {
  for (const [schema, names] of [
    [1, ["labels", "places"]],
    [2, ["places"]],
    [3, []],
  ] as const) {
    const plan = planMigration({ schema, byVersion: "0.1.0" }, program);
    assert.ok(plan.ok);
    assert.deepEqual([plan.value.from, plan.value.to], [schema, 3]);
    assert.deepEqual(
      plan.value.steps.map(({ name }) => name),
      names,
    );
  }
});

test("judgeSchema() refuses a store that is newer than the program, with what to do", () => {
  const verdict = judgeSchema({ schema: 3, byVersion: "0.3.0" }, older);
  assert.deepEqual(verdict, {
    kind: "refuse",
    because:
      "the store has schema 3 of holdfast 0.3.0, this is holdfast 0.2.0 that knows 2; start holdfast 0.3.0 or restore a backup",
  });
});

test("judgeSchema() has a server wait for a migration, and refuses one that is another program's", () => {
  const before = judgeSchema({ schema: 1, byVersion: "0.1.0" }, program);
  assert.ok(before.kind === "wait");
  assert.equal(
    before.because,
    "the store has schema 1, holdfast 0.3.0 waits for 3 (labels, places)",
  );
  const underWay = { schema: 1, byVersion: "0.3.0", migratingTo: 3 };
  assert.equal(judgeSchema(underWay, program).kind, "wait");
  const other = judgeSchema(underWay, older);
  assert.ok(other.kind === "refuse");
  assert.match(
    other.because,
    /holdfast 0\.3\.0 has begun .* from schema 1 to 3, this is .* wants 2/,
  );
  assert.equal(judgeSchema({ schema: 3, byVersion: "0.3.0" }, program).kind, "serve");
});

test("judgeSchema() lets servers serve before a migration that is rolling, and not before any other", () => {
  const rolling = createMigrations(
    exampleMigrations.list.map((one): Migration => ({ ...one, rolling: true })),
  );
  const stored = { schema: 1, byVersion: "0.1.0" };
  assert.equal(judgeSchema(stored, { migrations: rolling, version: "0.3.0" }).kind, "serve");
  const [first, second] = exampleMigrations.list;
  assert.ok(first !== undefined && second !== undefined);
  const mixed = createMigrations([{ ...first, rolling: true }, second]);
  assert.equal(judgeSchema(stored, { migrations: mixed, version: "0.3.0" }).kind, "wait");
});

test("migrateEntry() carries an entry through all steps", () => {
  const value = { version: 1 };
  const keysOf = (key: string) => migrateEntry(examplePlan, { key, value }).map((one) => one.key);
  assert.deepEqual(keysOf("gone/1"), []);
  assert.deepEqual(keysOf("early/1"), ["zz-early/1"]);
  assert.deepEqual(keysOf("pair/1"), ["pair/1/left", "pair/1/right"]);
  assert.deepEqual(migrateEntry(examplePlan, { key: "plain/1", value }), [
    {
      key: "plain/1",
      value: { version: 3, was: { version: 2, was: value, label: "PLAIN/1" } },
    },
  ]);
});
