/** The only server of its store brings it to its own schema by itself, when it starts. */
import type { MigrationPlan } from "../../core/migrations/plan.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { darkMsMax } from "../../core/upgrade/dark.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Store } from "../../ports/store.ts";
import { migrateStore } from "../../runtime/migrate/migrate-store.ts";
import { readMigration, type SchemaProgram } from "../../runtime/migrate/stored-schema.ts";
import { takeMigrationBack } from "../../runtime/migrate/take-back.ts";
import { flawOfRecord } from "../../wire/control-plane/record-schemas.ts";
import type { UpgradeRecord } from "../../wire/control-plane/upgrades.ts";
import { storeWithProgress } from "./store-progress.ts";

/** Keeps what a store of this schema holds; the answer is the file. The error is one line for the operator. */
export type SaveBefore = (store: Store, schema: number) => Promise<Result<string, string>>;

export interface MigrateAloneOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined: nothing can keep it, so that nothing is migrated. */
  readonly saveBefore?: SaveBefore | undefined;
  readonly program: SchemaProgram;
  /** Default: what this program can read. */
  readonly check?: typeof flawOfRecord | undefined;
  readonly signal?: AbortSignal | undefined;
  /** An upgrade is under way, which may be taken back. */
  readonly keepsBefore?: boolean | undefined;
  /** It is given up at this time, wall clock; default: it takes as long as it takes. Not for the way back. */
  readonly untilMs?: number | undefined;
  /** Told whenever a part is done, of the way back, too. */
  readonly onProgress?: (() => void) | undefined;
}

/** Saves what there is beside the store, then migrates. The error is one line for the operator. */
export async function migrateAlone(
  options: MigrateAloneOptions,
  plan: MigrationPlan,
): Promise<Result<void, string>> {
  const { clock, log, saveBefore, program, check = flawOfRecord } = options;
  const limit = new AbortController();
  // No timer: work on the store may leave it no turn.
  const store = storeWithProgress(options.store, () => {
    options.onProgress?.();
    if (isOver(options)) limit.abort();
  });
  const { from, to } = plan;
  const begun = await readMigration(store);
  if (!begun.ok) return err(begun.error.message);
  // Once it has begun, what is there is no backup any more; the one of before is kept.
  if (begun.value === undefined) {
    const saved = (await saveBefore?.(store, from)) ?? err("no place for one is known");
    if (!saved.ok) return err(`the store is not migrated without a backup: ${saved.error}`);
    log.write("info", `what the store holds is kept in ${saved.value}`);
  }
  log.write("info", `brings the store from schema ${from} to ${to}`);
  const { signal: asked = limit.signal } = options;
  const done = await migrateStore(store, plan, {
    clock,
    version: program.version,
    check,
    keepsBefore: options.keepsBefore,
    signal: AbortSignal.any([limit.signal, asked]),
  });
  if (!done.ok) {
    const because = limit.signal.aborted ? lateWords : done.error;
    return err(`cannot bring the store from schema ${from} to ${to}: ${because}`);
  }
  const { doneCount, changedCount } = done.value;
  log.write("info", `the store has schema ${to}`, { doneCount, changedCount });
  return ok(undefined);
}

/**
 * The upgrade that brought the store to a newer schema is taken back. After a rolling one people have gone on writing,
 * nobody was frozen: what they wrote stays. The error is one line for the operator.
 */
export async function takeBackAlone(
  options: MigrateAloneOptions,
  { strategy, to: newer }: Pick<UpgradeRecord, "strategy" | "to">,
): Promise<Result<void, string>> {
  const { clock, log, program, check = flawOfRecord } = options;
  const { signal = new AbortController().signal } = options;
  const to = program.migrations.schema;
  log.write("info", `takes the store back to schema ${to}`);
  const how = { clock, version: program.version, to, check, signal };
  const done = await takeMigrationBack(toldOf(options), {
    ...how,
    rolling: strategy === "rolling",
  });
  if (!done.ok) {
    const way = signal.aborted ? "" : `; start holdfast ${newer.version}, or restore a backup`;
    return err(`cannot take the store back to schema ${to}: ${done.error}${way}`);
  }
  const { restoredCount, removedCount } = done.value;
  log.write("info", `the store has schema ${to} again`, { restoredCount, removedCount });
  return ok(undefined);
}

const lateWords = `it was not done ${darkMsMax / 1_000} s after this server was told to become another version, and agents would soon stop their services`;

function isOver({ clock, untilMs }: MigrateAloneOptions): boolean {
  return untilMs !== undefined && clock.wallMs() >= untilMs;
}

function toldOf({ store, onProgress }: MigrateAloneOptions): Store {
  return onProgress === undefined ? store : storeWithProgress(store, onProgress);
}
