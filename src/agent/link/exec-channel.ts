/** The agent's end of a request with frames in both directions: knows when the other end is gone. */
import { once } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Clock } from "../../ports/clock.ts";
import {
  aliveEveryMs,
  createFrameReader,
  encodeFrame,
  type Frame,
  silenceMsMax,
} from "../../wire/exec/frames.ts";

export interface ExecChannel {
  /** Aborts when the other end is gone: its connection ended, or it was silent for too long. */
  readonly gone: AbortSignal;
  /** What comes, signs of life left out; ends when the other end is gone. */
  frames(): AsyncIterable<Frame>;
  /** Resolves when more may be sent, or the other end is gone. Never rejects. */
  send(bytes: Uint8Array): Promise<void>;
  /** Sends what was sent, then ends. Resolves when it is over. */
  finish(): Promise<void>;
}

export interface ExecChannelOptions {
  readonly outgoing: ClientRequest;
  readonly incoming: IncomingMessage;
  readonly clock: Clock;
}

/** How long the other end may take to end the request after it was told the last frame. */
const finishTimeoutMs = 3_000;

export function createExecChannel({ outgoing, incoming, clock }: ExecChannelOptions): ExecChannel {
  const gone = new AbortController();
  let heardAtMs = clock.monotonicMs();
  let listening = false;
  let cancelTimer = (): void => undefined;
  const leave = (): void => {
    cancelTimer();
    gone.abort();
  };
  const beat = (): void => {
    if (listening && clock.monotonicMs() - heardAtMs > silenceMsMax) {
      outgoing.destroy(); // "close" follows
      return;
    }
    if (!outgoing.writableEnded && !outgoing.writableNeedDrain)
      outgoing.write(encodeFrame("alive"));
    cancelTimer = clock.after(aliveEveryMs, beat);
  };
  outgoing.on("close", leave);
  incoming.on("close", leave);
  incoming.on("error", () => incoming.destroy()); // "close" follows
  cancelTimer = clock.after(aliveEveryMs, beat);

  async function* frames(): AsyncIterable<Frame> {
    const reader = createFrameReader();
    const chunks = incoming[Symbol.asyncIterator]();
    try {
      for (;;) {
        // Only while it is waited for, its silence says something.
        heardAtMs = clock.monotonicMs();
        listening = true;
        const next = await chunks.next();
        listening = false;
        if (next.done === true) return;
        const bytes: Uint8Array = next.value;
        const read = reader.read(bytes);
        if (!read.ok) return;
        for (const frame of read.value) if (frame.kind !== "alive") yield frame;
      }
    } catch {
      // The connection broke: that is an end like any other.
    } finally {
      listening = false;
    }
  }

  return {
    gone: gone.signal,
    frames,
    async send(bytes) {
      if (gone.signal.aborted || outgoing.writableEnded || outgoing.write(bytes)) return;
      await once(outgoing, "drain", { signal: gone.signal }).catch(() => undefined); // it is gone
    },
    async finish() {
      const cancel = clock.after(finishTimeoutMs, () => outgoing.destroy());
      outgoing.end();
      if (!gone.signal.aborted) {
        await once(gone.signal, "abort"); // at the latest by the timer
      }
      cancel();
    },
  };
}
