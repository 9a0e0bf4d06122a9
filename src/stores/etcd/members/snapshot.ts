/** Saves one member's data to a file, whole or not at all; etcd puts a checksum at its end, which a restore compares. */
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { err, ok, type Result } from "../../../core/result.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { MemberError } from "../../../ports/members.ts";
import type { Connection } from "../client/connection.ts";
import { snapshot } from "../client/methods.ts";

export interface SnapshotOptions {
  readonly connection: Connection;
  /** It and `<file>.part` are replaced. */
  readonly file: string;
  readonly clock: Clock;
}

/** A member that sends nothing for so long has failed. */
const silenceMsMax = 15_000;
/** Without data there is no snapshot: etcd's smallest database has several pages. */
const sizeBytesMin = 4_096;

/** The size of the file in bytes. */
export async function saveSnapshot(options: SnapshotOptions): Promise<Result<number, MemberError>> {
  const { file } = options;
  const partFile = `${file}.part`;
  try {
    const part = await open(partFile, "w", 0o600);
    try {
      const sizeBytes = await receive(options, part);
      await part.sync();
      if (sizeBytes < sizeBytesMin) throw new Error(`etcd sent ${sizeBytes} bytes only`);
      await rename(partFile, file);
      return ok(sizeBytes);
    } finally {
      await part.close();
    }
  } catch (error: unknown) {
    await rm(partFile, { force: true });
    const why = error instanceof Error ? error.message : String(error);
    return err({ kind: "unavailable", message: `cannot save a snapshot to "${file}": ${why}` });
  }
}

async function receive({ connection, clock }: SnapshotOptions, part: FileHandle): Promise<number> {
  const stream = connection.answers(snapshot, {});
  let sizeBytes = 0;
  let cancelTimer: () => void = () => undefined;
  const watch = (): void => {
    cancelTimer();
    cancelTimer = clock.after(silenceMsMax, () => stream.cancel());
  };
  watch();
  try {
    for await (const message of stream) {
      const { blob } = message as { readonly blob: Buffer }; // what the method's codec makes
      await part.write(blob);
      sizeBytes += blob.length;
      watch();
    }
    return sizeBytes;
  } finally {
    cancelTimer();
    stream.cancel();
  }
}
