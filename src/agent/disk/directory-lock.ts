/**
 * The lock of the agent's data directory. It is the kernel's, through SQLite as nothing in Node.js offers one: it
 * dies with its process however that dies, so that there is never a stale one to be judged, and two agents that
 * start at the same moment cannot both break it.
 */

import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";

export interface DirectoryLock {
  release(): void;
}

/** SQLite's code for "somebody else has it". */
const busyCode = 5;

/** Takes it for this process. The error says who has it. */
export function lockDirectory(path: string): Result<DirectoryLock, string> {
  const notePath = join(path, "agent.pid");
  let database: DatabaseSync | undefined;
  try {
    database = openLockFile(join(path, "directory.lock"));
    // Nothing is ever written, so that a full disk keeps no agent from starting.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error: unknown) {
    if (database?.isOpen) database.close();
    if (!isBusy(error))
      return err(`cannot lock data directory ${path}: ${sentenceOfSystemError(error)}`);
    return err(`another agent${holderIn(notePath)} uses data directory ${path}`);
  }
  noteHolder(notePath);
  const held = database;
  return ok({
    release() {
      rmSync(notePath, { force: true });
      held.close();
    },
  });
}

/** A file that is there is not opened: closing it would drop a lock that this process has on it. */
function openLockFile(path: string): DatabaseSync {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error: unknown) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return new DatabaseSync(path, { timeout: 0 });
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === busyCode;
}

/** Only for the sentence that a second agent is refused with: nothing rests on it. */
function noteHolder(notePath: string): void {
  try {
    writeFileSync(notePath, String(process.pid), { mode: 0o600 });
  } catch {
    // The disk is full: the sentence names no process then.
  }
}

function holderIn(notePath: string): string {
  try {
    const text = readFileSync(notePath, "latin1");
    return /^[0-9]+$/.test(text) ? ` (process ${text})` : "";
  } catch {
    return ""; // it has not written its note yet
  }
}
