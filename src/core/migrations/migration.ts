/**
 * What a change of the store's schema is: a pure function over one entry as it is stored. It never asks today's record
 * schemas, because those change and a migration must not.
 */

/** JSON as it is stored. */
export type RawJson =
  | null
  | boolean
  | number
  | string
  | readonly RawJson[]
  | { readonly [key: string]: RawJson };

/** One key of the store with its value, whatever shape that has. */
export interface RawEntry {
  readonly key: string;
  readonly value: RawJson;
}

/** One step from a schema to the next. Once released it is never changed. */
export interface Migration {
  readonly from: number;
  /** `from` + 1. */
  readonly to: number;
  /** For people, e.g. `labels of nodes`. */
  readonly name: string;
  /**
   * Programs of both schemas understand what is stored before, while and after it is carried out: no server has to wait
   * for it. Else all servers wait until it is done. It leaves alone what it has made itself: what was written while it was
   * taken back stays, and comes to it again.
   */
  readonly rolling: boolean;
  /**
   * What stands in the entry's place: itself, one that was changed or has another key, several, or none. An entry that
   * it does not concern is handed back as it is. No two entries may end at the same key.
   */
  migrate(entry: RawEntry): readonly RawEntry[];
}

/** All migrations that a program knows, in order. */
export interface Migrations {
  /** What the program writes. */
  readonly schema: number;
  readonly list: readonly Migration[];
}
