/** Finds where the last lines of a service's output begin, from the end backwards, across rotated files. */
import { existsSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { logPath } from "./rotate-log.ts";

const chunkBytes = 65_536;
const newline = 0x0a;
/** Rotated files that are looked at most; the configuration allows as many. */
const agesMax = 100;

/** A place in a service's files as they lie now: how old the file is, and an offset in bytes. */
export interface TailPlace {
  readonly age: number;
  readonly offset: number;
}

/** Where the last `linesMax` lines begin; the very beginning when there are fewer. */
export async function findTail(directory: string, linesMax: number): Promise<TailPlace> {
  const end: TailPlace = { age: 0, offset: sizeOfFile(logPath(directory, 0)) };
  if (linesMax <= 0) return end;
  const last = await readChunk(logPath(directory, 0), end.offset - 1, 1);
  // A newline at the very end closes the last line, it begins none.
  let newlinesLeft = linesMax + (last.length === 0 || last[0] === newline ? 1 : 0);
  let begin = end;
  for (let age = 0; age <= agesMax && existsSync(logPath(directory, age)); age++) {
    const found = await searchFile(logPath(directory, age), newlinesLeft);
    if (found.offset !== undefined) return { age, offset: found.offset };
    newlinesLeft = found.newlinesLeft;
    begin = { age, offset: 0 };
  }
  return begin;
}

/** The offset behind the `newlines`-th newline from the file's end, or how many are still missing. */
async function searchFile(
  path: string,
  newlines: number,
): Promise<{ readonly offset?: number; readonly newlinesLeft: number }> {
  let newlinesLeft = newlines;
  for (let to = sizeOfFile(path); to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const chunk = await readChunk(path, from, to - from);
    for (let at = chunk.lastIndexOf(newline); at >= 0; at = lastNewlineBefore(chunk, at)) {
      newlinesLeft -= 1;
      if (newlinesLeft === 0) return { offset: from + at + 1, newlinesLeft };
    }
  }
  return { newlinesLeft };
}

/** `lastIndexOf` with a negative start would count from the end. */
function lastNewlineBefore(chunk: Buffer, at: number): number {
  return at === 0 ? -1 : chunk.lastIndexOf(newline, at - 1);
}

/** Up to `bytes` from `offset`; empty at the end, before the beginning, or when there is no such file. */
export async function readChunk(path: string, offset: number, bytes: number): Promise<Buffer> {
  if (offset < 0 || !existsSync(path)) return Buffer.alloc(0);
  const handle = await open(path, "r");
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(bytes), 0, bytes, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Size in bytes; 0 when there is no such file. */
export function sizeOfFile(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
