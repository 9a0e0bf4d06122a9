/**
 * Picks the node of one service: rules first, then room, then where it is or was, then load. Staying is decided
 * without a look at the other nodes, so that a report costs the same in a small cluster and in a large one.
 */
import { compareIds, type NodeId } from "../ids.ts";
import {
  type Bounds,
  boundsOf,
  isNarrowed,
  type Level,
  levelsOf,
  mayStayOn,
  obstacleOf,
} from "./candidates.ts";
import { obstacleSentence } from "./obstacle-sentence.ts";
import type { SelectInput } from "./select-input.ts";

export type { SelectInput, Whereabouts } from "./select-input.ts";

/** The node that was chosen. */
export interface Selection {
  readonly node: NodeId;
  /** Why this one. */
  readonly because:
    | "only-one-left"
    | "best-score"
    | "current-is-fine"
    | "no-failback"
    | "maintenance-over"
    | "affinity"
    | "next-untried";
}

/** The node for a service, or undefined when none is permitted now. Never breaks a strict rule (S8). */
export function selectNode(input: SelectInput): Selection | undefined {
  const bounds = boundsOf(input);
  if (staysWithoutFailback(input, bounds)) {
    return { node: input.current, because: "no-failback" };
  }
  const level = decidingLevel(input, bounds);
  if (level === undefined) return undefined;
  const preferred = settledNode(input, bounds, level);
  if (preferred !== undefined) return preferred;
  const nodes = permittedNodes(input, bounds, level).filter((node) => hasRoom(input, node));
  const [only, ...others] = nodes;
  if (only === undefined) return undefined;
  if (others.length > 0) return bestOf(input, nodes);
  if (input.preference === "try-next" && only !== input.current) {
    return { node: only, because: "next-untried" };
  }
  return { node: only, because: isNarrowed(bounds, level) ? "affinity" : "only-one-left" };
}

/** Why a node is not taken. */
export interface Refusal {
  /** It would do, were there no better ones. */
  readonly isLessPreferred: boolean;
  /** Without its subject's name. */
  readonly sentence: string;
}

/**
 * Why each online node is not to take the service, or undefined when it may. The node that `selectNode` takes is never
 * refused.
 */
export function refusalsOf(input: SelectInput): ReadonlyMap<NodeId, Refusal | undefined> {
  const bounds = boundsOf(input);
  const level = decidingLevel(input, bounds) ?? { priority: 0, pinned: undefined };
  const keeps = staysWithoutFailback(input, bounds) ? input.current : undefined;
  return new Map(
    input.online.map((node) => [
      node,
      node === keeps ? undefined : refusalBy(input, { bounds, level, node }),
    ]),
  );
}

function refusalBy(input: SelectInput, place: Place): Refusal | undefined {
  const { bounds, level, node } = place;
  const obstacle = obstacleOf(bounds, level, node);
  const isLessPreferred = obstacle === "less-preferred";
  if (obstacle !== undefined && !isLessPreferred) {
    return { isLessPreferred, sentence: obstacleSentence(obstacle, place) };
  }
  const lack = node === input.current ? undefined : input.refusal(node);
  if (lack !== undefined) return { isLessPreferred: false, sentence: lack };
  return isLessPreferred ? { isLessPreferred, sentence: obstacleSentence(obstacle, place) } : lack;
}

/** Without failback it stays on any node that is permitted, whatever the priorities say. */
function staysWithoutFailback(
  input: SelectInput,
  bounds: Bounds,
): input is SelectInput & { readonly current: NodeId } {
  if (input.preference !== "stay" || input.failback || input.current === undefined) return false;
  return mayStayOn(input, bounds, input.current);
}

/**
 * The highest level that is available. One whose nodes all lack room is not, unless the company is there: then the
 * service waits for room. Where rules leave no node of a level, it waits too.
 */
function decidingLevel(input: SelectInput, bounds: Bounds): Level | undefined {
  const levels = levelsOf(input, bounds);
  for (const level of levels) {
    if (level.pinned !== undefined || settledNode(input, bounds, level) !== undefined) return level;
    const nodes = permittedNodes(input, bounds, level);
    if (nodes.length === 0 || nodes.some((node) => hasRoom(input, node))) return level;
  }
  return levels.at(-1);
}

/** The node that the service has a claim to: the one that it left for maintenance, else the one that it is on. */
function settledNode(input: SelectInput, bounds: Bounds, level: Level): Selection | undefined {
  const { maintenanceNode, current, preference } = input;
  if (maintenanceNode !== undefined && mayTake(input, { bounds, level, node: maintenanceNode })) {
    return { node: maintenanceNode, because: "maintenance-over" };
  }
  if (preference !== "stay" || current === undefined) return undefined;
  if (!mayTake(input, { bounds, level, node: current })) return undefined;
  return { node: current, because: "current-is-fine" };
}

/** A node, seen with what binds the service. */
interface Place {
  readonly bounds: Bounds;
  readonly level: Level;
  readonly node: NodeId;
}

function mayTake(input: SelectInput, place: Place): boolean {
  if (!input.isOnline(place.node)) return false;
  if (obstacleOf(place.bounds, place.level, place.node) !== undefined) return false;
  return hasRoom(input, place.node);
}

function hasRoom(input: SelectInput, node: NodeId): boolean {
  return node === input.current || input.refusal(node) === undefined;
}

/** Online nodes that no rule is against, sorted by id; where better levels had no room their nodes are among them. */
function permittedNodes(input: SelectInput, bounds: Bounds, level: Level): readonly NodeId[] {
  return input.online.filter(
    (node) => input.isOnline(node) && obstacleOf(bounds, level, node) === undefined,
  );
}

function bestOf(input: SelectInput, nodes: readonly NodeId[]): Selection {
  const scores = input.score(nodes);
  const scoreOf = (node: NodeId) => scores.get(node) ?? Number.POSITIVE_INFINITY;
  const isBefore = (left: NodeId, right: NodeId) =>
    scoreOf(left) === scoreOf(right) ? compareIds(left, right) < 0 : scoreOf(left) < scoreOf(right);
  const first = (among: readonly NodeId[]) =>
    among.reduce((best, node) => (isBefore(node, best) ? node : best));
  const { preference, current } = input;
  if (preference !== "try-next") return { node: first(nodes), because: "best-score" };
  const isThere = current !== undefined && nodes.includes(current);
  const following = isThere ? nodes.filter((node) => isBefore(current, node)) : [];
  return { node: first(following.length > 0 ? following : nodes), because: "next-untried" };
}
