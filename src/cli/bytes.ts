/** The bytes of this process's own streams: written off the main thread, so that a slow reader stops nothing else. */
import { write } from "node:fs";
import { promisify } from "node:util";
import type { ByteStreams } from "./io.ts";

const writeBytes = promisify(write);
const descriptors = { stdout: 1, stderr: 2 } as const;
/** A terminal or pipe that others have made non-blocking is asked again after so long. */
const againAfterMs = 10;

/** The streams of `process`. */
export function processBytes({ stdin }: Pick<NodeJS.Process, "stdin">): ByteStreams {
  return {
    input: () => (stdin.isTTY ? undefined : stdin),
    async write(stream, bytes) {
      let at = 0;
      while (at < bytes.length) {
        try {
          at += (await writeBytes(descriptors[stream], bytes, at)).bytesWritten;
        } catch (error: unknown) {
          if (!isFull(error)) throw error;
          await new Promise((resolve) => setTimeout(resolve, againAfterMs));
        }
      }
    },
  };
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}
