/** A clock that stands still until a test moves it. */
import type { Clock } from "../../src/ports/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 1_000;
  readonly #timers = new Set<Timer>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Timers that wait now. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Moves the time on and calls what is due, in order. */
  advance(spanMs: number): void {
    const untilMs = this.#nowMs + spanMs;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.atMs <= untilMs);
      const [next] = due.sort((left, right) => left.atMs - right.atMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  /** Moves the time on without calling anything: as a process that was stopped finds it. */
  jump(spanMs: number): void {
    this.#nowMs += spanMs;
  }
}
