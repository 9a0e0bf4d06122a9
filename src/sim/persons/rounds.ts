/** Clusters whose parts look once a round: the manager first, then the agents. */
import type { NodeId } from "../../core/ids.ts";
import type { Engine } from "../engine/engine.ts";
import type { Machine } from "../node/machine.ts";
import type { Action } from "../plan.ts";

/** After a round's begin: orders come first, machines that were switched on have leases, writes get through. */
const managerOffsetMs = 300;
const agentsOffsetMs = 700;

/** Calls the rounds of a world, if it has any. */
export class Rounds {
  readonly #engine: Engine;
  readonly #machines: readonly Machine[];
  #managerSkips = 0;
  readonly #agentSkips = new Map<NodeId, number>();

  constructor(engine: Engine, machines: readonly Machine[]) {
    this.#engine = engine;
    this.#machines = machines;
  }

  /** Begins with the round at time 0. */
  begin(): void {
    const { roundMs } = this.#engine.plan.pace;
    if (roundMs > 0) this.#plan(0, roundMs);
  }

  /** The manager, all agents or those of one node pause for so many rounds. */
  skip(action: Extract<Action, { readonly kind: "skip-rounds" }>): void {
    const { part, node, count } = action;
    if (part === "manager") {
      this.#managerSkips += count;
      return;
    }
    for (const machine of this.#machines) {
      if (node !== undefined && node !== machine.node) continue;
      this.#agentSkips.set(machine.node, (this.#agentSkips.get(machine.node) ?? 0) + count);
    }
  }

  #plan(beginMs: number, roundMs: number): void {
    const { schedule } = this.#engine;
    schedule.at(beginMs + Math.min(managerOffsetMs, roundMs / 40), () => this.#managers());
    schedule.at(beginMs + Math.min(agentsOffsetMs, roundMs / 20), () => {
      this.#agents();
      this.#plan(beginMs + roundMs, roundMs);
    });
  }

  #managers(): void {
    if (this.#managerSkips > 0) {
      this.#managerSkips -= 1;
      return;
    }
    for (const { server } of this.#machines) if (server?.isManager === true) server.onRound();
  }

  #agents(): void {
    for (const { node, agent } of this.#machines) {
      const skips = this.#agentSkips.get(node) ?? 0;
      if (skips > 0) this.#agentSkips.set(node, skips - 1);
      else agent?.onRound();
    }
  }
}
