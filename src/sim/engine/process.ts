/** A process on a node: it can be paused, as by SIGSTOP, and it ends for good; what comes then reaches nobody. */
import type { Schedule } from "./schedule.ts";

/** One run of a program. */
export class Process {
  readonly #schedule: Schedule;
  readonly #onEnd: (() => void)[] = [];
  #alive = true;
  #paused = false;
  #backlog: (() => void)[] = [];

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Lets the process do something: at once, when it goes on, or never. */
  enter(run: () => void): void {
    if (!this.#alive) return;
    if (this.#paused) this.#backlog.push(run);
    else run();
  }

  /** Stops the process where it is, or lets it go on with what has come meanwhile. */
  pause(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    if (paused) return;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const run of backlog) this.#schedule.at(this.#schedule.nowMs, () => this.enter(run));
  }

  /** Calls back when it ends. */
  onEnd(callback: () => void): void {
    this.#onEnd.push(callback);
  }

  /** Ends it at once. */
  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#backlog = [];
    for (const callback of this.#onEnd) callback();
  }
}
