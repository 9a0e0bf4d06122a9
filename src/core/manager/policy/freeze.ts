/**
 * What a frozen cluster means for the manager: it begins nothing that is not failover (no moves to better nodes, no
 * rebalancing, no purges), and nothing at all where failover is held, too. What is under way is brought to its end.
 */
import { type Freeze, freezeWords, isInForce } from "../../model/freeze.ts";
import type { PlacedStatus } from "../../model/service.ts";
import { mutated } from "../../mutation.ts";
import type { InstantMs } from "../../time.ts";
import { type Context, isUp, markWaitingDirty } from "../context.ts";
import type { ManagerState } from "../state.ts";

/** A person has frozen the cluster, changed that, or taken it back. */
export function changedFreeze(context: Context, freeze: Freeze | undefined): void {
  const { state, now } = context;
  const before = state.freeze;
  state.freeze = freeze;
  if (!state.loaded) return;
  if (freeze !== undefined) {
    const forMs = freeze.untilMs === undefined ? undefined : Math.max(0, freeze.untilMs - now);
    const { failover } = freeze;
    const reason = { code: "frozen", words: freezeWords(freeze), forMs, failover } as const;
    context.effects.push({ kind: "announce", subject: "cluster", reason });
  } else if (before !== undefined) {
    context.effects.push({ kind: "announce", subject: "cluster", reason: { code: "unfrozen" } });
  }
  if (before !== undefined) lookAgain(context); // it may hold less now
}

/** Takes a freeze away whose time is over. From this instant on it counts as none, whenever that is written. */
export function endFreeze(context: Context): void {
  const { state, now } = context;
  const { freeze } = state;
  if (freeze === undefined || isInForce(freeze, now)) return;
  state.freeze = undefined;
  context.effects.push({ kind: "end-freeze", reason: { code: "freeze-over", by: freeze.by } });
  lookAgain(context);
}

/** When its time is over. */
export function nextFreezeEndAt({ freeze }: ManagerState): InstantMs | undefined {
  return freeze?.untilMs;
}

/** Whether nothing is begun that is not failover. */
export function isFrozen({ freeze }: Pick<ManagerState, "freeze">): boolean {
  return freeze !== undefined;
}

/** Whether failover waits, too. */
export function holdsFailover({ freeze }: Pick<ManagerState, "freeze">): boolean {
  return freeze?.failover === "held" && !mutated("S8-frozen-failover");
}

/**
 * Whether the service is left as it is because failover is held: its node is away, or it has none. One that runs on a
 * node that is there is looked after all the same.
 */
export function isHeldByFreeze(context: Context, status: PlacedStatus): boolean {
  if (!holdsFailover(context.state)) return false;
  return status.state === "recovery" || !isUp(context, status.node);
}

/** What was held back is looked at. */
function lookAgain(context: Context): void {
  const { state } = context;
  for (const service of state.services.keys()) state.dirty.add(service);
  for (const service of state.statuses.keys()) state.dirty.add(service);
  markWaitingDirty(state);
}
