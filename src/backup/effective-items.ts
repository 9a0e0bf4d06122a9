/** What a verified backup comes to: each key once, as it was at the backup's revision, in the schema of this program. */
import { migrateEntry } from "../core/migrations/plan.ts";
import type { JsonValue } from "../ports/store.ts";
import { keys } from "../wire/records.ts";
import type { BackupFile, BackupItem } from "./item.ts";
import { type AskPassphrase, BackupReader } from "./read-backup.ts";
import type { VerifiedBackup } from "./verify-backup.ts";
import { BackupBroken } from "./write-backup.ts";

/** A record, or a file of the server. */
export type EffectiveItem =
  | { readonly kind: "entry"; readonly key: string; readonly value: JsonValue }
  | ({ readonly kind: "file" } & BackupFile);

/** Reads the file again, which has to be the one that was verified. Throws `BackupBroken` where it cannot be read. */
export async function* effectiveItems(
  source: { readonly bytes: AsyncIterable<Uint8Array>; readonly askPassphrase: AskPassphrase },
  verified: VerifiedBackup,
): AsyncGenerator<readonly EffectiveItem[]> {
  const opened = await BackupReader.open(source.bytes, source.askPassphrase);
  if (!opened.ok) throw new BackupBroken(opened.error);
  const reader = opened.value;
  try {
    for (;;) {
      const read = await reader.next();
      if (!read.ok) throw new BackupBroken(read.error);
      if (read.value === "end") break;
      yield read.value.flatMap((item) => effectOf(item, verified));
    }
    if (reader.summary?.revision !== verified.summary.revision) {
      throw new BackupBroken("the file is not the one that was verified");
    }
  } finally {
    await reader.close();
  }
}

function effectOf(item: BackupItem, { changed, plan }: VerifiedBackup): readonly EffectiveItem[] {
  switch (item.kind) {
    case "entry":
    case "changed": {
      const { key, value } = item;
      if (item.kind === "entry" && changed.has(key)) return [];
      if (key === keys.schema) return []; // it is of the schema that it is brought to
      return migrateEntry(plan, { key, value }).map((entry) => ({ kind: "entry", ...entry }));
    }
    case "file":
      return [item];
    case "deleted":
    case "end":
      return [];
    default:
      return item satisfies never;
  }
}
