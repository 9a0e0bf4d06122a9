/** Server-sent events with a bound: a reader that does not keep up is dropped and comes back by itself. */
import type { ServerResponse } from "node:http";
import { streamBufferBytesMax, streamCommentEveryMs, streamsMax } from "../limits.ts";

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

/** All readers of this server: their number has a bound, and they end together. */
export interface StreamSet {
  /** Begins the answer; undefined: there are too many already. */
  open(response: ServerResponse): SseStream | undefined;
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
  let timer: NodeJS.Timeout | undefined;
  const forget = (stream: Stream) => {
    streams.delete(stream);
    if (streams.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
  return {
    open(response) {
      if (streams.size >= streamsMax) return undefined;
      const stream = new Stream(response);
      streams.add(stream);
      stream.onClose(() => {
        forget(stream);
      });
      timer ??= setInterval(() => {
        for (const each of streams) each.comment();
      }, streamCommentEveryMs);
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

  constructor(response: ServerResponse) {
    this.#response = response;
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
