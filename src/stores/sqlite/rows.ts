/** Rows of the embedded store's file as typed values. A row of another shape means a damaged file. */
import type { SQLOutputValue } from "node:sqlite";
import { assert } from "../../core/assert.ts";
import type { StoreChange, StoredEntry } from "../../ports/store.ts";
import { decodeValue } from "../shared/value.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;

/** A column that holds a number. */
export function numberIn(row: Row | undefined, column: string): number {
  const value = row?.[column];
  assert(typeof value === "number", `column ${column} of the store's file holds a number`);
  return value;
}

/** A column that holds text. */
export function textIn(row: Row | undefined, column: string): string {
  const value = row?.[column];
  assert(typeof value === "string", `column ${column} of the store's file holds text`);
  return value;
}

/** An entry from a row of `entry`. */
export function entryFromRow(row: Row): StoredEntry {
  return {
    key: textIn(row, "key"),
    value: decodeValue(textIn(row, "value")),
    createRevision: numberIn(row, "create_revision"),
    modRevision: numberIn(row, "mod_revision"),
    leaseId: leaseIdIn(row),
  };
}

/** Marks a row of `change` as a deletion; older files say "lease-ended" too, which is one as well. */
export const deletedMark = "deleted";

/** A change from a row of `change`. */
export function changeFromRow(row: Row): StoreChange {
  if (row["because"] !== null) {
    return { kind: "delete", key: textIn(row, "key"), previous: decodeValue(textIn(row, "value")) };
  }
  const modRevision = numberIn(row, "revision");
  return { kind: "put", entry: entryFromRow({ ...row, mod_revision: modRevision }) };
}

function leaseIdIn(row: Row): string | undefined {
  return row["lease_id"] === null ? undefined : String(numberIn(row, "lease_id"));
}
