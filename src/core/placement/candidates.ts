/**
 * What stands between a service and a node: rules, earlier failures, neighbours. Both choosing a node and explaining
 * why a node was not chosen ask here, so that they cannot disagree.
 */
import { compareIds, type NodeId, type ServiceId } from "../ids.ts";
import type { NodeAffinity } from "./rulebook.ts";
import type { SelectInput } from "./select-input.ts";

/** Priority of nodes that a rule does not list and does not forbid: below every listed one. */
const unlisted = Number.NEGATIVE_INFINITY;

/** What binds one service now. */
export interface Bounds {
  readonly affinity: NodeAffinity | undefined;
  /** Nodes that a counterpart is on or heading to, with the first such counterpart. */
  readonly apart: ReadonlyMap<NodeId, ServiceId>;
  /** How many of its company are, or will be, on each node. */
  readonly together: ReadonlyMap<NodeId, number>;
  /** Nodes where it failed to start, if those are to be avoided. */
  readonly failed: readonly NodeId[];
}

/** The nodes of one priority, which are considered together. */
export interface Level {
  readonly priority: number;
  /** The one node where most of its company is, if that is in question; no other node will do then. */
  readonly pinned: NodeId | undefined;
}

/** What keeps the service off a node. `less-preferred`: nothing but that better ones are there. */
export type Obstacle =
  | "forbidden"
  | "failed-there"
  | "apart"
  | "company-elsewhere"
  | "less-preferred";

const noCounterparts: Bounds["apart"] = new Map();
const noCompany: Bounds["together"] = new Map();

/** Gathers what binds the service; costs as much as it has rules, and nothing without. */
export function boundsOf(input: SelectInput): Bounds {
  const { rulebook, service, preference, failedNodes } = input;
  return {
    affinity: rulebook.nodeAffinity.get(service),
    apart: apartNodes(input, rulebook.apart.get(service)),
    together: companyNodes(input, rulebook.together.get(service)),
    failed: preference === "try-next" ? failedNodes : [],
  };
}

function apartNodes(
  input: SelectInput,
  counterparts: readonly ServiceId[] | undefined,
): Bounds["apart"] {
  if (counterparts === undefined) return noCounterparts;
  const nodes = new Map<NodeId, ServiceId>();
  for (const counterpart of counterparts) {
    const { node, target } = input.whereabouts(counterpart);
    if (node !== undefined && !nodes.has(node)) nodes.set(node, counterpart);
    if (target !== undefined && !nodes.has(target)) nodes.set(target, counterpart);
  }
  return nodes;
}

/** One that moves counts where it will be. */
function companyNodes(
  input: SelectInput,
  company: readonly ServiceId[] | undefined,
): Bounds["together"] {
  if (company === undefined) return noCompany;
  const counts = new Map<NodeId, number>();
  for (const member of company) {
    const { node, target } = input.whereabouts(member);
    const place = target ?? node;
    if (place !== undefined) counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return counts;
}

/** The levels that have an online node, the highest first. A rule that is not strict ends with all other nodes. */
export function levelsOf(input: SelectInput, bounds: Bounds): readonly Level[] {
  const priorities = new Set<number>();
  if (bounds.affinity !== undefined) {
    for (const [node, priority] of bounds.affinity.priorities) {
      if (input.isOnline(node)) priorities.add(priority);
    }
  }
  if (bounds.affinity?.strict !== true) priorities.add(unlisted);
  return [...priorities]
    .sort((left, right) => right - left)
    .map((priority) => ({ priority, pinned: pinnedAt(input, bounds, priority) }));
}

/** Where most of the company is among the nodes of the level; of equals the first by name. */
function pinnedAt(input: SelectInput, bounds: Bounds, priority: number): NodeId | undefined {
  const level = { priority, pinned: undefined };
  return majority(
    bounds,
    (node) => input.isOnline(node) && obstacleOf(bounds, level, node) === undefined,
  );
}

function majority(bounds: Bounds, counts: (node: NodeId) => boolean): NodeId | undefined {
  let best: { readonly node: NodeId; readonly count: number } | undefined;
  for (const [node, count] of bounds.together) {
    if (!counts(node)) continue;
    const isBetter =
      best === undefined ||
      count > best.count ||
      (count === best.count && compareIds(node, best.node) < 0);
    if (isBetter) best = { node, count };
  }
  return best?.node;
}

/**
 * What keeps the service off an online node when `level` is the best there is; undefined: nothing does. What would keep
 * it off whatever the level is comes first.
 */
export function obstacleOf(bounds: Bounds, level: Level, node: NodeId): Obstacle | undefined {
  const priority = priorityOf(bounds.affinity, node);
  if (priority === undefined) return "forbidden";
  if (bounds.failed.includes(node)) return "failed-there";
  if (bounds.apart.has(node)) return "apart";
  if (level.pinned !== undefined && level.pinned !== node) return "company-elsewhere";
  return priority < level.priority ? "less-preferred" : undefined;
}

/** Whether the service may stay on a node, of whatever priority, as far as rules go. */
export function mayStayOn(input: SelectInput, bounds: Bounds, node: NodeId): boolean {
  if (!input.isOnline(node) || bounds.apart.has(node)) return false;
  if (priorityOf(bounds.affinity, node) === undefined) return false;
  const company = majority(
    bounds,
    (other) =>
      input.isOnline(other) &&
      !bounds.apart.has(other) &&
      priorityOf(bounds.affinity, other) !== undefined,
  );
  return company === undefined || company === node;
}

/** Undefined: the node is forbidden. */
function priorityOf(affinity: NodeAffinity | undefined, node: NodeId): number | undefined {
  const listed = affinity?.priorities.get(node);
  if (listed !== undefined) return listed;
  return affinity?.strict === true ? undefined : unlisted;
}

/** Whether a rule, rather than what is online, made the level as small as it is. */
export function isNarrowed(bounds: Bounds, level: Level): boolean {
  return level.priority !== unlisted || level.pinned !== undefined || bounds.apart.size > 0;
}
