/** What a server asks of its store before it serves: is this a store for this program? */

import type { Migrations } from "../../core/migrations/migration.ts";
import { programMigrations } from "../../core/migrations/program.ts";
import { judgeSchema, type SchemaVerdict } from "../../core/migrations/verdict.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Store } from "../../ports/store.ts";
import { createSchemaGate } from "../../runtime/migrate/schema-gate.ts";
import {
  noteSchema,
  readMigration,
  type SchemaProgram,
  type SchemaReading,
} from "../../runtime/migrate/stored-schema.ts";
import type { flawOfRecord } from "../../wire/control-plane/record-schemas.ts";
import type { UpgradeRecord } from "../../wire/control-plane/upgrades.ts";
import { migrateAlone, type SaveBefore, takeBackAlone } from "./migrate-alone.ts";
import {
  awaitsOrders,
  leadsBackAlone,
  leadsBackTo,
  mayBeTakenBackFrom,
  readUpgrade,
  silentUntilMs,
} from "./upgrade-under-way.ts";

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
  /**
   * Whether the new version of this upgrade was started in this server's place, and given up; default: it was not. The
   * only server of a store goes by it.
   */
  readonly wasGivenUp?: ((upgrade: UpgradeRecord) => boolean) | undefined;
  /**
   * Whether this program is on trial in the place of another one, which takes it back where this one ends; default: it
   * is not. The only server of a store then migrates it for no longer than agents can bear.
   */
  readonly isOnTrial?: (() => boolean) | undefined;
  /** Told whenever a part of what the only server of a store does to its schema is done. */
  readonly onProgress?: (() => void) | undefined;
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
  const { schema } = program.migrations;
  const noted = await noteSchema(store, program, clock.wallMs());
  if (!noted.ok) return err(noted.error.message);
  const verdict = judgeSchema(noted.value.stored, program);
  const upgrade = await readUpgrade(store);
  if (!upgrade.ok) return upgrade;
  if (store.capabilities.exclusive) {
    const brought = await bringAlone(options, {
      ...{ program, verdict, reading: noted.value, upgrade: upgrade.value },
    });
    return brought.ok ? ok(openAlone(store)) : brought;
  }
  if (verdict.kind === "refuse") {
    if (!awaitsOrders(upgrade.value, schema)) return err(verdict.because);
    return ok({ kind: "wait", ...waitWords(noted.value, schema, upgrade.value) });
  }
  const { plan } = verdict;
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

interface Found {
  readonly program: SchemaProgram;
  readonly verdict: SchemaVerdict;
  readonly reading: SchemaReading;
  readonly upgrade: UpgradeRecord | undefined;
}

/** The only server of a store brings it to its own schema, or back to it; nothing is done where it is there. */
async function bringAlone(
  options: SchemaOptions,
  { program, verdict, reading, upgrade }: Found,
): Promise<Result<void, string>> {
  const { schema } = program.migrations;
  if (leadsBackAlone(upgrade, schema, options.wasGivenUp ?? (() => false))) {
    const left = await isLeft(options.store, reading, schema);
    if (!left.ok) return left;
    if (left.value || verdict.kind === "refuse") {
      return await takeBackAlone({ ...options, program }, upgrade);
    }
  }
  if (verdict.kind === "refuse") return err(verdict.because);
  const { plan } = verdict;
  if (plan.steps.length === 0) return ok(undefined);
  const keepsBefore = mayBeTakenBackFrom(upgrade, plan.to);
  const isOnTrial = options.isOnTrial?.() === true;
  const untilMs = isOnTrial ? silentUntilMs(upgrade, plan.to) : undefined;
  return await migrateAlone({ ...options, program, keepsBefore, untilMs }, plan);
}

/** Whether something is left of a rolling migration away from this schema, which the store has until the very end of one. */
async function isLeft(
  store: Pick<Store, "get">,
  { record }: SchemaReading,
  schema: number,
): Promise<Result<boolean, string>> {
  const begun = await readMigration(store);
  if (!begun.ok) return err(begun.error.message);
  return ok(begun.value?.record.from === schema || record?.before?.schema === schema);
}

function openAlone(store: Store): OpenSchema {
  return { kind: "open", store, untilClosed: () => Promise.resolve() };
}

function waitWords(
  { stored }: SchemaReading,
  schema: number,
  upgrade: UpgradeRecord,
): { because: string; schema: number } {
  const isBack: boolean = leadsBackTo(upgrade, schema);
  const because = isBack
    ? `the store is to be taken back from schema ${stored.schema} to ${schema}`
    : `the store has schema ${stored.schema}: this server is to become holdfast ${upgrade.to.version}`;
  return { because, schema };
}

/** Which program asks. */
export function programOf({ migrations, version }: SchemaOptions): SchemaProgram {
  return { migrations: migrations ?? programMigrations, version };
}
