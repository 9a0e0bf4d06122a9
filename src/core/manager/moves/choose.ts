/** Asks placement for a service's node, with all that the manager knows. */
import type { NodeId, ServiceId } from "../../ids.ts";
import type { Capacity } from "../../model/capacity.ts";
import type { PlacedStatus, Service } from "../../model/service.ts";
import { isMoving, isPlaced } from "../../model/service.ts";
import { mutated } from "../../mutation.ts";
import { commitsMemory, countsAsLoad } from "../../placement/load.ts";
import { type NodeLoad, scoreNodes } from "../../placement/scores.ts";
import {
  type SelectInput,
  type Selection,
  selectNode,
  type Whereabouts,
} from "../../placement/select-node.ts";
import { sizeOf } from "../memory/size.ts";
import { coresOf, sumOf, tallyOf } from "../memory/tally.ts";
import type { ManagerState } from "../state.ts";
import { barrierTo, hasBarriers } from "./barrier.ts";
import { isPinned, ownNode } from "./pinned.ts";

/** What a node counts as that did not say what it has. */
const unstatedCapacity: Capacity = { cpuCores: 4, memoryBytes: 8 * 1024 ** 3 };

/** What a choice is asked for. */
export interface Choice {
  readonly status: PlacedStatus | undefined;
  readonly preference: SelectInput["preference"];
  /** Counts those too that were placed on a node and wait to start there, so that not all go to the same node. */
  readonly withStarting?: boolean;
}

/** The node for a service, or undefined when none is permitted now. */
export function chooseNode(
  state: ManagerState,
  service: Service,
  choice: Choice,
): Selection | undefined {
  if (isPinned(service.id)) {
    const roomAt = (node: NodeId) => refusalOf(state, service, node);
    return ownNode(state, service, { status: choice.status, roomAt });
  }
  return selectNode(selectInputOf(state, service, choice));
}

/**
 * The node for a service that has none now. Those that wait to start count as being there, so that not all go to the same
 * node; but where that leaves none, they do not: one of them may wait for this very service.
 */
export function placeAnew(
  state: ManagerState,
  service: Service,
  status: PlacedStatus | undefined,
): Selection | undefined {
  const choice = { status, preference: "best-score" } as const;
  return (
    chooseNode(state, service, { ...choice, withStarting: true }) ??
    chooseNode(state, service, choice)
  );
}

/**
 * What placement decides by; also what explains its decision. A node that is closed to the service, by a taint, by
 * volumes that are elsewhere or because its agent is leaving, is as good as offline.
 */
export function selectInputOf(state: ManagerState, service: Service, choice: Choice): SelectInput {
  const { status, preference, withStarting = false } = choice;
  const mayBeClosed = hasBarriers(state, service, status);
  const isOpen = (node: NodeId): boolean =>
    !mayBeClosed || barrierTo(state, service, status, node) === undefined;
  const group = service.group === undefined ? undefined : state.groups.get(service.group);
  return {
    service: service.id,
    // Room is not asked of the present node, unless the service has given it up there.
    current: status !== undefined && commitsMemory(status) ? status.node : undefined,
    preference,
    failback: service.failback && group?.nofailback !== true,
    failedNodes: status?.failedNodes ?? [],
    maintenanceNode: status?.maintenanceNode,
    rulebook: state.rulebook,
    online: mayBeClosed ? state.online.filter(isOpen) : state.online,
    isOnline: (node) => state.nodes.get(node)?.state === "online" && isOpen(node),
    whereabouts: (other) => whereabouts(state, other, withStarting),
    refusal: (node) => refusalOf(state, service, node),
    score: (nodes) =>
      scoreNodes(
        state.settings.scheduler,
        loadsOf(state, withStarting),
        sizeOf(state, service.id).limits,
        nodes,
      ),
  };
}

/** Where a service counts that another one is bound to by a rule. */
function whereabouts(state: ManagerState, id: ServiceId, withStarting: boolean): Whereabouts {
  const status = state.statuses.get(id);
  if (status === undefined || !isPlaced(status)) return { node: undefined, target: undefined };
  const isUp = state.nodes.get(status.node)?.state === "online";
  const counts = countsAsLoad(status) || (withStarting && status.state === "request_start");
  const node = isUp && counts ? status.node : undefined;
  return { node, target: isMoving(status) ? status.target : undefined };
}

/** Why a node has no room for the service; undefined: it has, or nobody said what is needed or there. */
export function refusalOf(
  state: ManagerState,
  service: Service,
  node: NodeId,
  /** What others take there first. */
  claimedBytes = 0,
): string | undefined {
  const needed = service.limits?.memoryBytes ?? 0;
  const capacity = state.nodes.get(node)?.capacity;
  if (service.mayOvercommit || needed === 0 || capacity === undefined) return undefined;
  if (mutated("S8-overcommit")) return undefined;
  const free = capacity.memoryBytes - tallyOf(state.tallies, node).committedBytes - claimedBytes;
  if (needed <= free) return undefined;
  return `it needs ${mebibytes(needed)} MiB of memory and ${mebibytes(Math.max(0, free))} MiB are free`;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}

/**
 * The load of every node that takes services, as the scheduler in force counts it. What waits to start is not counted
 * unless that is asked: it may yet be placed anew.
 */
export function loadsOf(state: ManagerState, withStarting = false): readonly NodeLoad[] {
  const isDynamic = state.settings.scheduler === "dynamic";
  return state.online.map((node) => {
    const tally = tallyOf(state.tallies, node);
    const sums = withStarting ? sumOf(tally, tally.starting) : tally;
    return {
      node,
      serviceCount: sums.serviceCount,
      cpuCores: coresOf(isDynamic ? sums.useCpu : sums.limitCpu),
      memoryBytes: isDynamic ? sums.useMemoryBytes : sums.limitMemoryBytes,
      capacity: state.nodes.get(node)?.capacity ?? unstatedCapacity,
    };
  });
}
