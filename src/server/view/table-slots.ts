/** What a table of records is, and how entries of the store find their way into it. */
import type { StoredEntry, StoreRevision } from "../../ports/store.ts";
import { readRecord } from "../../runtime/manager-records.ts";

/** A record with the revision of its last change. */
export interface Row<T> {
  readonly value: T;
  readonly revision: StoreRevision;
}

/** Records by what their keys say after the prefix. */
export type Table<K, T> = ReadonlyMap<K, Row<T>>;

/** Takes the entries of one prefix; `key` is without the prefix. */
export interface Slot {
  put(key: string, entry: StoredEntry): void;
  delete(key: string): void;
}

type Schema<T> = Parameters<typeof readRecord<T>>[0];

/** A record that there is one of, or none. */
export function single<T>(schema: Schema<T>, set: (row: Row<T> | undefined) => void): Slot {
  return {
    put(_key, entry) {
      const value = readRecord(schema, entry.key, entry.value);
      set({ value, revision: entry.modRevision });
    },
    delete() {
      set(undefined);
    },
  };
}

/** Records that there are many of, each under an id of its own. */
export function slot<K extends string, T>(table: Map<K, Row<T>>, schema: Schema<T>): Slot {
  return {
    put(key, entry) {
      // The part of a key after its prefix is the id that the prefix stands for.
      table.set(key as K, {
        value: readRecord(schema, entry.key, entry.value),
        revision: entry.modRevision,
      });
    },
    delete(key) {
      table.delete(key as K); // as above
    },
  };
}

/** What follows each record of a table, e.g. an index; called before it goes and after it came. */
export interface Follower<T> {
  added(key: string, value: T): void;
  removed(key: string, value: T): void;
}

/** A slot whose table an index follows. */
export function followed<T>(
  inner: Slot,
  current: (key: string) => T | undefined,
  follower: Follower<T>,
): Slot {
  const forget = (key: string): void => {
    const value = current(key);
    if (value !== undefined) follower.removed(key, value);
  };
  return {
    put(key, entry) {
      forget(key);
      inner.put(key, entry);
      const value = current(key);
      if (value !== undefined) follower.added(key, value);
    },
    delete(key) {
      forget(key);
      inner.delete(key);
    },
  };
}
