/**
 * One rotation: copies `current.log` to `current.log.1` and empties it, as a workload that appends to it cannot be
 * told to open another file. What it writes within the microseconds between the last copy and the emptying is lost.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";

/** Path of the current file (0), or of the part that was rotated `age` times since. */
export function logPath(directory: string, age: number): string {
  return join(directory, age === 0 ? "current.log" : `current.log.${age}`);
}

/** Most of the file is copied in the background; the rest of it and the emptying then are done in one go. */
export async function rotateLog(directory: string, filesMax: number): Promise<void> {
  const current = logPath(directory, 0);
  const copy = join(directory, "rotating.tmp");
  if (filesMax > 0) {
    await copyFile(current, copy);
    appendRest(current, copy);
    truncateSync(current, 0);
    for (let age = filesMax - 1; age > 0; age--) moveIfThere(directory, age);
    renameSync(copy, logPath(directory, 1));
  } else {
    truncateSync(current, 0);
  }
  removeSurplus(directory, filesMax);
}

function moveIfThere(directory: string, age: number): void {
  const from = logPath(directory, age);
  if (existsSync(from)) renameSync(from, logPath(directory, age + 1));
}

/** Appends what `current` got since it was copied. */
function appendRest(current: string, copy: string): void {
  const source = openSync(current, "r");
  const target = openSync(copy, "a");
  try {
    const buffer = Buffer.allocUnsafe(65_536);
    let at = fstatSync(target).size;
    let read = readSync(source, buffer, 0, buffer.length, at);
    while (read > 0) {
      writeSync(target, buffer, 0, read);
      at += read;
      read = readSync(source, buffer, 0, buffer.length, at);
    }
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

/** Parts that a smaller `filesMax` no longer allows. */
function removeSurplus(directory: string, filesMax: number): void {
  for (const name of readdirSync(directory)) {
    const age = Number(/^current\.log\.([0-9]+)$/.exec(name)?.[1] ?? 0);
    if (age > filesMax) rmSync(join(directory, name), { force: true });
  }
}
