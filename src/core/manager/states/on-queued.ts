/** A service without a node: new, or added while no node was online. */
import type { Reason } from "../../explain/reason.ts";
import type { NodeId, ServiceId } from "../../ids.ts";
import type { QueuedStatus, Service } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import {
  type Context,
  forgetService,
  isOnline,
  nextUid,
  nodeOf,
  setStatus,
  type Verdict,
} from "../context.ts";
import { tallyOf } from "../memory/tally.ts";
import { barrierTo } from "../moves/barrier.ts";
import { placeAnew } from "../moves/choose.ts";
import { isPinned } from "../moves/pinned.ts";
import { coldStartReason } from "../policy/cold-start.ts";
import { holdsFailover } from "../policy/freeze.ts";
import type { ManagerState } from "../state.ts";
import { isolationOrder, requestedTarget } from "../transitions.ts";

/** Gives a new service its first node, or lets it wait for one. `ignored` ones are left alone. */
export function onQueued(
  context: Context,
  service: Service,
  status: QueuedStatus | undefined,
): Verdict {
  if (service.removing) {
    forgetService(context, service.id, { code: "removing" });
    return "settled";
  }
  refuseCommand(context, service, "it has no node yet");
  if (service.requested === "ignored") return "settled";
  if (status !== undefined && holdsFailover(context.state)) return "settled";
  const choice = context.state.arming === "armed" ? firstNode(context, service) : undefined;
  const base = {
    service: service.id,
    uid: nextUid(context),
    failedNodes: [],
    sinceMs: context.now,
  };
  if (choice === undefined || choice.node === undefined) {
    const reason = choice?.reason ?? ({ code: "no-node-online" } as const);
    if (status === undefined) setStatus(context, { ...base, state: "queued", reason });
    else if (isColdStart(status.reason) !== isColdStart(reason)) {
      setStatus(context, { ...status, reason });
    }
    return "settled";
  }
  setStatus(context, {
    ...base,
    state: requestedTarget(service),
    node: choice.node,
    nodeEpoch: nodeOf(context, choice.node).epoch,
    ...isolationOrder(service),
    mayOutliveLease: false, // there is no copy yet
    reason: choice.reason,
  });
  return "changed";
}

function isColdStart({ code }: Reason): boolean {
  return code === "cold-start";
}

/** A node, or none and what is waited for. */
interface FirstNode {
  readonly node: NodeId | undefined;
  readonly reason: Reason;
}

/**
 * The configured node if it is online, whatever rules say: they move it from there before it starts. Where a strict rule
 * forbids it and no other node will do, the service waits (S8). While the cluster starts it may wait for other nodes.
 */
function firstNode(context: Context, service: Service): FirstNode | undefined {
  const { state } = context;
  const { home } = service;
  const isHomeOnline =
    home !== undefined &&
    isOnline(context, home) &&
    barrierTo(state, service, undefined, home) === undefined;
  if (isHomeOnline && !isForbidden(state, service.id, home)) return atHome(home);
  const wait = isPinned(service.id) ? undefined : coldStartReason(state, service);
  if (wait !== undefined) return { node: undefined, reason: wait };
  const best = placeAnew(state, service, undefined);
  if (best === undefined) return undefined;
  if (isHomeOnline) return atHome(home);
  const { serviceCount: runningCount, starting } = tallyOf(state.tallies, best.node);
  const serviceCount = runningCount + starting.serviceCount;
  const reason = { code: "placed", node: best.node, because: best.because, serviceCount } as const;
  return { node: best.node, reason };
}

function atHome(home: NodeId) {
  return { node: home, reason: { code: "home", node: home } } as const;
}

function isForbidden(state: ManagerState, service: ServiceId, node: NodeId): boolean {
  const affinity = state.rulebook.nodeAffinity.get(service);
  return affinity?.strict === true && !affinity.priorities.has(node);
}
