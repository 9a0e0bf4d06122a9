/**
 * A timer that is set again and again, as renewals do, costs an event only when the earliest instant that it was set
 * to has come: a later one is planned then.
 */
import type { Schedule } from "./schedule.ts";

/** One timer of virtual time. */
export class Timer {
  readonly #schedule: Schedule;
  readonly #onDue: () => void;
  readonly #look = (): void => this.#onLook();
  #targetMs = Number.POSITIVE_INFINITY;
  #plannedMs = Number.POSITIVE_INFINITY;

  constructor(schedule: Schedule, onDue: () => void) {
    this.#schedule = schedule;
    this.#onDue = onDue;
  }

  /** When it is due; infinity: it is not set. */
  get atMs(): number {
    return this.#targetMs;
  }

  /** Due at `atMs`, or at once when that is over; replaces an earlier wish. */
  set(atMs: number): void {
    this.#targetMs = Math.max(atMs, this.#schedule.nowMs);
    if (this.#targetMs < this.#plannedMs) this.#plan();
  }

  clear(): void {
    this.#targetMs = Number.POSITIVE_INFINITY;
  }

  #plan(): void {
    this.#plannedMs = this.#targetMs;
    this.#schedule.at(this.#plannedMs, this.#look);
  }

  #onLook(): void {
    if (this.#schedule.nowMs !== this.#plannedMs) return; // an earlier look was planned after this one
    this.#plannedMs = Number.POSITIVE_INFINITY;
    if (this.#targetMs > this.#schedule.nowMs) {
      if (this.#targetMs !== Number.POSITIVE_INFINITY) this.#plan();
      return;
    }
    this.#targetMs = Number.POSITIVE_INFINITY;
    this.#onDue();
  }
}
