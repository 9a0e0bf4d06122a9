/** Sends a file as a request's body, piece by piece, until the answer begins. */
import { once } from "node:events";
import type { ClientRequest } from "node:http";

/** Bytes that are sent as they are, each time anew when another server is asked. */
export interface Upload {
  readonly sizeBytes: number;
  read(): AsyncIterable<Uint8Array>;
}

/**
 * Resolves when all is sent, or the answer has come before: then nobody wants the rest. `onSent` is told of each piece.
 * A file that cannot be read ends the request with an error of its own.
 */
export async function sendUpload(
  outgoing: ClientRequest,
  upload: Upload,
  onSent: () => void,
): Promise<void> {
  const over = new AbortController();
  const stop = () => over.abort();
  outgoing.once("response", stop);
  outgoing.once("close", stop);
  try {
    for await (const piece of upload.read()) {
      if (over.signal.aborted) return;
      if (!outgoing.write(piece)) await once(outgoing, "drain", { signal: over.signal });
      onSent();
    }
    if (!over.signal.aborted) outgoing.end();
  } catch (error: unknown) {
    if (over.signal.aborted) return; // the answer, or the connection's end, is told by the request itself
    outgoing.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
