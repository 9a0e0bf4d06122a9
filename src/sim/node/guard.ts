/**
 * What acts at a node's deadline whatever its agent does: a guard process that kills the workloads, or the kernel's
 * watchdog that resets the node (S3).
 */
import type { Epoch } from "../../core/ids.ts";
import type { LeaseId } from "../../ports/store.ts";
import type { LocalTimer, NodeClock } from "../engine/node-clock.ts";
import { Process } from "../engine/process.ts";

export interface GuardOptions {
  readonly kind: "guard" | "reset";
  readonly clock: NodeClock;
  /** `reset`: how long it stays armed after the last tracked instance. */
  readonly idleAfterMs: number;
  readonly kill: (instanceId: string) => void;
  /** `guard`: all of the epoch is dead. */
  readonly onFired: (epoch: Epoch, leaseId: LeaseId) => void;
  /** `reset`: the node loses power. */
  readonly onReset: () => void;
}

/** `silent`: it does not answer now. */
type Answer = "accepted" | "refused" | "silent";

/** A supervisor that restarts the agent may take so long. */
const graceMs = 400;

/** One node's guard or kernel watchdog, from power on to power off. */
export class Guard {
  readonly process: Process;
  readonly #options: GuardOptions;
  readonly #deadline: LocalTimer;
  readonly #grace: LocalTimer;
  readonly #idle: LocalTimer;
  readonly #tracked = new Set<string>();
  #epoch: number = 0;
  #leaseId: LeaseId = "";
  #firedEpoch = 0;
  #runUntilMs: number | undefined;
  #armed = false;
  #wantsDisarm = false;

  constructor(options: GuardOptions) {
    this.#options = options;
    const { clock } = options;
    this.process = new Process(clock.schedule);
    const timer = (onDue: () => void): LocalTimer =>
      clock.timer(() => this.process.enter(() => onDue()));
    this.#deadline = timer(() => this.#onDeadline());
    this.#grace = timer(() => this.#fire());
    this.#idle = timer(() => {
      this.#wantsDisarm = this.#tracked.size === 0 && this.#armed;
    });
    this.process.onEnd(() => {
      for (const each of [this.#deadline, this.#grace, this.#idle]) each.close();
    });
  }

  /** `reset`: the node's lease is to say that its loss means a reset. */
  get saysResets(): boolean {
    return this.isArmed && !this.#wantsDisarm;
  }

  /** `reset`: the node is reset at the deadline. A guard process resets nothing. */
  get isArmed(): boolean {
    return this.#options.kind === "reset" && this.#armed;
  }

  /** When it acts unless it is fed; undefined: nothing is to be killed or reset. */
  get actsAtMs(): number | undefined {
    const hasWork = this.#options.kind === "reset" ? this.#armed : this.#tracked.size > 0;
    return hasWork ? this.#runUntilMs : undefined;
  }

  /** Until when the lease of this epoch may be taken up again; undefined: nobody knows. */
  deadlineOf(epoch: Epoch): number | undefined {
    return epoch === this.#epoch ? this.#runUntilMs : undefined;
  }

  /** Whether it has killed what ran under this epoch. */
  hasFired(epoch: Epoch): boolean {
    return epoch <= this.#firedEpoch;
  }

  begin(epoch: Epoch, leaseId: LeaseId): Answer {
    if (this.process.isPaused) return "silent";
    if (epoch <= this.#firedEpoch || epoch < this.#epoch) return "refused";
    if (epoch !== this.#epoch && this.#tracked.size > 0) return "refused";
    if (epoch !== this.#epoch && this.#options.kind === "guard") this.#runUntilMs = undefined;
    this.#epoch = epoch;
    this.#leaseId = leaseId;
    return "accepted";
  }

  feed(epoch: Epoch, runUntilMs: number): Answer {
    if (this.process.isPaused) return "silent";
    const { nowMs } = this.#options.clock;
    if (epoch !== this.#epoch || epoch <= this.#firedEpoch || runUntilMs <= nowMs) return "refused";
    if (this.#acts && this.#runUntilMs !== undefined && this.#runUntilMs <= nowMs) {
      return "refused"; // it is about to act
    }
    this.#runUntilMs = runUntilMs;
    this.#deadline.set(runUntilMs);
    return "accepted";
  }

  track(epoch: Epoch, instanceId: string): Answer {
    if (this.process.isPaused) return "silent";
    const runUntilMs = this.#runUntilMs;
    if (epoch !== this.#epoch || epoch <= this.#firedEpoch) return "refused";
    if (runUntilMs === undefined || runUntilMs <= this.#options.clock.nowMs) return "refused";
    this.#tracked.add(instanceId);
    this.#armed = true;
    this.#wantsDisarm = false;
    this.#idle.clear();
    return "accepted";
  }

  untrack(instanceId: string): void {
    this.process.enter(() => {
      if (!this.#tracked.delete(instanceId) || this.#tracked.size > 0) return;
      this.#idle.set(this.#options.clock.nowMs + this.#options.idleAfterMs);
    });
  }

  /** The store knows that the loss of the lease means no reset any more: a watchdog that was idle is disarmed. */
  onUnflagged(): void {
    if (this.#wantsDisarm) this.#armed = false;
    this.#wantsDisarm = false;
  }

  /** `reset`: the lease is to say no more that its loss means a reset, as it is about to be given back. */
  wantDisarm(): void {
    if (this.#tracked.size === 0 && this.#armed) this.#wantsDisarm = true;
  }

  /** Nothing is to be guarded any more. A kernel watchdog stays armed as long as the store may count on a reset. */
  disarm(): void {
    const isCountedOn = this.#options.kind === "reset" && this.#armed;
    if (this.#tracked.size > 0 || isCountedOn) return;
    this.#armed = false;
    this.#runUntilMs = undefined;
    this.#deadline.clear();
  }

  /** The agent's process is there. */
  onAgent(): void {
    this.#grace.clear();
  }

  /** The agent's process is gone and has not said that it goes. */
  onAgentGone(): void {
    if (this.#options.kind === "guard") this.#grace.set(this.#options.clock.nowMs + graceMs);
  }

  get #acts(): boolean {
    return this.#options.kind === "guard" || this.#armed;
  }

  #onDeadline(): void {
    if (this.#runUntilMs === undefined || this.#options.clock.nowMs < this.#runUntilMs) return;
    if (this.#options.kind === "guard") this.#fire();
    else if (this.#armed) this.#options.onReset();
  }

  #fire(): void {
    if (this.#runUntilMs === undefined) return;
    const epoch = this.#epoch as Epoch; // `begin` has set it before anything was fed
    this.#firedEpoch = epoch;
    this.#runUntilMs = undefined;
    this.#deadline.clear();
    this.#grace.clear();
    const instances = [...this.#tracked];
    this.#tracked.clear();
    for (const instanceId of instances) this.#options.kill(instanceId);
    this.#options.onFired(epoch, this.#leaseId);
  }
}
