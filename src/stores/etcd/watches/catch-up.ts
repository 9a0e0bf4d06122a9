/** Reads a part of etcd's history for one reader, at the reader's pace and with bounded memory. */
import { err, ok, type Result } from "../../../core/result.ts";
import type { StoreError, StoreRevision, WatchBatch } from "../../../ports/store.ts";
import type { SizedBatch } from "../key-space.ts";
import type { WatchStream } from "./watch-stream.ts";

export interface CatchUpOptions {
  readonly stream: WatchStream;
  readonly fromRevision: StoreRevision;
  readonly signal: AbortSignal;
  /** What may wait for the reader. */
  readonly revisionsMax: number;
  readonly bytesMax: number;
}

/** Everything from the revision on, whole; ends with an error or by the signal. */
export async function* catchUp(
  options: CatchUpOptions,
): AsyncGenerator<Result<WatchBatch, StoreError>, void, undefined> {
  const { stream, signal } = options;
  const queue = new BatchQueue(options);
  const wake = (): void => queue.wake();
  signal.addEventListener("abort", wake);
  let cancel = queue.subscribe(stream, options.fromRevision);
  try {
    while (!signal.aborted) {
      const batch = queue.take();
      if (batch !== undefined) yield ok(batch);
      else if (queue.error !== undefined) {
        yield err(queue.error);
        return;
      } else if (queue.resumeFrom !== undefined) cancel = queue.subscribe(stream, queue.resumeFrom);
      else await queue.wait();
    }
  } finally {
    cancel();
    signal.removeEventListener("abort", wake);
  }
}

class BatchQueue {
  readonly #options: CatchUpOptions;
  #waiting: SizedBatch[] = [];
  #sizeBytes = 0;
  #wake: (() => void) | undefined;
  error: StoreError | undefined;
  /** Set when there was no more room: what follows is to be asked for again. */
  resumeFrom: StoreRevision | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  subscribe(stream: WatchStream, fromRevision: StoreRevision): () => void {
    this.resumeFrom = undefined;
    const cancel = stream.subscribe(fromRevision, {
      onBatch: (sized) => {
        this.#waiting.push(sized);
        this.#sizeBytes += sized.sizeBytes;
        const { revisionsMax, bytesMax } = this.#options;
        if (this.#waiting.length >= revisionsMax || this.#sizeBytes >= bytesMax) {
          this.resumeFrom = sized.batch.revision + 1;
          cancel();
        }
        this.wake();
      },
      onEnd: (error) => {
        this.error = error;
        this.wake();
      },
    });
    return cancel;
  }

  take(): WatchBatch | undefined {
    const sized = this.#waiting.shift();
    if (sized === undefined) return undefined;
    this.#sizeBytes -= sized.sizeBytes;
    return sized.batch;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
