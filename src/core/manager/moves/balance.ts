/** Evens out load by itself, once a round, when nodes have been loaded unevenly for a while. */
import type { NodeId, ServiceId } from "../../ids.ts";
import type { Service, SettledStatus } from "../../model/service.ts";
import type { AutoRebalance } from "../../model/settings.ts";
import { type Bundle, findMove, imbalanceOf } from "../../placement/balance.ts";
import { refusalsOf } from "../../placement/select-node.ts";
import { intoleranceOf } from "../../placement/taints.ts";
import { after, type InstantMs } from "../../time.ts";
import { type Context, isUp, nodeOf } from "../context.ts";
import { sizeOf } from "../memory/size.ts";
import { isFrozen } from "../policy/freeze.ts";
import type { ManagerState } from "../state.ts";
import { barrierTo, boundNode, hasBarriers } from "./barrier.ts";
import { loadsOf, refusalOf, selectInputOf } from "./choose.ts";
import { isPinned } from "./pinned.ts";
import { beginPolicyMove } from "./policy-move.ts";

/** What is in force now; undefined: nothing is balanced. */
function optionsOf(state: ManagerState): AutoRebalance | undefined {
  const { autoRebalance, scheduler } = state.settings;
  if (scheduler === "basic" || state.arming !== "armed" || isFrozen(state)) return undefined;
  return autoRebalance;
}

/** When the manager has to look at the balance next; undefined: it does not. */
export function nextBalanceAt(state: ManagerState): InstantMs | undefined {
  if (optionsOf(state) === undefined) return undefined;
  const last = state.balance.lastRoundAtMs;
  return last === undefined ? undefined : after(last, state.settings.roundMs);
}

/** Looks at the balance if a round is over, and begins the best move if that is worth it. */
export function balance(context: Context): void {
  const { state } = context;
  const options = optionsOf(state);
  if (options === undefined) {
    state.balance.lastRoundAtMs = undefined;
    state.balance.imbalancedRounds = 0;
    return;
  }
  const dueAtMs = nextBalanceAt(state);
  if (dueAtMs !== undefined && context.now < dueAtMs) return;
  state.balance.lastRoundAtMs = context.now;
  // While something moves the picture is not the one that there will be.
  if (state.unsettled.size > 0) return;
  const loads = loadsToEven(state);
  const imbalance = imbalanceOf(loads);
  if (imbalance < options.threshold) {
    state.balance.imbalancedRounds = 0;
    return;
  }
  state.balance.imbalancedRounds += 1;
  if (state.balance.imbalancedRounds < options.holdRounds) return;
  state.balance.imbalancedRounds = 0;
  const move = findMove({
    method: options.method,
    margin: options.margin,
    loads,
    bundles: bundlesOf(context),
  });
  if (move === undefined) return;
  const { imbalanceBefore, imbalanceAfter, target: to, source: from } = move;
  const reason = { code: "rebalanced", from, to, imbalanceBefore, imbalanceAfter } as const;
  for (const id of [move.leader, ...(state.rulebook.together.get(move.leader) ?? [])]) {
    const service = state.services.get(id);
    const status = service === undefined ? undefined : movable(context, service);
    if (service === undefined || status === undefined) continue;
    beginPolicyMove(context, service, { status, target: to, reason });
  }
}

/** Nodes that no service may go to, by a person's word or their taints, do not count as badly loaded. */
function loadsToEven(state: ManagerState): ReturnType<typeof loadsOf> {
  const loads = loadsOf(state);
  if (state.restricted.size === 0) return loads;
  const services = [...state.services.values()];
  return loads.filter(({ node }) => {
    const { taints = [], mode = "enabled" } = state.nodes.get(node) ?? {};
    if (mode !== "enabled") return false;
    const isOpen = ({ tolerations }: Service): boolean =>
      intoleranceOf(tolerations, taints) === undefined;
    return taints.length === 0 || services.some(isOpen);
  });
}

/**
 * Every started service that stays where it is, positive groups as one, with the nodes that it may go to. Of services
 * that nothing binds and that weigh the same on the same node the first by id stands for all: a move of any of them
 * does the same, so that a large cluster is not looked at service by service.
 */
function bundlesOf(context: Context): readonly Bundle[] {
  const bundles: Bundle[] = [];
  const alike = new Map<string, Bundle>();
  for (const service of context.state.services.values()) {
    const bundle = bundleOf(context, service);
    if (bundle === undefined) continue;
    if (isBound(context.state, service)) {
      bundles.push(bundle);
      continue;
    }
    const tolerated = service.tolerations.join();
    const key = `${bundle.source} ${bundle.cpuCores} ${bundle.memoryBytes} ${tolerated}`;
    const known = alike.get(key);
    if (known === undefined || bundle.leader < known.leader) alike.set(key, bundle);
  }
  return [...bundles, ...alike.values()];
}

/** Whether rules, its volumes, or the room that it needs, say where the service may go. */
function isBound(state: ManagerState, service: Service): boolean {
  const { nodeAffinity, together, apart } = state.rulebook;
  const { id } = service;
  const hasRule = nodeAffinity.has(id) || together.has(id) || apart.has(id);
  if (hasRule || boundNode(state, service, state.statuses.get(id)) !== undefined) return true;
  return service.limits !== undefined && !service.mayOvercommit;
}

function bundleOf(context: Context, leader: Service): Bundle | undefined {
  const { state } = context;
  const others = state.rulebook.together.get(leader.id) ?? [];
  if (others.some((other) => other < leader.id)) return undefined; // led by another one
  const status = movable(context, leader);
  if (status === undefined) return undefined;
  const members: ServiceId[] = [leader.id];
  let cpuCores = 0;
  let memoryBytes = 0;
  let targets = openNodes(state, leader, status);
  for (const id of [leader.id, ...others]) {
    const member = state.services.get(id);
    const place = member === undefined ? undefined : movable(context, member);
    if (member === undefined || place?.node !== status.node) {
      if (id === leader.id || state.statuses.get(id)?.state === "started") return undefined;
      continue; // stopped: it follows when it starts
    }
    if (id !== leader.id) members.push(id);
    const { use, limits } = sizeOf(state, id);
    const size = state.settings.scheduler === "dynamic" ? use : limits;
    cpuCores += size.cpuCores;
    memoryBytes += size.memoryBytes;
    if (isBound(state, member)) targets = permitted(state, member, place, targets);
  }
  if (members.length > 1) targets = targets.filter((node) => takesAll(state, members, node));
  if (targets.length === 0) return undefined;
  return { leader: leader.id, members, source: status.node, cpuCores, memoryBytes, targets };
}

/** Whether the node has room for all of them together. */
function takesAll(state: ManagerState, members: readonly ServiceId[], node: NodeId): boolean {
  let claimedBytes = 0;
  for (const id of members) {
    const member = state.services.get(id);
    if (member === undefined) continue;
    if (refusalOf(state, member, node, claimedBytes) !== undefined) return false;
    claimedBytes += member.limits?.memoryBytes ?? 0;
  }
  return true;
}

/** Online nodes that are not closed to the service. */
function openNodes(
  state: ManagerState,
  service: Service,
  status: SettledStatus,
): readonly NodeId[] {
  if (!hasBarriers(state, service, status)) return state.online;
  return state.online.filter((node) => barrierTo(state, service, status, node) === undefined);
}

/** The nodes of `targets` that rules and room allow, as if its positive group were not in the way. */
function permitted(
  state: ManagerState,
  service: Service,
  status: SettledStatus,
  targets: readonly NodeId[],
): readonly NodeId[] {
  const input = selectInputOf(state, service, { status, preference: "best-score" });
  const together = new Map(input.rulebook.together);
  together.delete(service.id);
  const refusals = refusalsOf({ ...input, rulebook: { ...input.rulebook, together } });
  return targets.filter((node) => refusals.has(node) && refusals.get(node) === undefined);
}

function movable(context: Context, service: Service): SettledStatus | undefined {
  const status = context.state.statuses.get(service.id);
  if (status?.state !== "started" || !service.autoRebalance) return undefined;
  if (isPinned(service.id)) return undefined;
  if (service.requested !== "started" || service.removing) return undefined;
  if (nodeOf(context, status.node).mode !== "enabled") return undefined;
  return isUp(context, status.node) ? status : undefined;
}
