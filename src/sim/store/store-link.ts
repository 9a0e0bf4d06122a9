/**
 * One server's way to the store. An operation takes effect at one instant half-way, and its answer can be lost: then
 * nobody knows what became of it.
 */
import type { NodeId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { LeaseId, StoredEntry, StoreError, Txn, TxnOutcome } from "../../ports/store.ts";
import type { Engine } from "../engine/engine.ts";
import type { Process } from "../engine/process.ts";
import type { StoreFaults } from "./store-faults.ts";

/** After so long without an answer a server says that it cannot reach the store. */
const giveUpMs = 300;

type Done<T> = (result: Result<T, StoreError>) => void;

export interface StoreLinkOptions {
  readonly engine: Engine;
  readonly node: NodeId;
  readonly process: Process;
  readonly faults: StoreFaults;
}

/** The store as one server process has it. */
export class StoreLink {
  readonly #options: StoreLinkOptions;

  constructor(options: StoreLinkOptions) {
    this.#options = options;
  }

  /** Whether an operation would reach the store now. */
  get isReachable(): boolean {
    const { engine, node, faults } = this.#options;
    return faults.modeFor(node) !== "unavailable" && engine.network.isQuorate(node);
  }

  /** The time from an operation's effect to its answer. */
  answerMs(): number {
    const { engine, node, faults } = this.#options;
    return faults.operationMs(node, engine.plan.pace) / 2 + engine.network.extraMs(node, node);
  }

  get(key: string, done: Done<StoredEntry | undefined>): void {
    this.read(() => this.#options.engine.store.get(key), done);
  }

  /** Reads at one instant. */
  read<T>(read: () => T, done: Done<T>): void {
    this.#perform("read", () => ok(read()), done);
  }

  txn(txn: Txn, done: Done<TxnOutcome>): void {
    this.#perform("write", () => this.#options.engine.store.txn(txn), done);
  }

  grantLease(ttlMs: number, done: Done<LeaseId>): void {
    this.#perform("write", () => ok(this.#options.engine.store.grantLease(ttlMs)), done);
  }

  keepLeaseAlive(leaseId: LeaseId, done: Done<void>): void {
    this.#perform("read", () => this.#options.engine.store.keepLeaseAlive(leaseId), done);
  }

  revokeLease(leaseId: LeaseId, done: Done<void>): void {
    const revoke = (): Result<void, StoreError> => {
      this.#options.engine.store.revokeLease(leaseId);
      return ok(undefined);
    };
    this.#perform("write", revoke, done);
  }

  #perform<T>(kind: "read" | "write", operation: () => Result<T, StoreError>, done: Done<T>): void {
    if (!this.isReachable) {
      this.#fail("not-done", done);
      return;
    }
    const { engine, node, process, faults } = this.#options;
    const { schedule, network } = engine;
    schedule.at(schedule.nowMs + this.answerMs(), () => {
      if (!this.isReachable || network.isLost(node, node)) {
        this.#fail("not-done", done);
        return;
      }
      if (kind === "write" && faults.modeFor(node) === "read-only") {
        const message = "the store takes no writes now";
        const refusal: StoreError = { kind: "refused", message, mayHaveTakenEffect: false };
        this.#answer(() => process.enter(() => done(err(refusal))), done);
        return;
      }
      const result = operation();
      this.#answer(() => process.enter(() => done(result)), done);
    });
  }

  #answer<T>(deliver: () => void, done: Done<T>): void {
    const { engine, node } = this.#options;
    const { schedule, network } = engine;
    schedule.at(schedule.nowMs + this.answerMs(), () => {
      if (this.isReachable && !network.isLost(node, node)) deliver();
      else this.#fail("unknown", done);
    });
  }

  #fail<T>(what: "not-done" | "unknown", done: Done<T>): void {
    const { engine, process } = this.#options;
    const { schedule } = engine;
    const error: StoreError = {
      kind: "unavailable",
      message: "the store did not answer in time",
      // A caller cannot tell a request that was lost from an answer that was.
      mayHaveTakenEffect: what === "unknown",
    };
    schedule.at(schedule.nowMs + giveUpMs, () => process.enter(() => done(err(error))));
  }
}
