/**
 * Nodes that stay lost are taken out of the cluster, so that what was bound to them is free. Asked for one at a time:
 * the next one is chosen when the store shows that the first is gone, with the counts of that instant.
 */
import { spanOf } from "../../explain/sentences/words.ts";
import { whyItMayBeUs } from "../../members/missing.ts";
import { chooseNodePurge, type LostNode } from "../../members/purge-node.ts";
import { type ManagedNode, wantsMaintenance } from "../../model/node.ts";
import { after, type InstantMs } from "../../time.ts";
import { type Context, nodeOf } from "../context.ts";
import { isFrozen } from "../policy/freeze.ts";
import type { ManagerState } from "../state.ts";

/** Asks for the purge of a node whose time is over, if there is one and the others are there. */
export function purgeLostNode(context: Context): void {
  const { state, now } = context;
  if (!mayPurge(state) || !isAnyDue(state, now)) return;
  const id = chooseNodePurge({
    lost: lostNodes(context),
    ...countsOf(state),
    purgeAfterMs: state.settings.purgeAfterMs,
    nowMs: now,
  });
  if (id === undefined) return;
  const { epoch, lostAtMs = now } = nodeOf(context, id);
  state.purging = id;
  const lostForMs = now - lostAtMs;
  const because = `it was lost for ${spanOf(lostForMs)}`;
  const reason = { code: "node-purged", node: id, lostForMs } as const;
  context.effects.push({ kind: "purge-node", node: id, epoch, because, reason });
}

/** When the next node's time is over; undefined: nothing that time alone brings. */
export function nextPurgeAt(state: ManagerState, now: InstantMs): InstantMs | undefined {
  if (!mayPurge(state) || whyItMayBeUs(countsOf(state)) !== undefined) return undefined;
  const { lostSinceMs, settings } = state;
  // Nobody's time is over: the loss that was noted as the first is looked at when its time is.
  if (lostSinceMs !== undefined && !isAnyDue(state, now)) {
    return after(lostSinceMs, settings.purgeAfterMs);
  }
  let next: InstantMs | undefined;
  for (const id of state.lost) {
    const lostAtMs = state.nodes.get(id)?.lostAtMs;
    if (lostAtMs === undefined) continue;
    const at = after(lostAtMs, state.settings.purgeAfterMs);
    // One whose time is over waits for something else: that comes as an event.
    if (at > now && (next === undefined || at < next)) next = at;
  }
  return next;
}

/** Whether the time of a lost node may be over; if none is, without a look at each of them. */
function isAnyDue(state: ManagerState, now: InstantMs): boolean {
  const { purgeAfterMs } = state.settings;
  if (state.lostSinceMs === undefined || now < after(state.lostSinceMs, purgeAfterMs)) return false;
  let first: InstantMs | undefined;
  for (const id of state.lost) {
    const lostAtMs = state.nodes.get(id)?.lostAtMs;
    if (lostAtMs !== undefined && (first === undefined || lostAtMs < first)) first = lostAtMs;
  }
  state.lostSinceMs = first; // those that came back meanwhile had been noted, too
  return first !== undefined && now >= after(first, purgeAfterMs);
}

/** A disarmed or frozen cluster is left as it is. */
function mayPurge(state: ManagerState): boolean {
  const { settings, lost, purging, arming } = state;
  if (arming !== "armed" || isFrozen(state)) return false;
  return settings.purgeAfterMs > 0 && lost.size > 0 && purging === undefined;
}

function countsOf(state: ManagerState): { nodesCount: number; nodesMissingCount: number } {
  return { nodesCount: state.registered.size, nodesMissingCount: state.missing.size };
}

function* lostNodes(context: Context): Iterable<LostNode> {
  for (const id of context.state.lost) {
    const node = nodeOf(context, id);
    const { state, leaseEpoch, lostAtMs } = node;
    if (state !== "unknown" || wantsMaintenance(node)) continue;
    if (leaseEpoch !== undefined || lostAtMs === undefined) continue;
    yield { node: id, lostSinceMs: lostAtMs, isFree: () => isFree(context, node) };
  }
}

/**
 * Whether no service that belongs there may still run there, by facts that outlast the node's registration: its epoch
 * and the services' statuses.
 */
function isFree({ state }: Context, { id, epoch }: ManagedNode): boolean {
  for (const service of state.servicesOn.get(id) ?? []) {
    const status = state.statuses.get(service);
    if (status === undefined || status.state === "queued") continue;
    if (status.mayOutliveLease || status.nodeEpoch >= epoch) return false;
  }
  return true;
}
