/**
 * The output of a version on trial. It goes to a file rather than to a pipe, so that the launcher's death neither ends
 * nor blocks it; the launcher passes it on, and knows the last lines when something went wrong.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";

export interface TrialLog {
  /** Where its output goes. */
  readonly descriptor: number;
  /** The last lines of it. */
  lastLines(): string;
  /** Passes on what is left. */
  close(): void;
}

const lookEveryMs = 250;
/** What was passed on is dropped from the file when there is more of it. */
const keptBytesMax = 1_048_576;
const chunkBytes = 65_536;
const linesMax = 12;
const lineLengthMax = 300;

/** Begins with an empty file. `write` is what the output is passed on to. */
export function openTrialLog(path: string, write: (text: string) => void): TrialLog {
  closeSync(openSync(path, "w", 0o600));
  const descriptor = openSync(path, "a+", 0o600);
  const chunk = Buffer.alloc(chunkBytes);
  let offset = 0;
  let tail = "";

  function passOn(): void {
    for (;;) {
      const count = readSync(descriptor, chunk, 0, chunk.length, offset);
      if (count === 0) break;
      offset += count;
      const text = chunk.toString("utf8", 0, count);
      tail = (tail + text).slice(-linesMax * lineLengthMax);
      write(text);
    }
    // Appending goes on at the new end; a line that comes in this very moment may be lost, and nothing else.
    if (offset > keptBytesMax && fstatSync(descriptor).size === offset) {
      ftruncateSync(descriptor, 0);
      offset = 0;
    }
  }

  const timer = setInterval(passOn, lookEveryMs);
  return {
    descriptor,
    lastLines() {
      passOn();
      return tail
        .split("\n")
        .map((line) => line.trim().slice(0, lineLengthMax))
        .filter((line) => line !== "")
        .slice(-linesMax)
        .join(" | ");
    },
    close() {
      clearInterval(timer);
      passOn();
      closeSync(descriptor);
    },
  };
}
