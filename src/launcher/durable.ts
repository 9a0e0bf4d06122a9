/** The launcher's files: replaced in one moment, and on the disk when a write returns. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Longest file that is read, in characters. */
const lengthMax = 65_536;

/** Replaces a file; mode 0600. Throws what the file system says. */
export function replaceFile(path: string, text: string): void {
  const fresh = `${path}.new`;
  const file = openSync(fresh, "w", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  syncFolder(dirname(path));
}

/** Until then a crash may undo what was renamed in it. Throws what the file system says. */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Empty: there is none, or it cannot be read. */
export function readText(path: string): string {
  try {
    const text = readFileSync(path, "utf8");
    return text.length > lengthMax ? "" : text;
  } catch {
    return ""; // the same to whoever looks for a word in it
  }
}
