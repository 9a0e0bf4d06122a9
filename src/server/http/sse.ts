/** Server-sent events with a bound: a reader that does not keep up is dropped and comes back by itself. */
import type { ServerResponse } from "node:http";
import {
  agentStreamsMax,
  personStreamsMax,
  streamBufferBytesMax,
  streamCommentEveryMs,
} from "../limits.ts";

export interface SseMessage {
  readonly event: string;
  /** Revision, for `Last-Event-ID`. */
  readonly id?: number | undefined;
  readonly data: unknown;
}

/** One reader. */
export interface SseStream {
  readonly closed: boolean;
  send(message: SseMessage): void;
  /** Resolves when what was sent is mostly out, or the reader is gone. */
  drained(): Promise<void>;
  close(): void;
  onClose(callback: () => void): void;
}

/** Who reads: each kind has a bound of its own, so that neither can keep the other one out. */
export type StreamReader = "agent" | "person";

const readersMax: Readonly<Record<StreamReader, number>> = {
  agent: agentStreamsMax,
  person: personStreamsMax,
};

/**
 * Signs of life go to one stream in so many at a time: thousands of agents at once would keep everybody else waiting.
 */
const commentTurns = 10;

/** All readers of this server: their number has a bound, and they end together. */
export interface StreamSet {
  /** Begins the answer; undefined: there are too many of this kind of reader already. */
  open(response: ServerResponse, reader: StreamReader): SseStream | undefined;
  closeAll(): void;
}

/** The text of a message. */
export function sseText(message: SseMessage): string {
  const id = message.id === undefined ? "" : `id: ${message.id}\n`;
  return `event: ${message.event}\n${id}data: ${JSON.stringify(message.data)}\n\n`;
}

/** An empty set. */
export function createStreamSet(): StreamSet {
  const streams = new Set<Stream>();
  const counts: Record<StreamReader, number> = { agent: 0, person: 0 };
  let timer: NodeJS.Timeout | undefined;
  let turn = 0;
  const forget = (stream: Stream, reader: StreamReader) => {
    streams.delete(stream);
    counts[reader] -= 1;
    if (streams.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
  const commentSome = () => {
    turn = (turn + 1) % commentTurns;
    for (const each of streams) if (each.turn === turn) each.comment();
  };
  return {
    open(response, reader) {
      if (counts[reader] >= readersMax[reader]) return undefined;
      counts[reader] += 1;
      const stream = new Stream(response, streams.size % commentTurns);
      streams.add(stream);
      stream.onClose(() => {
        forget(stream, reader);
      });
      if (streams.has(stream)) {
        timer ??= setInterval(commentSome, streamCommentEveryMs / commentTurns);
      }
      return stream;
    },
    closeAll() {
      for (const stream of [...streams]) stream.close();
    },
  };
}

class Stream implements SseStream {
  closed = false;
  readonly #response: ServerResponse;
  readonly #callbacks: (() => void)[] = [];
  /** When it gets its signs of life. */
  readonly turn: number;

  constructor(response: ServerResponse, turn: number) {
    this.#response = response;
    this.turn = turn;
    if (response.destroyed) {
      // Its reader went away before it began, and "close" has been told already.
      this.closed = true;
      return;
    }
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.flushHeaders();
    response.on("close", () => {
      this.#end();
    });
    response.on("error", () => {
      // The reader went away: "close" follows, and that ends the stream.
    });
  }

  send(message: SseMessage): void {
    this.#write(sseText(message));
  }

  comment(): void {
    this.#write(": alive\n\n");
  }

  drained(): Promise<void> {
    if (this.closed || !this.#response.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      this.#response.once("drain", resolve);
      this.onClose(resolve);
    });
  }

  close(): void {
    if (this.closed) return;
    this.#response.end();
    this.#end();
  }

  onClose(callback: () => void): void {
    if (this.closed) callback();
    else this.#callbacks.push(callback);
  }

  #write(text: string): void {
    if (this.closed) return;
    if (this.#response.writableLength > streamBufferBytesMax) {
      this.#response.destroy();
      this.#end();
      return;
    }
    this.#response.write(text);
  }

  #end(): void {
    if (this.closed) return;
    this.closed = true;
    for (const callback of this.#callbacks.splice(0)) callback();
  }
}
