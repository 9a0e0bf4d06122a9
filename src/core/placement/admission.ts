/** Whether the services would still find room after the loss of nodes, so that nobody learns it on that day. */
import { compareIds, type NodeId, type ServiceId } from "../ids.ts";
import { largerFirst, packServices } from "./packing.ts";

export interface AdmissionInput {
  /** Nodes that may be lost at a time, from 0. */
  readonly losses: number;
  readonly nodes: readonly AdmissionNode[];
  /** Started services that state their memory and may not be overcommitted. */
  readonly services: readonly AdmissionService[];
}

/** A node, and what it has. */
export interface AdmissionNode {
  readonly node: NodeId;
  readonly memoryBytes: number;
  readonly cpuCores: number;
}

/** A service, and what it needs. */
export interface AdmissionService {
  readonly service: ServiceId;
  readonly memoryBytes: number;
  /** The nodes that it may run on; undefined: all. */
  readonly allowed: readonly NodeId[] | undefined;
}

/** What the worst loss would mean. */
export interface AdmissionVerdict {
  readonly fits: boolean;
  /** The nodes of the worst loss, sorted by id. */
  readonly worst: readonly NodeId[];
  /** What the services need that may run on a node that is left. */
  readonly neededBytes: number;
  /** What the nodes that are left have. */
  readonly availableBytes: number;
  /** Those that would find no room then, sorted by id. */
  readonly unplaced: readonly ServiceId[];
}

/** Up to this many combinations of lost nodes are all tried. */
const combinationsMax = 200;

/**
 * Finds the worst loss of `losses` nodes, tried with best-fit decreasing by memory; of many combinations only the
 * loss of the largest nodes is tried. A service all of whose nodes are lost does not count: no capacity would help
 * it. Where packing by memory fails, it is tried once more with the most restricted services first.
 */
export function checkAdmission(input: AdmissionInput): AdmissionVerdict {
  const nodes = [...input.nodes].sort(
    (a, b) => b.memoryBytes - a.memoryBytes || compareIds(a.node, b.node),
  );
  const lossCount = Math.min(Math.max(0, input.losses), nodes.length);
  const sorted = { ...input, services: [...input.services].sort(largerFirst) };
  let worst: AdmissionVerdict | undefined;
  for (const lost of lossesOf(nodes, lossCount)) {
    const verdict = verdictOf(sorted, new Set(lost));
    if (worst === undefined || isWorse(verdict, worst)) worst = verdict;
  }
  return worst ?? verdictOf(sorted, new Set());
}

/** Fewest bytes to spare among those that fit; among those that do not, most services without a place. */
function isWorse(left: AdmissionVerdict, right: AdmissionVerdict): boolean {
  if (left.unplaced.length !== right.unplaced.length) {
    return left.unplaced.length > right.unplaced.length;
  }
  return left.availableBytes - left.neededBytes < right.availableBytes - right.neededBytes;
}

function verdictOf(input: AdmissionInput, lost: ReadonlySet<AdmissionNode>): AdmissionVerdict {
  const left = input.nodes.filter((node) => !lost.has(node));
  const leftIds = new Set(left.map(({ node }) => node));
  const services = input.services.filter(
    ({ allowed }) => allowed?.some((node) => leftIds.has(node)) ?? true,
  );
  const unplaced = packServices(left, services);
  return {
    fits: unplaced.length === 0,
    worst: [...lost].map(({ node }) => node).sort(compareIds),
    neededBytes: memoryOf(services),
    availableBytes: memoryOf(left),
    unplaced,
  };
}

function memoryOf(those: readonly { readonly memoryBytes: number }[]): number {
  return those.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
}

/** Combinations of `count` nodes, those of the first ones first; only that of the first ones when there are many. */
function* lossesOf(
  nodes: readonly AdmissionNode[],
  count: number,
): Iterable<readonly AdmissionNode[]> {
  if (combinations(nodes.length, count) > combinationsMax) yield nodes.slice(0, count);
  else yield* combinationsOf(nodes, count);
}

function* combinationsOf(
  nodes: readonly AdmissionNode[],
  count: number,
): Iterable<readonly AdmissionNode[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (const [place, node] of nodes.entries()) {
    for (const rest of combinationsOf(nodes.slice(place + 1), count - 1)) yield [node, ...rest];
  }
}

/** How many ways there are to take `count` of `total`; stops counting above what is tried. */
function combinations(total: number, count: number): number {
  let ways = 1;
  for (let taken = 1; taken <= Math.min(count, total - count); taken += 1) {
    ways = (ways * (total - taken + 1)) / taken;
    if (ways > combinationsMax) return ways;
  }
  return ways;
}
