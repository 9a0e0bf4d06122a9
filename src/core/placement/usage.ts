/** How loaded nodes are, as shares of what they have, and what the cluster would look like after a change. */
import type { NodeId } from "../ids.ts";
import type { Capacity } from "../model/capacity.ts";

/** What services take of one node. */
export interface NodeLoad {
  readonly node: NodeId;
  readonly serviceCount: number;
  readonly cpuCores: number;
  readonly memoryBytes: number;
  /** What the node has. */
  readonly capacity: Capacity;
}

/** Used part of a node's capacity; 1: all of it, more: overcommitted. */
export interface Shares {
  readonly cpu: number;
  readonly memory: number;
}

/** The cluster by four figures, smaller is better: average and highest cpu, average and highest memory. */
export type Criteria = readonly [number, number, number, number];

/** Sums over all nodes from which the criteria after a change follow without going through the nodes again. */
export interface Spread {
  readonly shares: readonly Shares[];
  readonly cpu: Column;
  readonly memory: Column;
}

interface Column {
  readonly squares: number;
  /** Places of the highest values, highest first; at most one more than a change concerns. */
  readonly top: readonly number[];
}

/** What becomes of one node, by its place in the spread. */
export interface Change {
  readonly place: number;
  readonly after: Shares;
}

/** A move changes two nodes, so that the third highest is the highest of the others. */
const topCount = 3;

/** The shares of a node that uses this much. One that has nothing of a kind is full, and with any use twice so. */
export function sharesOf(used: Capacity, capacity: Capacity): Shares {
  return {
    cpu: shareOf(used.cpuCores, capacity.cpuCores),
    memory: shareOf(used.memoryBytes, capacity.memoryBytes),
  };
}

function shareOf(used: number, available: number): number {
  if (available > 0) return used / available;
  return used > 0 ? 2 : 1;
}

/** Prepares for `criteriaAfter`; costs as much as there are nodes. */
export function spreadOf(loads: readonly NodeLoad[]): Spread {
  const shares = loads.map((load) => sharesOf(load, load.capacity));
  return {
    shares,
    cpu: columnOf(shares.map(({ cpu }) => cpu)),
    memory: columnOf(shares.map(({ memory }) => memory)),
  };
}

function columnOf(values: readonly number[]): Column {
  let squares = 0;
  const top: number[] = [];
  for (const [place, value] of values.entries()) {
    squares += value * value;
    const at = top.findIndex((other) => value > (values[other] ?? 0));
    if (at >= 0) top.splice(at, 0, place);
    else if (top.length < topCount) top.push(place);
    if (top.length > topCount) top.pop();
  }
  return { squares, top };
}

/**
 * The criteria as if the changes had been made, at most two and of different nodes. "Average" is the root mean
 * square; 1 is added to each, so that hardly loaded nodes do not look twice as loaded as one another.
 */
export function criteriaAfter(spread: Spread, changes: readonly Change[]): Criteria {
  const { shares, cpu, memory } = spread;
  let cpuSquares = cpu.squares;
  let memorySquares = memory.squares;
  let highestCpu = highestOther(cpu, changes, (place) => shares[place]?.cpu ?? 0);
  let highestMemory = highestOther(memory, changes, (place) => shares[place]?.memory ?? 0);
  for (const { place, after } of changes) {
    const before = shares[place] ?? after;
    cpuSquares += after.cpu * after.cpu - before.cpu * before.cpu;
    memorySquares += after.memory * after.memory - before.memory * before.memory;
    highestCpu = Math.max(highestCpu, after.cpu);
    highestMemory = Math.max(highestMemory, after.memory);
  }
  const count = shares.length;
  return [
    1 + Math.sqrt(Math.max(0, cpuSquares) / count),
    1 + highestCpu,
    1 + Math.sqrt(Math.max(0, memorySquares) / count),
    1 + highestMemory,
  ];
}

function highestOther(
  column: Column,
  changes: readonly Change[],
  valueAt: (place: number) => number,
): number {
  const place = column.top.find((top) => changes.every((change) => change.place !== top));
  return place === undefined ? 0 : valueAt(place);
}
