/** Packs services into the memory of nodes: best-fit decreasing, which is rarely far from the best packing. */
import { compareIds, type NodeId, type ServiceId } from "../ids.ts";

interface Room {
  readonly node: NodeId;
  readonly memoryBytes: number;
}

interface Parcel {
  readonly service: ServiceId;
  readonly memoryBytes: number;
  /** Undefined: any node. */
  readonly allowed: readonly NodeId[] | undefined;
}

/** The services that find no room, sorted by id. */
export function packServices(
  nodes: readonly Room[],
  services: readonly Parcel[],
): readonly ServiceId[] {
  const bySize = [...services].sort(largerFirst);
  const unplaced = pack(nodes, bySize);
  if (unplaced.length === 0 || services.every(({ allowed }) => allowed === undefined)) {
    return unplaced;
  }
  const again = pack(nodes, bySize.sort(restrictedFirst));
  return again.length < unplaced.length ? again : unplaced;
}

/** Order in which services are packed; sorting what is in this order already costs next to nothing. */
export function largerFirst(left: Parcel, right: Parcel): number {
  return right.memoryBytes - left.memoryBytes || compareIds(left.service, right.service);
}

function restrictedFirst(left: Parcel, right: Parcel): number {
  const leftCount = left.allowed?.length ?? Number.MAX_SAFE_INTEGER;
  const rightCount = right.allowed?.length ?? Number.MAX_SAFE_INTEGER;
  return leftCount - rightCount || largerFirst(left, right);
}

/** Puts each service, in the given order, where the least room is left over. */
function pack(nodes: readonly Room[], services: readonly Parcel[]): readonly ServiceId[] {
  const free = new Map(nodes.map(({ node, memoryBytes }) => [node, memoryBytes]));
  const sorted = nodes.map(({ node }) => node).sort((left, right) => byFree(free, left, right));
  const unplaced: ServiceId[] = [];
  for (const { service, memoryBytes, allowed } of services) {
    const node =
      allowed === undefined
        ? sorted[firstWith(sorted, free, memoryBytes)]
        : tightest(free, allowed, memoryBytes);
    if (node === undefined) unplaced.push(service);
    else take(node, memoryBytes, { free, sorted });
  }
  return unplaced.sort(compareIds);
}

function byFree(free: ReadonlyMap<NodeId, number>, left: NodeId, right: NodeId): number {
  return (free.get(left) ?? 0) - (free.get(right) ?? 0) || compareIds(left, right);
}

/** Place of the first node that has at least this much, by halving; the length when none has. */
function firstWith(
  sorted: readonly NodeId[],
  free: ReadonlyMap<NodeId, number>,
  memoryBytes: number,
): number {
  return firstPlace(sorted, (node) => (free.get(node) ?? 0) >= memoryBytes);
}

/** The first place where the condition holds, given that it holds everywhere after. */
function firstPlace(sorted: readonly NodeId[], holds: (node: NodeId) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const node = sorted[middle];
    if (node !== undefined && holds(node)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function tightest(
  free: ReadonlyMap<NodeId, number>,
  allowed: readonly NodeId[],
  memoryBytes: number,
): NodeId | undefined {
  let best: NodeId | undefined;
  for (const node of allowed) {
    if ((free.get(node) ?? -1) < memoryBytes) continue;
    if (best === undefined || byFree(free, node, best) < 0) best = node;
  }
  return best;
}

/** Takes memory of a node, which moves forward in the order. */
function take(
  node: NodeId,
  memoryBytes: number,
  rooms: { readonly free: Map<NodeId, number>; readonly sorted: NodeId[] },
): void {
  const { free, sorted } = rooms;
  sorted.splice(
    firstPlace(sorted, (other) => byFree(free, other, node) >= 0),
    1,
  );
  free.set(node, (free.get(node) ?? 0) - memoryBytes);
  sorted.splice(
    firstPlace(sorted, (other) => byFree(free, other, node) >= 0),
    0,
    node,
  );
}
