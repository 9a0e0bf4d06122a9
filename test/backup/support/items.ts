/** Backups in memory for tests: made from items, read back, and changed by force. */

import type { BackupSummary } from "../../../src/backup/format.ts";
import type { BackupItem } from "../../../src/backup/item.ts";
import { BackupReader } from "../../../src/backup/read-backup.ts";
import type { BackupFacts } from "../../../src/backup/write-backup.ts";
import { writeBackup } from "../../../src/backup/write-backup.ts";
import { createMigrations } from "../../../src/core/migrations/create-migrations.ts";
import { err, ok, type Result } from "../../../src/core/result.ts";

/** A program without migrations. */
export const program = { version: "9.9.9", migrations: createMigrations([]) };
export const facts: BackupFacts = {
  version: "1.2.3",
  schema: 1,
  atMs: 1_700_000_000_000,
  server: "1",
  origin: "person",
};

/** A group's record. */
export function groupEntry(name: string, kind: "entry" | "changed" = "entry"): BackupItem {
  const value = { version: 1, group: { name, nodes: [{ node: "node1", priority: 1 }] } };
  return { kind, key: `groups/${name}`, value, modRevision: 3, isLeased: false };
}

/** The end of a backup with so many entries. */
export function endOf(entryCount: number, other: Partial<BackupSummary> = {}): BackupItem {
  const none = { fileCount: 0, nodeCount: 0, serviceCount: 0, bundleCount: 0 };
  return { kind: "end", summary: { revision: 7, entryCount, ...none, ...other } };
}

/** The bytes of a backup of these items, each batch given apart. */
export async function bytesOf(
  batches: readonly (readonly BackupItem[])[],
  options: { readonly passphrase?: string; readonly facts?: BackupFacts } = {},
): Promise<Buffer> {
  const items = given(batches.map((batch) => ok(batch)));
  const pieces: Buffer[] = [];
  for await (const piece of writeBackup({ facts, items, ...options })) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** All items, or what is wrong. */
export async function readBack(
  bytes: Uint8Array,
  passphrase?: string,
  pieceBytes = 65_536,
): Promise<Result<readonly BackupItem[], string>> {
  const ask = () => Promise.resolve(passphrase === undefined ? err("asked") : ok(passphrase));
  const opened = await BackupReader.open(piecesOf(bytes, pieceBytes), ask);
  if (!opened.ok) return opened;
  const items: BackupItem[] = [];
  for (;;) {
    const next = await opened.value.next();
    if (!next.ok) return next;
    if (next.value === "end") return ok(items);
    items.push(...next.value);
  }
}

/** As they come from a file or a connection. */
export async function* piecesOf(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    yield await Promise.resolve(bytes.subarray(from, from + pieceBytes));
  }
}

async function* given<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const value of values) yield await Promise.resolve(value);
}
