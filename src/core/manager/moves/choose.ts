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
import { coresOf, tallyOf } from "../memory/tally.ts";
import type { ManagerState } from "../state.ts";

/** What a node counts as that did not say what it has. */
const unstatedCapacity: Capacity = { cpuCores: 4, memoryBytes: 8 * 1024 ** 3 };

/** The node for a service, or undefined when none is permitted now. */
export function chooseNode(
  state: ManagerState,
  service: Service,
  choice: {
    readonly status: PlacedStatus | undefined;
    readonly preference: SelectInput["preference"];
  },
): Selection | undefined {
  return selectNode(selectInputOf(state, service, choice));
}

/** What placement decides by; also what explains its decision. */
export function selectInputOf(
  state: ManagerState,
  service: Service,
  choice: {
    readonly status: PlacedStatus | undefined;
    readonly preference: SelectInput["preference"];
  },
): SelectInput {
  const { status, preference } = choice;
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
    online: state.online,
    isOnline: (node) => state.nodes.get(node)?.state === "online",
    whereabouts: (other) => whereabouts(state, other),
    refusal: (node) => refusalOf(state, service, node),
    score: (nodes) =>
      scoreNodes(state.settings.scheduler, loadsOf(state), sizeOf(state, service.id).limits, nodes),
  };
}

/** Where a service counts that another one is bound to by a rule. */
function whereabouts(state: ManagerState, id: ServiceId): Whereabouts {
  const status = state.statuses.get(id);
  if (status === undefined || !isPlaced(status)) return { node: undefined, target: undefined };
  const isUp = state.nodes.get(status.node)?.state === "online";
  const node = isUp && countsAsLoad(status) ? status.node : undefined;
  return { node, target: isMoving(status) ? status.target : undefined };
}

/** Why a node has no room for the service; undefined: it has, or nobody said what is needed or there. */
export function refusalOf(state: ManagerState, service: Service, node: NodeId): string | undefined {
  const needed = service.limits?.memoryBytes ?? 0;
  const capacity = state.nodes.get(node)?.capacity;
  if (service.mayOvercommit || needed === 0 || capacity === undefined) return undefined;
  if (mutated("S8-overcommit")) return undefined;
  const free = capacity.memoryBytes - tallyOf(state.tallies, node).committedBytes;
  if (needed <= free) return undefined;
  return `it needs ${mebibytes(needed)} MiB of memory and ${mebibytes(Math.max(0, free))} MiB are free`;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}

/** The load of every node that takes services, as the scheduler in force counts it. */
export function loadsOf(state: ManagerState): readonly NodeLoad[] {
  const isDynamic = state.settings.scheduler === "dynamic";
  return state.online.map((node) => {
    const sums = tallyOf(state.tallies, node);
    return {
      node,
      serviceCount: sums.serviceCount,
      cpuCores: coresOf(isDynamic ? sums.useCpu : sums.limitCpu),
      memoryBytes: isDynamic ? sums.useMemoryBytes : sums.limitMemoryBytes,
      capacity: state.nodes.get(node)?.capacity ?? unstatedCapacity,
    };
  });
}
