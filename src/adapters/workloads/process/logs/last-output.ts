/** What an instance said last, for the sentence about its end. */

import { readChunk, sizeOfFile } from "./find-tail.ts";
import { logPath } from "./rotate-log.ts";

const bytesMax = 2_048;
const textMax = 500;

/** The last non-empty line after `startOffset`, bounded, in one line; empty when it said nothing. */
export async function lastOutput(directory: string, startOffset: number): Promise<string> {
  const path = logPath(directory, 0);
  const size = sizeOfFile(path);
  const from = Math.max(Math.min(startOffset, size), size - bytesMax);
  const text = (await readChunk(path, from, size - from)).toString("utf8");
  const line = text.split("\n").findLast((part) => part.trim() !== "") ?? "";
  // Control characters of a workload have no business in another program's messages.
  return line
    .replaceAll(/\p{Cc}/gu, " ")
    .trim()
    .slice(0, textMax);
}
