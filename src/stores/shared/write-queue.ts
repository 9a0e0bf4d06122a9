/**
 * Group commit: writes that arrive in one turn of the event loop share one transaction of the backend, so one
 * sync to disk. Each is answered only after the commit, in the order in which they came.
 */
import { err, type Result } from "../../core/result.ts";
import type { StoreError } from "../../ports/store.ts";
import { groupBytesMax, groupWritesMax, queuedBytesMax, queuedWritesMax } from "./limits.ts";
import type { BackendFailure, StoreBackend } from "./store-backend.ts";
import { refused } from "./store-error.ts";

export interface Write {
  readonly sizeBytes: number;
  /** Evaluates it inside the transaction; the returned function answers it once that is durable. */
  readonly stage: () => () => void;
  /** Answers it when it was not done. */
  readonly fail: (error: StoreError) => void;
}

export interface WriteQueueOptions {
  readonly backend: StoreBackend;
  /** Runs a function soon, or at once: decides how many writes can share a commit. */
  readonly schedule: (run: () => void) => void;
  /** Before the writes of a group are staged. */
  readonly onStaging: () => void;
  /** After a commit, when its writes were answered. */
  readonly onCommitted: () => void;
  /** The outcome of a commit is unknown; the queue does nothing any more. */
  readonly onBroken: (failure: BackendFailure) => void;
}

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #waiting: Write[] = [];
  #waitingBytes = 0;
  #isScheduled = false;
  #isStopped = false;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** Queues a write; one too many is refused. */
  push(write: Write): void {
    const bytes = this.#waitingBytes + write.sizeBytes;
    if (this.#waiting.length >= queuedWritesMax || bytes > queuedBytesMax) {
      write.fail(refused(`too many writes wait for the disk: ${this.#waiting.length}`));
      return;
    }
    this.#waiting.push(write);
    this.#waitingBytes = bytes;
    this.#schedule();
  }

  /** Does everything that waits, now. */
  flush(): void {
    while (this.#waiting.length > 0) this.#runGroup();
  }

  /** Touches the backend no more; a write that waits, or comes later, fails. */
  stop(): void {
    this.#isStopped = true;
    this.flush();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.schedule(() => {
      this.#isScheduled = false;
      this.#runGroup();
      if (this.#waiting.length > 0) this.#schedule();
      else this.#scheduleMaintenance();
    });
  }

  #scheduleMaintenance(): void {
    const { backend, schedule } = this.#options;
    if (this.#isStopped || !backend.maintenanceDue()) return;
    // In a turn of its own: the answers of this one go out first.
    schedule(() => this.#maintain());
  }

  #maintain(): void {
    const { backend, onBroken } = this.#options;
    if (this.#isStopped || !backend.maintenanceDue()) return;
    const maintained = backend.maintain();
    if (maintained.ok || maintained.error.kind !== "broken") return;
    this.#isStopped = true;
    onBroken(maintained.error);
  }

  #runGroup(): void {
    const group = this.#takeGroup();
    if (group.length === 0) return;
    const done = this.#commit(group);
    // One write that does not fit must not take the others with it.
    if (!done.ok && done.error.kind === "refused" && group.length > 1) {
      for (const write of group) this.#settleFailed([write], this.#commit([write]));
      return;
    }
    this.#settleFailed(group, done);
  }

  #takeGroup(): readonly Write[] {
    let count = 0;
    let bytes = 0;
    for (const write of this.#waiting) {
      bytes += write.sizeBytes;
      if (count > 0 && (count >= groupWritesMax || bytes > groupBytesMax)) break;
      count += 1;
    }
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const write of group) this.#waitingBytes -= write.sizeBytes;
    return group;
  }

  #commit(group: readonly Write[]): Result<void, BackendFailure> {
    if (this.#isStopped) return err({ kind: "unavailable", message: "the store has stopped" });
    let answers: readonly (() => void)[] = [];
    const done = this.#options.backend.atomically(() => {
      this.#options.onStaging();
      answers = group.map((write) => write.stage());
    });
    if (done.ok) {
      for (const answer of answers) answer();
      this.#options.onCommitted();
    }
    return done;
  }

  #settleFailed(group: readonly Write[], done: Result<void, BackendFailure>): void {
    if (done.ok) return;
    const { kind, message } = done.error;
    const isBroken = kind === "broken";
    const error: StoreError = {
      kind: isBroken ? "unavailable" : kind,
      message,
      mayHaveTakenEffect: isBroken,
    };
    for (const write of group) write.fail(error);
    if (!isBroken || this.#isStopped) return;
    this.#isStopped = true;
    this.#options.onBroken(done.error);
  }
}
