/** Reads a whole backup and says whether all of it is as it was written and could be restored by this program. */
import type { Migrations } from "../core/migrations/migration.ts";
import { type MigrationPlan, planMigration } from "../core/migrations/plan.ts";
import { err, ok, type Result } from "../core/result.ts";
import { ItemCheck } from "./check-items.ts";
import type { BackupHeader, BackupSummary } from "./format.ts";
import { type AskPassphrase, BackupReader } from "./read-backup.ts";

/** The program that looks: which schemas it knows. */
export interface Program {
  readonly version: string;
  readonly migrations: Migrations;
}

/** A backup that holds what it should. */
export interface VerifiedBackup {
  readonly header: BackupHeader;
  readonly summary: BackupSummary;
  /** What brings it to the schema of this program. */
  readonly plan: MigrationPlan;
  /** Keys whose entry counts for nothing, as it changed while others were read. */
  readonly changed: ReadonlySet<string>;
}

export interface VerifyOptions {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly askPassphrase: AskPassphrase;
  readonly program: Program;
}

/** The error says what is wrong and where; several faults are parted by line ends. */
export async function verifyBackup(
  options: VerifyOptions,
): Promise<Result<VerifiedBackup, string>> {
  const opened = await BackupReader.open(options.bytes, options.askPassphrase);
  if (!opened.ok) return opened;
  const reader = opened.value;
  try {
    return await readAll(reader, options);
  } finally {
    await reader.close();
  }
}

async function readAll(
  reader: BackupReader,
  { program }: VerifyOptions,
): Promise<Result<VerifiedBackup, string>> {
  const { header } = reader;
  const plan = planOf(header, program);
  if (!plan.ok) return plan;
  const check = new ItemCheck(plan.value);
  for (;;) {
    const read = await reader.next();
    if (!read.ok) return read;
    if (read.value === "end") break;
    for (const item of read.value) check.add(item);
  }
  const { summary } = reader;
  if (summary === undefined) return err("it has no summary");
  const faults = check.finish(summary);
  if (faults.length > 0) return err(faults.join("\n"));
  return ok({ header, summary, plan: plan.value, changed: check.changed });
}

/** A backup of a newer schema is none for this program. */
export function planOf(
  { schema, version: byVersion }: BackupHeader,
  { migrations, version }: Program,
): Result<MigrationPlan, string> {
  if (schema > migrations.schema) {
    return err(
      `it has schema ${schema} and was made by holdfast ${byVersion}, this is holdfast ${version} that knows schemas up to ${migrations.schema}; use holdfast >= ${byVersion}`,
    );
  }
  return planMigration({ schema, byVersion }, { migrations, version });
}
