/**
 * A cluster that starts: its nodes come in one after the other, and the first one must not get everything. So services
 * that have no node yet wait for the nodes that are known, for a short time. What was lost with a node never waits.
 */
import type { Reason } from "../../explain/reason.ts";
import type { NodeId } from "../../ids.ts";
import type { Service } from "../../model/service.ts";
import { after, type InstantMs } from "../../time.ts";
import { type Context, markWaitingDirty } from "../context.ts";
import { isClosedTo } from "../moves/barrier.ts";
import type { ManagerState } from "../state.ts";

/**
 * Begins the wait when the first node is online after none was, or when a new manager finds no more nodes online than
 * missing; ends it when all known ones are in, or when its time is over.
 */
export function updateColdStart(context: Context): void {
  const { state, now } = context;
  const { coldStart } = state;
  if (state.online.length === 0) {
    coldStart.phase = "none-online";
    coldStart.sinceMs = undefined;
    return;
  }
  if (coldStart.phase !== "begun") {
    const isCold = coldStart.phase === "none-online" || state.missing.size >= state.online.length;
    coldStart.phase = "begun";
    if (isCold) coldStart.sinceMs = now;
  }
  const untilMs = nextColdStartAt(state);
  if (untilMs === undefined || (state.missing.size > 0 && now < untilMs)) return;
  coldStart.sinceMs = undefined;
  markWaitingDirty(state);
}

/** When the wait is over at the latest; undefined: nobody waits. */
export function nextColdStartAt(state: ManagerState): InstantMs | undefined {
  const { sinceMs } = state.coldStart;
  return sinceMs === undefined ? undefined : after(sinceMs, state.settings.coldStartMs);
}

/** Why a service without a node is not placed yet; undefined: it is, if there is a node for it. */
export function coldStartReason(state: ManagerState, service: Service): Reason | undefined {
  if (state.coldStart.sinceMs === undefined) return undefined;
  for (const node of state.missing) {
    if (mayGoTo(state, service, node)) {
      return { code: "cold-start", waitMs: state.settings.coldStartMs };
    }
  }
  return undefined;
}

/** What its agent said before it went is over when the node comes in: only rules, taints and a person keep a service off. */
function mayGoTo(state: ManagerState, service: Service, node: NodeId): boolean {
  const affinity = state.rulebook.nodeAffinity.get(service.id);
  const isForbidden = affinity?.strict === true && !affinity.priorities.has(node);
  const isEnabled = state.nodes.get(node)?.mode === "enabled";
  return !isForbidden && isEnabled && !isClosedTo(state, service, node);
}
