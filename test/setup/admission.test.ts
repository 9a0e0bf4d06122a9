/** Which programs may come in: those that can serve at once, beside the others that live. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { JsonValue } from "../../src/ports/store.ts";
import { checkAdmission } from "../../src/setup/join/admission.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { exampleMigrations as migrations } from "../migrations/support/example.ts";

/** Of the one that wants to come in: it knows schema 3. */
const identity = { version: 1 as const, id: "2", name: "two", host: "127.0.0.2", port: 7440 };
const program = { version: "1.2.0", migrations };

function recordOf(id: string, name: string, serverVersion: string): JsonValue {
  const url = `https://127.0.0.${id}:7440`;
  return {
    ...{ version: 1, id, name, url, serverVersion, registeredAtMs: 1 },
    ...{ serials: [], etcdSerials: [] },
  };
}

interface Case {
  readonly title: string;
  readonly first?: string;
  readonly lives?: "no";
  readonly schema?: JsonValue;
  readonly isRegistered?: true;
  /** Undefined: it may come in. */
  readonly refusal?: RegExp;
}

const schemaOf = (schema: number, more: object = {}): JsonValue => ({
  ...{ version: 1, schema, migratedAtMs: 1, byVersion: "1.9.0" },
  ...more,
});

const cases: readonly Case[] = [
  { title: "that fits" },
  { title: "one minor version behind", first: "1.3.0" },
  {
    title: "too old",
    first: "1.4.0",
    refusal: /1\.2\.0.*one minor version apart.*start it again$/,
  },
  { title: "too old for one that is away", first: "1.4.0", lives: "no" },
  { title: "too old that is registered", first: "1.4.0", isRegistered: true },
  {
    title: "that does not know the schema",
    schema: schemaOf(4),
    refusal: /start holdfast 1\.9\.0/,
  },
  {
    title: "that waits for another schema",
    schema: schemaOf(2),
    refusal:
      /has schema 2, .* waits for 3 \(places\).*install the version that they run, then start/,
  },
  { title: "that waits and is registered", schema: schemaOf(2), isRegistered: true },
  {
    title: "whose schema is on its way",
    schema: schemaOf(1, { migratingTo: 3, byVersion: "1.2.0" }),
    refusal: /brought from schema 1 to 3, .*; start it again when that is done/,
  },
];

for (const { title, first = "1.2.0", lives, schema = schemaOf(3), ...rest } of cases) {
  const { isRegistered, refusal } = rest;
  test(`checkAdmission() ${refusal === undefined ? "lets in" : "refuses"} a program ${title}`, async (t) => {
    const store = createMemoryStore({ clock });
    t.after(() => store.close());
    const entries: [string, JsonValue][] = [
      [`${keys.servers}1`, recordOf("1", "one", first)],
      [keys.schema, schema],
    ];
    if (lives !== "no") entries.push([`${keys.serverLeases}1`, { version: 1, id: "1" }]);
    if (isRegistered) entries.push([`${keys.servers}2`, recordOf("2", "two", "1.2.0")]);
    const then = entries.map(([key, value]) => ({ kind: "put" as const, key, value }));
    assert.ok((await store.txn({ compare: [], then })).ok);
    const admitted = await checkAdmission(store, { identity, program });
    assert.equal(admitted.ok, refusal === undefined, JSON.stringify(admitted));
    if (admitted.ok || refusal === undefined) return;
    assert.equal(admitted.error.kind, "unfit");
    assert.match(admitted.error.because, refusal);
  });
}
