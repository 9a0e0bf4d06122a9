/** A node's monotonic clock, which may run too fast or too slow, and timers on it. */
import type { Schedule } from "./schedule.ts";
import { Timer } from "./timer.ts";

/** The resolution of timers: without one, rounding could plan a look at the same instant for ever. */
const ticksPerMs = 1_000;

/** One node's clock. Its milliseconds are 0 when the world begins. */
export class NodeClock {
  readonly schedule: Schedule;
  readonly #timers = new Set<LocalTimer>();
  /** Local milliseconds in one of the world's. */
  #rate = 1;
  #anchorWorldMs = 0;
  #anchorLocalMs = 0;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
  }

  /** What the clock shows now. */
  get nowMs(): number {
    return this.#anchorLocalMs + (this.schedule.nowMs - this.#anchorWorldMs) * this.#rate;
  }

  /** The world's instant at which it will show `localMs`, at its present rate; never a past one. */
  worldAt(localMs: number): number {
    const { nowMs } = this.schedule;
    const leftMs = (localMs - this.nowMs) / this.#rate;
    if (leftMs <= 0) return nowMs;
    const atMs = this.#rate === 1 ? nowMs + leftMs : roundUp(nowMs + leftMs);
    return Math.max(atMs, roundUp(nowMs + 0.5 / ticksPerMs));
  }

  /** From now on it goes wrong by so many parts in a million. */
  setError(partsPerMillion: number): void {
    const localMs = this.nowMs;
    this.#anchorLocalMs = localMs;
    this.#anchorWorldMs = this.schedule.nowMs;
    this.#rate = 1 + partsPerMillion / 1_000_000;
    for (const timer of this.#timers) timer.replan();
  }

  /** A timer whose instants are this clock's. It is forgotten when it is closed. */
  timer(onDue: () => void): LocalTimer {
    const timer = new LocalTimer(this, onDue, () => this.#timers.delete(timer));
    this.#timers.add(timer);
    return timer;
  }
}

/** A timer on a node's clock. */
export class LocalTimer {
  readonly #clock: NodeClock;
  readonly #onDue: () => void;
  readonly #timer: Timer;
  readonly #forget: () => void;
  #targetMs = Number.POSITIVE_INFINITY;

  constructor(clock: NodeClock, onDue: () => void, forget: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#forget = forget;
    this.#timer = new Timer(clock.schedule, () => this.#onLook());
  }

  /** Due when the clock shows `localMs`. */
  set(localMs: number): void {
    this.#targetMs = localMs;
    this.#timer.set(this.#clock.worldAt(localMs));
  }

  clear(): void {
    this.#targetMs = Number.POSITIVE_INFINITY;
    this.#timer.clear();
  }

  /** Clears it for good. */
  close(): void {
    this.clear();
    this.#forget();
  }

  /** The clock's rate has changed. */
  replan(): void {
    if (this.#targetMs !== Number.POSITIVE_INFINITY) this.set(this.#targetMs);
  }

  #onLook(): void {
    const targetMs = this.#targetMs;
    if (this.#clock.nowMs < targetMs) {
      this.set(targetMs);
      return;
    }
    this.#targetMs = Number.POSITIVE_INFINITY;
    this.#onDue();
  }
}

function roundUp(ms: number): number {
  return Math.ceil(ms * ticksPerMs) / ticksPerMs;
}
