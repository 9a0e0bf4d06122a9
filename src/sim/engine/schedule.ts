/** Virtual time: what is to happen when, in one order that depends on nothing but what was scheduled. */
import { assert } from "../../core/assert.ts";

interface Planned {
  readonly atMs: number;
  /** Of two at the same instant the one that was planned first goes first. */
  readonly sequence: number;
  readonly run: () => void;
}

/** A queue of events in virtual milliseconds. Time moves only when an event is run. */
export class Schedule {
  #nowMs = 0;
  #sequence = 0;
  /** A binary heap: no element comes later than the two at twice its index plus one and two. */
  readonly #heap: Planned[] = [];

  /** The present instant. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the next event is due; infinity: there is none. */
  get nextAtMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Runs `run` at `atMs`, which does not lie in the past. */
  at(atMs: number, run: () => void): void {
    assert(atMs >= this.#nowMs, "nothing is scheduled for the past");
    this.#sequence += 1;
    const added = { atMs, sequence: this.#sequence, run };
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || isBefore(parent, added)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = added;
  }

  /** Runs the next event and moves time to it; false: there is none. */
  runNext(): boolean {
    const next = this.#heap[0];
    if (next === undefined) return false;
    this.#removeFirst();
    this.#nowMs = next.atMs;
    next.run();
    return true;
  }

  /** Moves time to an instant at which nothing happens. Nothing may be due before it. */
  advanceTo(atMs: number): void {
    assert(atMs >= this.#nowMs && atMs <= this.nextAtMs, "time passes over no event");
    this.#nowMs = atMs;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const leftIndex = index * 2 + 1;
      let child = heap[leftIndex];
      if (child === undefined) break;
      let childIndex = leftIndex;
      const right = heap[leftIndex + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childIndex = leftIndex + 1;
      }
      if (isBefore(moved, child)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = moved;
  }
}

function isBefore(left: Planned, right: Planned): boolean {
  return left.atMs === right.atMs ? left.sequence < right.sequence : left.atMs < right.atMs;
}
