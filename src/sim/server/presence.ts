/** Which nodes the manager's server hears, where servers tell: silence is known before a lease ends. */
import type { Epoch, NodeId } from "../../core/ids.ts";
import type { ManagerEvent } from "../../core/manager/event.ts";
import type { ManagerState } from "../../core/manager/state.ts";

/** What a server can hear. */
export interface Hearing {
  /** Nodes that cannot be heard now; undefined: servers do not tell. */
  missed(): readonly NodeId[] | undefined;
  /** The epoch of the lease that a node's agent says it holds. */
  epochOf(node: NodeId): Epoch | undefined;
}

/** A manager that wants to know it. */
export interface PresenceListener {
  /** Undefined while nothing is loaded. */
  readonly state: ManagerState | undefined;
  tell(event: Extract<ManagerEvent, { readonly kind: "node-missed" | "node-seen" }>): void;
}

/** What one manager was told of who is heard. */
export class Presence {
  readonly #hearing: Hearing;
  readonly #run: PresenceListener;
  #missed: ReadonlySet<NodeId>;

  constructor(hearing: Hearing, run: PresenceListener) {
    this.#hearing = hearing;
    this.#run = run;
    this.#missed = new Set(hearing.missed() ?? []);
  }

  /** Looks anew, and tells what has changed. */
  look(): void {
    const missed = this.#hearing.missed();
    if (missed === undefined) return;
    const before = this.#missed;
    const now = new Set(missed);
    this.#missed = now;
    for (const node of before) {
      if (!now.has(node) && this.#isHeardAgain(node)) this.#run.tell({ kind: "node-seen", node });
    }
    for (const node of now) {
      if (!before.has(node)) this.#run.tell({ kind: "node-missed", node });
    }
  }

  /** An agent with a newer lease than the manager knows is no sign of life of the older one. */
  #isHeardAgain(node: NodeId): boolean {
    const { state } = this.#run;
    if (state?.loaded === false) return true; // what it is told now it takes in with what it has loaded
    const known = state?.nodes.get(node)?.leaseEpoch;
    return known !== undefined && known === this.#hearing.epochOf(node);
  }
}
