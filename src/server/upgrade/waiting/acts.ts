/** What an upgrade does to the store's schema, by whichever server carries it on. */
import type { Migrations } from "../../../core/migrations/migration.ts";
import { planMigration } from "../../../core/migrations/plan.ts";
import { programMigrations } from "../../../core/migrations/program.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Store } from "../../../ports/store.ts";
import { migrateStore } from "../../../runtime/migrate/migrate-store.ts";
import { readStoredSchema } from "../../../runtime/migrate/stored-schema.ts";
import { takeMigrationBack } from "../../../runtime/migrate/take-back.ts";
import { findConflict } from "../../../runtime/migrate/taken-since.ts";
import { flawOfRecord } from "../../../wire/control-plane/record-schemas.ts";
import type { WaitingActs } from "./carrier.ts";

export interface SchemaActsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly serverId: string;
  /** Of this program. */
  readonly version: string;
  /** Default: this program's. */
  readonly migrations?: Migrations | undefined;
  /** Says of an entry why this program cannot read it. Default: by its own record schemas. */
  readonly check?: typeof flawOfRecord | undefined;
}

/** Why the data of before can never come back; undefined: they can, or are on their way. */
async function whyClosed(store: Store, signal: AbortSignal): Promise<string | undefined> {
  const read = await readStoredSchema(store);
  if (!read.ok || read.value.stored.migratingTo !== undefined) return undefined;
  const conflict = await findConflict(store, signal);
  return conflict.ok ? conflict.value : undefined;
}

/** Brings the store to this program's schema, keeping what each entry was, and takes that back. */
export function schemaActs(options: SchemaActsOptions): WaitingActs {
  const { store, clock, serverId, version, migrations = programMigrations } = options;
  const { check = flawOfRecord } = options;
  return {
    async migrate(_upgrade, signal) {
      const read = await readStoredSchema(store);
      if (!read.ok) return { outcome: "failed", detail: read.error.message };
      const plan = planMigration(read.value.stored, { migrations, version });
      if (!plan.ok) return { outcome: "failed", detail: plan.error };
      const how = { clock, version, serverId, check, keepsBefore: true, signal };
      const done = await migrateStore(store, plan.value, how);
      if (!done.ok) return { outcome: "failed", detail: done.error };
      const { to, doneCount, changedCount } = done.value;
      const detail = `the store has schema ${to}: ${changedCount} of ${doneCount} entries changed`;
      return { outcome: "done", detail };
    },
    async restore({ schema, strategy }, signal) {
      const closed = strategy === "stop-all" ? await whyClosed(store, signal) : undefined;
      if (closed !== undefined) return { outcome: "refused", detail: closed };
      const how = { clock, version, serverId, check, to: schema.from, signal };
      const done = await takeMigrationBack(store, { ...how, rolling: strategy === "rolling" });
      if (!done.ok) return { outcome: "failed", detail: done.error };
      const { restoredCount, removedCount } = done.value;
      const added = removedCount === 0 ? "" : `, ${removedCount} that were added since are gone`;
      const detail = `the store has schema ${schema.from}: ${restoredCount} entries are as before${added}`;
      return { outcome: "done", detail };
    },
  };
}
