/** Fetches a package from any server into a file, and compares it with its SHA-256 on the way. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { agentPaths } from "../../wire/agent-protocol.ts";
import { openRequest } from "../link/http.ts";
import type { Servers } from "../link/servers.ts";

export interface DownloadOptions {
  readonly servers: Servers;
  readonly server: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Is replaced. */
  readonly file: string;
  readonly signal: AbortSignal;
}

/**
 * `passing`: another server, or the same a little later, may give it. `wrong`: what came is not what was promised.
 * `final`: nobody can give it to this machine.
 */
export interface DownloadFault {
  readonly kind: "passing" | "wrong" | "final";
  readonly message: string;
}

/** A server of which nothing comes for so long is given up. */
const silenceMsMax = 30_000;

/** One attempt at one server. The file is whole and right when it is ok. */
export async function download(options: DownloadOptions): Promise<Result<void, DownloadFault>> {
  const { sha256, sizeBytes, file, signal } = options;
  const opened = await open(options);
  if (!opened.ok) return opened;
  const hash = createHash("sha256");
  let receivedBytes = 0;
  async function* checked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
    for await (const piece of source) {
      receivedBytes += piece.length;
      if (receivedBytes > sizeBytes) throw new Error(`it is longer than ${sizeBytes} bytes`);
      hash.update(piece);
      yield piece;
    }
  }
  try {
    await pipeline(opened.value, checked, createWriteStream(file, { mode: 0o600 }), { signal });
  } catch (error: unknown) {
    return err({ kind: kindOf(error), message: sentenceOfSystemError(error) });
  }
  if (receivedBytes < sizeBytes) {
    const message = `it ended after ${receivedBytes} of ${sizeBytes} bytes`;
    return err({ kind: "passing", message });
  }
  if (hash.digest("hex") === sha256) return ok(undefined);
  return err({ kind: "wrong", message: `what came has not the SHA-256 ${sha256}` });
}

/** This machine's own disk does not get better at another server. */
function kindOf(error: unknown): DownloadFault["kind"] {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return ["ENOSPC", "EACCES", "EROFS", "EDQUOT"].includes(code) ? "final" : "passing";
}

function open({
  servers,
  server,
  sha256,
  signal,
}: DownloadOptions): Promise<Result<IncomingMessage, DownloadFault>> {
  return new Promise((resolve) => {
    const fail = (message: string): void => resolve(err({ kind: "passing", message }));
    const outgoing = openRequest(servers.streams, {
      server,
      path: `${agentPaths.packages}/${sha256}`,
      token: servers.token,
      method: "GET",
      headers: { accept: "application/octet-stream" },
      signal,
    });
    outgoing.setTimeout(silenceMsMax, () => outgoing.destroy(new Error("nothing came for 30 s")));
    outgoing.on("error", (error) => fail(error.message));
    outgoing.on("response", (incoming) => {
      if (incoming.statusCode === 200) {
        resolve(ok(incoming));
        return;
      }
      incoming.destroy();
      fail(`HTTP status ${incoming.statusCode}`);
    });
    outgoing.end();
  });
}
