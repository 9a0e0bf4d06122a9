/**
 * The fleet's memory as it would be right after loading, before anything is decided: what explanations and plans are
 * made from where no fleet is at work.
 */
import type { InstantMs } from "../time.ts";
import { applyEvent } from "./apply-event.ts";
import { createContext } from "./context.ts";
import type { FleetEvent } from "./event.ts";
import { refreshClock, refreshHealth } from "./instances/health.ts";
import { settle } from "./instances/settle.ts";
import { setAgentWaiting } from "./memory/agents.ts";
import { groupOf } from "./memory/nodes.ts";
import { createFleetState, type FleetState } from "./state.ts";

/** A state that was told all of `events`, to look at and not to be stepped. */
export function snapshotOf(events: Iterable<FleetEvent>, now: InstantMs): FleetState {
  const state = createFleetState();
  const context = createContext(state, now);
  for (const event of events) applyEvent(context, event);
  applyEvent(context, { kind: "fleet-loaded" });
  for (const [name, copies] of state.copies) {
    const deployment = state.deployments.get(name);
    for (const [id, copy] of copies) {
      refreshHealth(context, copy);
      refreshClock(context, copy);
      const node = state.nodes.get(id);
      const isWanted = copy.instance.phase !== "removing" && deployment?.removing === false;
      if (isWanted && node !== undefined) settle(context, { copy, deployment, node });
    }
  }
  for (const { node, order, state: progress } of state.agentUpgrades.values()) {
    const isReady = order === "fetch" && progress === "downloaded";
    if (isReady) setAgentWaiting(state, node, groupOf(state, node) ?? "");
  }
  return state;
}
