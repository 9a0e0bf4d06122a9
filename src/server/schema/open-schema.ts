/** What a server asks of its store before it serves: is this a store for this program? */

import type { Migrations } from "../../core/migrations/migration.ts";
import { programMigrations } from "../../core/migrations/program.ts";
import { judgeSchema } from "../../core/migrations/verdict.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Store } from "../../ports/store.ts";
import { createSchemaGate } from "../../runtime/migrate/schema-gate.ts";
import {
  noteSchema,
  type SchemaProgram,
  type SchemaReading,
} from "../../runtime/migrate/stored-schema.ts";
import type { flawOfRecord } from "../../wire/control-plane/record-schemas.ts";
import { migrateAlone, type SaveBefore, takeBackAlone } from "./migrate-alone.ts";
import { leadsBackTo, leadsTo, readUpgrade } from "./upgrade-under-way.ts";

export interface SchemaOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  /** Default: this program's. */
  readonly migrations?: Migrations | undefined;
  /** Says of an entry why this program cannot read it. Default: by its own record schemas. */
  readonly check?: typeof flawOfRecord | undefined;
  /** What the only server of a store does before it migrates it; default: it migrates nothing. */
  readonly saveBefore?: SaveBefore | undefined;
}

/** `wait`: another server, or whoever runs the upgrade, has to migrate the store first. */
export type OpenSchema =
  | {
      readonly kind: "open";
      /** For all that the server writes from now on. */
      readonly store: Store;
      /** Ends with the signal; rejects when this program may not write to the store any more. */
      untilClosed(signal: AbortSignal): Promise<void>;
    }
  | {
      readonly kind: "wait";
      readonly because: string;
      /** What is waited for. */
      readonly schema: number;
    };

/**
 * Notes the schema of a new store; the only server of a store migrates it. The error is one line for the operator: this
 * program is none for this store.
 */
export async function openSchema(options: SchemaOptions): Promise<Result<OpenSchema, string>> {
  const { store, clock } = options;
  const program = programOf(options);
  const noted = await noteSchema(store, program, clock.wallMs());
  if (!noted.ok) return err(noted.error.message);
  const verdict = judgeSchema(noted.value.stored, program);
  const upgrade = await readUpgrade(store);
  if (!upgrade.ok) return upgrade;
  if (verdict.kind === "refuse") {
    const { schema } = program.migrations;
    if (!leadsBackTo(upgrade.value, schema)) return err(verdict.because);
    if (!store.capabilities.exclusive)
      return ok({ kind: "wait", ...backWords(noted.value, schema) });
    const back = await takeBackAlone({ ...options, program });
    return back.ok ? ok(openAlone(store)) : back;
  }
  const { plan } = verdict;
  if (store.capabilities.exclusive) {
    const isThere = plan.steps.length === 0;
    const keepsBefore = leadsTo(upgrade.value, plan.to);
    const migrated = isThere
      ? ok(undefined)
      : await migrateAlone({ ...options, program, keepsBefore }, plan);
    return migrated.ok ? ok(openAlone(store)) : migrated;
  }
  if (verdict.kind === "wait") {
    return ok({ kind: "wait", because: verdict.because, schema: plan.to });
  }
  const gate = createSchemaGate(store, program, noted.value);
  const untilClosed = async (signal: AbortSignal): Promise<void> => {
    const end = new AbortController();
    const watched = gate.watch(clock, AbortSignal.any([signal, end.signal]));
    const because = await Promise.race([gate.closed, watched]);
    end.abort();
    await watched;
    if (because !== undefined && !signal.aborted) throw new Error(because);
  };
  return ok({ kind: "open", store: gate.store, untilClosed });
}

function openAlone(store: Store): OpenSchema {
  return { kind: "open", store, untilClosed: () => Promise.resolve() };
}

function backWords({ stored }: SchemaReading, wanted: number): { because: string; schema: number } {
  const because = `the store is to be taken back from schema ${stored.schema} to ${wanted}`;
  return { because, schema: wanted };
}

/** Which program asks. */
export function programOf({ migrations, version }: SchemaOptions): SchemaProgram {
  return { migrations: migrations ?? programMigrations, version };
}
