/**
 * The running time of all leases, in memory only: a renewal costs no write. One timer waits for the earliest
 * end; a lease whose time is over is dead for good, whether or not its end could be written yet.
 */
import type { Clock } from "../../ports/clock.ts";
import type { LeaseId } from "../../ports/store.ts";

export interface LeaseBookOptions {
  readonly clock: Clock;
  /** Called once for each lease whose time is over. */
  readonly onExpired: (leaseId: LeaseId) => void;
}

interface Lease {
  readonly leaseId: LeaseId;
  readonly ttlMs: number;
  /** Monotonic. */
  expiresAtMs: number;
  told: boolean;
}

/** When to look at a lease again; it may have been renewed since, and is then queued anew. */
interface Appointment {
  readonly lease: Lease;
  readonly atMs: number;
}

export class LeaseBook {
  readonly #options: LeaseBookOptions;
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #appointments: Appointment[] = [];
  #cancelTimer: (() => void) | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(options: LeaseBookOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#leases.size;
  }

  /** Starts a lease with its full time. */
  add(leaseId: LeaseId, ttlMs: number): void {
    const expiresAtMs = this.#nowMs() + ttlMs;
    const lease = { leaseId, ttlMs, expiresAtMs, told: false };
    this.#leases.set(leaseId, lease);
    pushAppointment(this.#appointments, { lease, atMs: expiresAtMs });
    this.#armTimer();
  }

  /** Starts its time anew; false: it is over. */
  renew(leaseId: LeaseId): boolean {
    if (!this.isAlive(leaseId)) return false;
    const lease = this.#leases.get(leaseId);
    if (lease !== undefined) lease.expiresAtMs = this.#nowMs() + lease.ttlMs;
    return true;
  }

  isAlive(leaseId: LeaseId): boolean {
    const lease = this.#leases.get(leaseId);
    return lease !== undefined && !lease.told && this.#nowMs() < lease.expiresAtMs;
  }

  /** Known, alive or dead: its end has not been written. */
  has(leaseId: LeaseId): boolean {
    return this.#leases.has(leaseId);
  }

  /** Its end has been written. */
  remove(leaseId: LeaseId): void {
    this.#leases.delete(leaseId);
  }

  /** Stops the timer; nothing expires any more. */
  close(): void {
    this.#cancelTimer?.();
    this.#leases.clear();
    this.#appointments.length = 0;
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  #armTimer(): void {
    const atMs = this.#appointments[0]?.atMs ?? Number.POSITIVE_INFINITY;
    if (atMs >= this.#timerAtMs) return;
    this.#cancelTimer?.();
    this.#timerAtMs = atMs;
    const delayMs = Math.max(0, atMs - this.#nowMs());
    this.#cancelTimer = this.#options.clock.after(delayMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#cancelTimer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const expired: LeaseId[] = [];
    let next = this.#appointments[0];
    while (next !== undefined && next.atMs <= this.#nowMs()) {
      popAppointment(this.#appointments);
      if (this.#keepAppointment(next.lease)) expired.push(next.lease.leaseId);
      next = this.#appointments[0];
    }
    this.#armTimer();
    for (const leaseId of expired) this.#options.onExpired(leaseId);
  }

  /** True: the lease is over. One that was renewed gets its next appointment, one that was removed none. */
  #keepAppointment(lease: Lease): boolean {
    if (this.#leases.get(lease.leaseId) !== lease) return false;
    if (lease.expiresAtMs > this.#nowMs()) {
      pushAppointment(this.#appointments, { lease, atMs: lease.expiresAtMs });
      return false;
    }
    lease.told = true;
    return true;
  }
}

/** The array is a binary heap: no element is later than the two at twice its index plus one and two. */
function pushAppointment(heap: Appointment[], added: Appointment): void {
  let index = heap.length;
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (parent === undefined || parent.atMs <= added.atMs) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = added;
}

function popAppointment(heap: Appointment[]): void {
  const moved = heap.pop();
  if (moved === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const childIndex = earlierChildOf(heap, index);
    const child = heap[childIndex];
    if (child === undefined || child.atMs >= moved.atMs) break;
    heap[index] = child;
    index = childIndex;
  }
  heap[index] = moved;
}

function earlierChildOf(heap: readonly Appointment[], index: number): number {
  const left = index * 2 + 1;
  const leftAtMs = heap[left]?.atMs ?? Number.POSITIVE_INFINITY;
  const rightAtMs = heap[left + 1]?.atMs ?? Number.POSITIVE_INFINITY;
  return rightAtMs < leftAtMs ? left + 1 : left;
}
