/** Tells SQLite's errors apart: lack of room, someone else's lock, and all others. */

export interface SqliteFailure {
  /** SQLite's extended result code. */
  readonly code: number;
  readonly message: string;
}

const busy = 5;
const readOnly = 8;
const full = 13;
const cannotOpen = 14;
const notADatabase = 26;
const corrupt = 11;
/** A write to the file failed, e.g. a quota or a limit on file sizes. Nothing after it was written. */
const ioErrorOnWrite = 778;

/** The error as SQLite's, or undefined if it is something else (a bug). */
export function sqliteFailureOf(error: unknown): SqliteFailure | undefined {
  if (!(error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR")) {
    return undefined;
  }
  const code = "errcode" in error && typeof error.errcode === "number" ? error.errcode : 1;
  return { code, message: error.message };
}

/** There is no room to write, now. */
export function isLackOfRoom(failure: SqliteFailure): boolean {
  return primaryCodeOf(failure) === full || failure.code === ioErrorOnWrite;
}

/** Another process (or another store of this one) holds the lock. */
export function isInUse(failure: SqliteFailure): boolean {
  return primaryCodeOf(failure) === busy;
}

/** The file cannot be opened or written by this user. */
export function isNoAccess(failure: SqliteFailure): boolean {
  const code = primaryCodeOf(failure);
  return code === cannotOpen || code === readOnly;
}

/** The file's content is not what SQLite wrote. */
export function isDamage(failure: SqliteFailure): boolean {
  const code = primaryCodeOf(failure);
  return code === notADatabase || code === corrupt;
}

function primaryCodeOf(failure: SqliteFailure): number {
  return failure.code & 0xff;
}
