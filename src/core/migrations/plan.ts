/** Which migrations lead from the schema that a store has to the one that a program wants. */
import { assert } from "../assert.ts";
import { err, ok, type Result } from "../result.ts";
import type { Migration, Migrations, RawEntry } from "./migration.ts";

/** The steps, in order; none: the store is as the program wants it. */
export interface MigrationPlan {
  readonly from: number;
  readonly to: number;
  readonly steps: readonly Migration[];
  /** No server has to wait for any of the steps. */
  readonly rolling: boolean;
}

/** What a store says of itself, as far as plans depend on it. */
export interface StoredSchema {
  readonly schema: number;
  /** Of the program that brought it to this schema, or began to bring it to another. */
  readonly byVersion: string;
  /** A migration that all servers wait for has begun and is not over. */
  readonly migratingTo?: number | undefined;
}

/** The error is for the operator: the program is too old for this store. */
export function planMigration(
  stored: StoredSchema,
  { migrations, version }: { readonly migrations: Migrations; readonly version: string },
): Result<MigrationPlan, string> {
  const { schema, byVersion, migratingTo } = stored;
  const wanted = migrations.schema;
  const way = `start holdfast ${byVersion} or restore a backup`;
  if (schema > wanted) {
    return err(
      `the store has schema ${schema} of holdfast ${byVersion}, this is holdfast ${version} that knows ${wanted}; ${way}`,
    );
  }
  if (migratingTo !== undefined && migratingTo !== wanted) {
    return err(
      `holdfast ${byVersion} has begun to bring the store from schema ${schema} to ${migratingTo}, this is holdfast ${version} that wants ${wanted}; ${way}`,
    );
  }
  const steps = migrations.list.filter(({ from }) => from >= schema);
  return ok({ from: schema, to: wanted, steps, rolling: steps.every(({ rolling }) => rolling) });
}

/** What becomes of one entry in all steps. */
export function migrateEntry({ steps }: MigrationPlan, entry: RawEntry): readonly RawEntry[] {
  const found = steps.reduce<readonly RawEntry[]>(
    (entries, step) => entries.flatMap((one) => step.migrate(one)),
    [entry],
  );
  const keys = new Set(found.map(({ key }) => key));
  assert(keys.size === found.length, `the migration of "${entry.key}" names each key once`);
  return found;
}

/** The schema from which on no server has to wait for a migration to this program's. */
export function rollingFrom({ schema, list }: Migrations): number {
  const last = list.findLast(({ rolling }) => !rolling);
  return last === undefined ? Math.min(schema, list[0]?.from ?? schema) : last.to;
}
