/**
 * What each node carries, kept up to date with every change of a status. Cores are counted in whole millionths, so
 * that adding and taking away leaves no rounding behind and equal loads compare as equal.
 */
import type { NodeId, ServiceId } from "../../ids.ts";
import type { Capacity } from "../../model/capacity.ts";
import { isMoving, isPlaced, type ServiceStatus } from "../../model/service.ts";
import { commitsMemory, countsAsLoad } from "../../placement/load.ts";

/** Cores in one unit of a tally. */
const coresPerUnit = 1e-6;

/** Sums over services of one node. */
export interface LoadSums {
  serviceCount: number;
  /** Of what they may use at most, in millionths of a core, and in bytes. */
  limitCpu: number;
  limitMemoryBytes: number;
  /** Of what they use: as measured while they run, else what they may use. */
  useCpu: number;
  useMemoryBytes: number;
}

/** The sums over the services that count as load on a node. */
export interface NodeTally extends LoadSums {
  /** Memory that is spoken for: also by those that wait to start there. */
  committedBytes: number;
  /** Of those that wait to start there. */
  readonly starting: LoadSums;
}

/** What one service adds to nodes; kept to be taken away again exactly. */
interface Contribution {
  readonly counted: readonly NodeId[];
  readonly starting: readonly NodeId[];
  readonly committed: readonly NodeId[];
  readonly limitCpu: number;
  readonly limitMemoryBytes: number;
  readonly useCpu: number;
  readonly useMemoryBytes: number;
  readonly committedBytes: number;
}

/** What is known of a service's size. */
export interface Size {
  /** What the schedulers count with. */
  readonly limits: Capacity;
  /** What they count with while it runs. */
  readonly use: Capacity;
  /** What it takes of a node's memory for sure; 0: nobody said. */
  readonly committedBytes: number;
}

/** What all nodes carry, and what each service adds to that. */
export interface Tallies {
  readonly nodes: Map<NodeId, NodeTally>;
  readonly contributions: Map<ServiceId, Contribution>;
}

/** No node carries anything. */
export function createTallies(): Tallies {
  return { nodes: new Map(), contributions: new Map() };
}

/** Cores out of a tally. */
export function coresOf(units: number): number {
  return units * coresPerUnit;
}

/** Counts a service anew; `status` undefined: it is no more. The answer: memory became free somewhere. */
export function tally(
  tallies: Tallies,
  service: ServiceId,
  status: ServiceStatus | undefined,
  size: Size,
): boolean {
  const before = tallies.contributions.get(service);
  if (before !== undefined) apply(tallies, before, -1);
  const after = status === undefined ? undefined : contributionOf(status, size);
  if (after === undefined) tallies.contributions.delete(service);
  else {
    tallies.contributions.set(service, after);
    apply(tallies, after, 1);
  }
  return before !== undefined && frees(before, after);
}

function frees(before: Contribution, after: Contribution | undefined): boolean {
  if (before.committedBytes === 0 || before.committed.length === 0) return false;
  if (after === undefined || after.committedBytes < before.committedBytes) return true;
  return before.committed.some((node) => !after.committed.includes(node));
}

function contributionOf(status: ServiceStatus, size: Size): Contribution | undefined {
  if (!isPlaced(status)) return undefined;
  const counted: NodeId[] = [];
  const committed: NodeId[] = [];
  if (countsAsLoad(status)) counted.push(status.node);
  if (commitsMemory(status)) committed.push(status.node);
  if (isMoving(status)) {
    counted.push(status.target);
    committed.push(status.target);
  }
  return {
    counted,
    starting: status.state === "request_start" ? [status.node] : [],
    committed,
    limitCpu: Math.round(size.limits.cpuCores / coresPerUnit),
    limitMemoryBytes: size.limits.memoryBytes,
    useCpu: Math.round(size.use.cpuCores / coresPerUnit),
    useMemoryBytes: size.use.memoryBytes,
    committedBytes: size.committedBytes,
  };
}

function apply(tallies: Tallies, contribution: Contribution, sign: 1 | -1): void {
  for (const node of contribution.counted) add(tallyOf(tallies, node), contribution, sign);
  for (const node of contribution.starting) {
    add(tallyOf(tallies, node).starting, contribution, sign);
  }
  for (const node of contribution.committed) {
    tallyOf(tallies, node).committedBytes += sign * contribution.committedBytes;
  }
}

function add(sums: LoadSums, contribution: Contribution, sign: 1 | -1): void {
  sums.serviceCount += sign;
  sums.limitCpu += sign * contribution.limitCpu;
  sums.limitMemoryBytes += sign * contribution.limitMemoryBytes;
  sums.useCpu += sign * contribution.useCpu;
  sums.useMemoryBytes += sign * contribution.useMemoryBytes;
}

/** Both together. */
export function sumOf(left: LoadSums, right: LoadSums): LoadSums {
  return {
    serviceCount: left.serviceCount + right.serviceCount,
    limitCpu: left.limitCpu + right.limitCpu,
    limitMemoryBytes: left.limitMemoryBytes + right.limitMemoryBytes,
    useCpu: left.useCpu + right.useCpu,
    useMemoryBytes: left.useMemoryBytes + right.useMemoryBytes,
  };
}

function noLoad(): LoadSums {
  return { serviceCount: 0, limitCpu: 0, limitMemoryBytes: 0, useCpu: 0, useMemoryBytes: 0 };
}

/** The sums of a node; made empty if there are none yet. */
export function tallyOf(tallies: Tallies, node: NodeId): NodeTally {
  const known = tallies.nodes.get(node);
  if (known !== undefined) return known;
  const sums: NodeTally = { ...noLoad(), committedBytes: 0, starting: noLoad() };
  tallies.nodes.set(node, sums);
  return sums;
}
