/**
 * The fleet's one entry: events in, the effects of them out. Deterministic: the same state, events and instant give the
 * same effects. The work of an event stays with the instances that it concerns.
 */
import { assert } from "../assert.ts";
import { compareIds } from "../ids.ts";
import { fleetPassesMax } from "../limits.ts";
import type { InstantMs } from "../time.ts";
import { tendAgentPool } from "./agents/install.ts";
import { judgeAgent } from "./agents/judge-agent.ts";
import { applyEvent, markDue } from "./apply-event.ts";
import { createContext, type FleetContext } from "./context.ts";
import type { FleetEffect } from "./effect.ts";
import type { FleetEvent } from "./event.ts";
import { tendGroup } from "./groups/tend-group.ts";
import { tendPool } from "./groups/tend-pool.ts";
import { tendStray } from "./instances/install.ts";
import { judge } from "./instances/judge.ts";
import { nextAlarm } from "./memory/alarms.ts";
import { tendRollout } from "./rollouts/tend-rollout.ts";
import type { FleetState } from "./state.ts";

export type { FleetEffect } from "./effect.ts";
export type { FleetEvent } from "./event.ts";
export { createFleetState, type FleetState } from "./state.ts";

export interface FleetStep {
  readonly effects: readonly FleetEffect[];
  /** When the fleet wants a `fleet-tick`, if nothing happens before; undefined: it does not. */
  readonly wakeAtMs: InstantMs | undefined;
}

/** Takes in events that became known at the same instant, and decides once; `now` never goes back. */
export function stepFleet(
  state: FleetState,
  events: readonly FleetEvent[],
  now: InstantMs,
): FleetStep {
  const context = createContext(state, now);
  for (const event of events) applyEvent(context, event);
  if (!state.loaded) return { effects: [], wakeAtMs: undefined };
  markDue(context);
  for (let pass = 0; isAnythingDirty(state); pass += 1) {
    assert(pass < fleetPassesMax, "the fleet settles within a bounded number of passes");
    look(context);
  }
  return { effects: context.effects, wakeAtMs: nextAlarm(state.alarms) };
}

function isAnythingDirty({ dirty, strays }: FleetState): boolean {
  const { copies, deployments, groups, pools, agents, agentPools } = dirty;
  const count = copies.size + deployments.size + groups.size + pools.size + agents.size;
  return count > 0 || agentPools || strays.size > 0;
}

/** One look at all that is marked, in order of name: what each is, before who may do what. */
function look(context: FleetContext): void {
  const { state } = context;
  const { dirty } = state;
  for (const service of take(state.strays)) tendStray(context, service);
  const pairs = [...dirty.copies].sort(([left], [right]) => compareIds(left, right));
  dirty.copies.clear();
  for (const [deployment, nodes] of pairs) {
    for (const node of take(nodes)) judge(context, deployment, node);
  }
  for (const node of take(dirty.agents)) judgeAgent(context, node);
  for (const deployment of take(dirty.deployments)) tendRollout(context, deployment);
  // A rollout that is taken back changes what instances may run: nobody begins before that is worked out.
  if (dirty.copies.size > 0) return;
  for (const group of take(dirty.groups)) tendGroup(context, group);
  for (const deployment of take(dirty.pools)) tendPool(context, deployment);
  if (!dirty.agentPools) return;
  dirty.agentPools = false;
  tendAgentPool(context);
}

/** Empties a set, and gives what was in it in order. */
function take<Name extends string>(names: Set<Name>): readonly Name[] {
  const taken = [...names].sort(compareIds);
  names.clear();
  return taken;
}
