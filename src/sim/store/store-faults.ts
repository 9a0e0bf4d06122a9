/** What is wrong with the store, for all servers or for one. */
import type { NodeId } from "../../core/ids.ts";
import type { Action, Pace } from "../plan.ts";

/** `read-only`: writes are refused. */
export type StoreMode = Extract<Action, { kind: "store" }>["mode"];

/** A slow operation takes so many times longer, and at least `slowMsMin`. */
const slowFactor = 50;
const slowMsMin = 400;

/** The store's present faults. */
export class StoreFaults {
  readonly #own = new Map<NodeId, StoreMode>();
  #common: StoreMode = "ok";

  /** Sets the mode that a server finds the store in; undefined: all servers. */
  set(mode: StoreMode, server: NodeId | undefined): void {
    if (server !== undefined) this.#own.set(server, mode);
    else {
      this.#common = mode;
      this.#own.clear();
    }
  }

  modeFor(server: NodeId): StoreMode {
    return this.#own.get(server) ?? this.#common;
  }

  /** How long one operation takes there and back. */
  operationMs(server: NodeId, pace: Pace): number {
    if (this.modeFor(server) !== "slow") return pace.storeMs;
    return Math.max(pace.storeMs * slowFactor, slowMsMin);
  }
}
