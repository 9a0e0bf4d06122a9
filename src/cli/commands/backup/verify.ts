/** `backup verify`: whether all of a backup is as it was written, and could be restored by this program. */
import { createReadStream } from "node:fs";
import * as z from "zod";
import { type VerifiedBackup, verifyBackup } from "../../../backup/verify-backup.ts";
import { sentenceOfSystemError } from "../../../core/explain/system-error.ts";
import { programMigrations as migrations } from "../../../core/migrations/program.ts";
import { argumentAt } from "../../command-context.ts";
import { done, fail, type Outcome } from "../../failure.ts";
import type { Session } from "../../session.ts";
import { programVersion } from "../version.ts";
import { passphraseSource } from "./passphrase.ts";

const optionsSchema = z.object({ passphraseFile: z.string().optional() });

/** The handler of `backup verify`. */
export async function verifyBackupFile(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const file = argumentAt(values, 0);
  const { passphraseFile } = optionsSchema.parse(options);
  try {
    const verified = await verifyBackup({
      bytes: createReadStream(file),
      askPassphrase: passphraseSource(session.io, passphraseFile),
      program: { version: programVersion, migrations },
    });
    if (!verified.ok) return fail(1, `${file}: ${verified.error}`);
    const { header, summary, plan } = verified.value;
    session.print({ file, header, summary, migrates: plan.steps.length > 0 }, () =>
      textOf(file, verified.value),
    );
    return done;
  } catch (error: unknown) {
    if (!(error instanceof Error && "code" in error)) throw error; // only systems' errors have one
    return fail(1, `cannot read ${file}: ${sentenceOfSystemError(error)}`);
  }
}

function textOf(file: string, { header, summary, plan }: VerifiedBackup): string {
  const { entryCount, nodeCount, serviceCount, bundleCount, fileCount, revision } = summary;
  const names = plan.steps.map(({ name }) => name).join(", ");
  const upgrade =
    plan.steps.length === 0
      ? ""
      : `a restore brings it from schema ${plan.from} to ${plan.to}: ${names}\n`;
  return (
    `${file} is whole: revision ${revision} of ${new Date(header.atMs).toISOString()}, made by holdfast ${header.version} on server ${header.server}, schema ${header.schema}\n` +
    `${entryCount} records, ${nodeCount} nodes, ${serviceCount} services, ${fileCount} files of the server, ${bundleCount} bundles (their list only)\n${upgrade}`
  );
}
