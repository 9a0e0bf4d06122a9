/** How a server asks another server, as those see it who need answers. */
import type { IncomingMessage } from "node:http";
import type { Result } from "../../core/result.ts";
import type { ServerRecord } from "../../wire/servers.ts";

export interface PeerRequest {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** How long the peer may take to begin with its answer, and to go on with it. */
  readonly withinMs: number;
}

/** An answer with a status below 300. */
export interface PeerAnswer {
  readonly status: number;
  /** Read it to its end, or destroy it. */
  readonly body: IncomingMessage;
}

/** Whom to ask. */
export type Peer = Pick<ServerRecord, "id" | "url">;

export interface PeerClient {
  /** Begins to read; the error is a sentence that names the peer. */
  open(peer: Peer, request: PeerRequest): Promise<Result<PeerAnswer, string>>;
  /** Reads a whole answer of JSON. */
  read(peer: Peer, request: PeerRequest): Promise<Result<unknown, string>>;
}
