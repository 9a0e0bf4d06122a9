/** How unevenly nodes are loaded, and the one move that would even it out best. */
import { compareIds, type NodeId, type ServiceId } from "../ids.ts";
import type { Capacity } from "../model/capacity.ts";
import { closeness, yardstickOf } from "./topsis.ts";
import {
  type Change,
  type Criteria,
  criteriaAfter,
  type NodeLoad,
  type Shares,
  sharesOf,
  spreadOf,
} from "./usage.ts";

/** A started, stationary service, or a group that runs together, which may move as one. */
export interface Bundle {
  /** Its first member by id; stands for all. */
  readonly leader: ServiceId;
  readonly members: readonly ServiceId[];
  readonly source: NodeId;
  /** What all members take. */
  readonly cpuCores: number;
  readonly memoryBytes: number;
  /** Permitted targets, sorted by id. */
  readonly targets: readonly NodeId[];
}

/** What balancing decides by. */
export interface BalanceInput {
  /** `bruteforce`: the lowest imbalance after the move; `topsis`: the best cluster by the scheduler's criteria. */
  readonly method: "bruteforce" | "topsis";
  /** Smallest improvement that is worth a move, as a share of the imbalance before. */
  readonly margin: number;
  /** All online nodes. */
  readonly loads: readonly NodeLoad[];
  readonly bundles: readonly Bundle[];
}

/** The move that was found, and what it is worth. */
export interface BalanceMove {
  readonly leader: ServiceId;
  readonly source: NodeId;
  readonly target: NodeId;
  readonly imbalanceBefore: number;
  readonly imbalanceAfter: number;
}

/** One bundle to one target, by the places of its nodes among the loads. */
interface Candidate {
  readonly bundle: Bundle;
  readonly target: NodeId;
  readonly changes: readonly [Change, Change];
}

/** An imbalance is compared by this many decimals; those behind them are rounding. */
const decimalFactor = 1e15;

/**
 * The coefficient of variation of the nodes' loads: 0 when all are equal, 0.3 when they are typically 30 % off the
 * mean, and the root of one less than the number of nodes when one node has it all. Not divided by that highest
 * value: in a large cluster hardly anything would count as imbalanced then.
 */
export function imbalanceOf(loads: readonly NodeLoad[]): number {
  const values = loads.map((load) => loadOf(sharesOf(load, load.capacity)));
  const mean = meanOf(values);
  return imbalanceFrom({ count: values.length, mean, squares: squaresAround(values, mean) });
}

/** The best move, or undefined when none is permitted or the best is not worth it. */
export function findMove(input: BalanceInput): BalanceMove | undefined {
  const imbalanceBefore = imbalanceOf(input.loads);
  if (imbalanceBefore === 0) return undefined;
  const imbalanceAfterOf = imbalanceForecast(input.loads);
  const best =
    input.method === "bruteforce"
      ? leastImbalanced(input, imbalanceAfterOf)
      : bestByCriteria(input);
  if (best === undefined) return undefined;
  const imbalanceAfter = imbalanceAfterOf(best.changes);
  if ((imbalanceBefore - imbalanceAfter) / imbalanceBefore < input.margin) return undefined;
  const { bundle, target } = best;
  return { leader: bundle.leader, source: bundle.source, target, imbalanceBefore, imbalanceAfter };
}

/** The first of equals by service and target: candidates come in that order. */
function leastImbalanced(
  input: BalanceInput,
  imbalanceAfterOf: (changes: Candidate["changes"]) => number,
): Candidate | undefined {
  let best: { readonly candidate: Candidate; readonly imbalance: number } | undefined;
  for (const candidate of candidatesOf(input)) {
    const imbalance = imbalanceAfterOf(candidate.changes);
    if (best === undefined || imbalance < best.imbalance) best = { candidate, imbalance };
  }
  return best?.candidate;
}

/** Goes through the candidates twice rather than keep what may be millions of them. */
function bestByCriteria(input: BalanceInput): Candidate | undefined {
  const spread = spreadOf(input.loads);
  function* alternatives(): Iterable<Criteria> {
    for (const { changes } of candidatesOf(input)) yield criteriaAfter(spread, changes);
  }
  const yardstick = yardstickOf(alternatives());
  let best: { readonly candidate: Candidate; readonly score: number } | undefined;
  for (const candidate of candidatesOf(input)) {
    const score = closeness(criteriaAfter(spread, candidate.changes), yardstick);
    if (best === undefined || score > best.score) best = { candidate, score };
  }
  return best?.candidate;
}

/** Every permitted move between nodes that are online, in the order of service and target. */
function* candidatesOf({ loads, bundles }: BalanceInput): Iterable<Candidate> {
  const places = new Map(loads.map(({ node }, place) => [node, place]));
  const inOrder = [...bundles].sort((left, right) => compareIds(left.leader, right.leader));
  for (const bundle of inOrder) {
    const from = changeAt(loads, places.get(bundle.source), negative(bundle));
    if (from === undefined) continue;
    for (const target of bundle.targets) {
      const to = changeAt(loads, places.get(target), bundle);
      if (to === undefined || target === bundle.source) continue;
      yield { bundle, target, changes: [from, to] };
    }
  }
}

function negative(amount: Capacity): Capacity {
  return { cpuCores: -amount.cpuCores, memoryBytes: -amount.memoryBytes };
}

function changeAt(
  loads: readonly NodeLoad[],
  place: number | undefined,
  added: Capacity,
): Change | undefined {
  const load = place === undefined ? undefined : loads[place];
  if (place === undefined || load === undefined) return undefined;
  // Measured use may exceed the sum that it is part of.
  const used = {
    cpuCores: Math.max(0, load.cpuCores + added.cpuCores),
    memoryBytes: Math.max(0, load.memoryBytes + added.memoryBytes),
  };
  return { place, after: sharesOf(used, load.capacity) };
}

/**
 * Tells the imbalance after a change of two nodes without going through all of them. Sums are kept as differences
 * from the present mean: squares of the loads themselves would drown a small imbalance in rounding.
 */
function imbalanceForecast(loads: readonly NodeLoad[]): (changes: readonly Change[]) => number {
  const values = loads.map((load) => loadOf(sharesOf(load, load.capacity)));
  const count = values.length;
  const mean = meanOf(values);
  const squares = squaresAround(values, mean);
  return (changes) => {
    let moved = 0;
    let squaresAfter = squares;
    for (const { place, after } of changes) {
      const old = (values[place] ?? mean) - mean;
      const fresh = loadOf(after) - mean;
      moved += fresh - old;
      squaresAfter += fresh * fresh - old * old;
    }
    const around = Math.max(0, squaresAfter - (moved * moved) / count);
    const imbalance = imbalanceFrom({ count, mean: mean + moved / count, squares: around });
    return Math.trunc(imbalance * decimalFactor) / decimalFactor;
  };
}

function imbalanceFrom(sums: {
  readonly count: number;
  readonly mean: number;
  /** Sum of the squared differences from the mean. */
  readonly squares: number;
}): number {
  const { count, mean, squares } = sums;
  if (count < 2 || mean <= 0) return 0;
  return Math.sqrt(squares / count) / mean;
}

function loadOf(shares: Shares): number {
  return (shares.cpu + shares.memory) / 2;
}

function meanOf(values: readonly number[]): number {
  if (values.length === 0) return 0;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function squaresAround(values: readonly number[], mean: number): number {
  return values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0);
}
