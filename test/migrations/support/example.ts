/** Two migrations for tests, and stores to try them on: every kind of change that a migration may make. */
import { createMigrations } from "../../../src/core/migrations/create-migrations.ts";
import type { Migration, Migrations, RawEntry } from "../../../src/core/migrations/migration.ts";
import { type MigrationPlan, migrateEntry } from "../../../src/core/migrations/plan.ts";
import type { JsonValue, Operation, Store } from "../../../src/ports/store.ts";

/** `plain/` gets a field; `gone/` is removed. */
const first: Migration = {
  from: 1,
  to: 2,
  name: "labels",
  rolling: false,
  migrate({ key, value }) {
    if (key.startsWith("gone/")) return [];
    if (!key.startsWith("plain/")) return [{ key, value }];
    return [{ key, value: { version: 2, was: value, label: key.toUpperCase() } }];
  },
};

/** `early/` moves behind all others, `late/` before them, `pair/` becomes two; `plain/` is changed once more. */
const second: Migration = {
  from: 2,
  to: 3,
  name: "places",
  rolling: false,
  migrate({ key, value }) {
    const moved = { version: 3, was: value };
    if (key.startsWith("early/")) return [{ key: `zz-${key}`, value: moved }];
    if (key.startsWith("late/")) return [{ key: `aa-${key}`, value: moved }];
    if (key.startsWith("plain/")) return [{ key, value: moved }];
    if (!key.startsWith("pair/")) return [{ key, value }];
    return ["left", "right"].map((side) => ({
      key: `${key}/${side}`,
      value: { side, was: value },
    }));
  },
};

export const exampleMigrations: Migrations = createMigrations([first, second]);

/** As both of them together, but that servers of both schemas understand what it makes, and that it leaves that alone. */
const both: Migration = {
  from: 1,
  to: 2,
  name: "rolling",
  rolling: true,
  migrate({ key, value }) {
    const moved = { version: 3, was: value };
    if (key.startsWith("gone/")) return [];
    if (key.startsWith("early/")) return [{ key: `zz-${key}`, value: moved }];
    if (key.startsWith("late/")) return [{ key: `aa-${key}`, value: moved }];
    if (key.startsWith("plain/")) {
      return [{ key, value: JSON.stringify(value).includes('"was"') ? value : moved }];
    }
    if (!key.startsWith("pair/")) return [{ key, value }];
    return ["left", "right"].map((side) => ({
      key: `halves/${key}/${side}`,
      value: { side, was: value },
    }));
  },
};

export const rollingPlan: MigrationPlan = { from: 1, to: 2, steps: [both], rolling: true };

export const exampleVersion = "9.9.9";

export const examplePlan: MigrationPlan = {
  ...{ from: 1, to: 3, steps: exampleMigrations.list, rolling: false },
};

/** What a store of schema 1 holds. */
export function exampleEntries(countOfEach: number): readonly RawEntry[] {
  const kinds = ["early", "gone", "late", "pair", "plain", "same"];
  return kinds.flatMap((kind) =>
    Array.from({ length: countOfEach }, (_none, index) => ({
      key: `${kind}/${String(index).padStart(5, "0")}`,
      value: { version: 1, text: `${kind} ${index}` },
    })),
  );
}

/** What becomes of it: the migrations themselves, over all entries at once. */
export function expectedOf(entries: readonly RawEntry[]): ReadonlyMap<string, JsonValue> {
  const all = entries.flatMap((entry) => migrateEntry(examplePlan, entry));
  return new Map(all.map(({ key, value }) => [key, value]));
}

const operationsMax = 500;

/** Writes them, as a program without a schema version did. */
export async function fill(store: Store, entries: readonly RawEntry[]): Promise<void> {
  for (let at = 0; at < entries.length; at += operationsMax) {
    const then = entries
      .slice(at, at + operationsMax)
      .map((entry): Operation => ({ kind: "put", ...entry }));
    const written = await store.txn({ compare: [], then });
    if (!written.ok) throw new Error(written.error.message);
  }
}

/** All that it holds, but for what the schema is. */
export async function contentOf(store: Store): Promise<ReadonlyMap<string, JsonValue>> {
  const read = await store.range("");
  if (!read.ok) throw new Error(read.error.message);
  const entries = read.value.entries.filter(({ key }) => key !== "schema");
  return new Map(entries.map(({ key, value }) => [key, value]));
}

/** The value of one key. */
export async function storedValue(store: Store, key: string): Promise<JsonValue | undefined> {
  const read = await store.get(key);
  if (!read.ok) throw new Error(read.error.message);
  return read.value.entry?.value;
}
