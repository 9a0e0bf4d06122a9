/** Instances in no HA group: as many at a time are without a healthy copy as the deployment allows. */
import type { FleetContext } from "../context.ts";
import { beginUpgrade } from "../instances/upgrade.ts";
import type { Deployment } from "../model/deployment.ts";
import { sumsOf } from "../rollouts/counts.ts";
import { latestRollout } from "../rollouts/latest.ts";
import type { Copy, FleetState } from "../state.ts";
import { isUnheard } from "./health-of-members.ts";
import { whyNotReady } from "./readiness.ts";
import { inOrder } from "./tend-group.ts";

/** Begins as many upgrades as may go on; one that is not healthy takes nothing away. */
export function tendPool(context: FleetContext, name: string): void {
  const { state } = context;
  const deployment = state.deployments.get(name);
  const waiting = state.waitingInPool.get(name);
  if (deployment === undefined || waiting === undefined) return;
  if (latestRollout(state, name)?.state === "paused") return;
  const max = unavailableMax(state, deployment);
  const isFull = () => sumsOf(state, name).unavailable >= max;
  const eligible: Iterable<Copy> = isFull() ? unhealthyOf(waiting) : waiting;
  for (const copy of inOrder(eligible)) {
    const node = state.nodes.get(copy.instance.node);
    if (isFull() && copy.healthySinceMs !== undefined) return; // the healthy ones come last
    // Nothing is known of it: it may be running all the while.
    if (node === undefined || (isFull() && isUnheard(state, copy))) continue;
    const place = { copy, deployment, node };
    const wait = whyNotReady(state, place, context.now);
    if (wait === undefined) beginUpgrade(context, place);
    else if (wait.code === "waits-for-canaries" || wait.code === "waits-for-rollout") return;
  }
}

/** How many instances in no group may be without a healthy copy: at least one. */
export function unavailableMax(state: FleetState, { name, rollout }: Deployment): number {
  const { maxUnavailable } = rollout;
  if ("count" in maxUnavailable) return Math.max(1, maxUnavailable.count);
  const { pooled } = sumsOf(state, name);
  return Math.max(1, Math.floor((pooled * maxUnavailable.percent) / 100));
}

function* unhealthyOf(copies: Iterable<Copy>): Iterable<Copy> {
  for (const copy of copies) if (copy.healthySinceMs === undefined) yield copy;
}
