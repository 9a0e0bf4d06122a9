/** What no part of a scenario shows alone: rules that contradict each other, and circles in the order of services. */
import type { NodeId, ServiceId } from "../../../core/ids.ts";
import type { PlacementGroup, Rule } from "../../../core/model/rule.ts";
import { compileRulebook, type RuleRejection } from "../../../core/placement/rulebook.ts";
import type { NodePlan, ServicePlan, TimedAction } from "../../plan.ts";

/** The rules that the manager would ignore from the start, with the reasons. */
export function contradictionsOf(plan: {
  readonly nodes: readonly Pick<NodePlan, "node">[];
  readonly services: readonly Pick<ServicePlan, "id" | "group">[];
  readonly groups: readonly PlacementGroup[];
  readonly rules: readonly Rule[];
}): readonly RuleRejection[] {
  const nodes: ReadonlySet<NodeId> = new Set(plan.nodes.map(({ node }) => node));
  const services: ReadonlySet<ServiceId> = new Set(plan.services.map(({ id }) => id));
  const members = plan.services.flatMap(({ id, group }) =>
    group === undefined ? [] : [{ service: id, group }],
  );
  const { groups, rules } = plan;
  return compileRulebook({ rules, groups, members, nodes, services }).rejections;
}

/** Services that wait for each other, in their order, the first one again at the end; undefined: none do. */
export function cycleOf(
  services: readonly ServicePlan[],
  actions: readonly TimedAction[],
): readonly ServiceId[] | undefined {
  const added = actions.flatMap(({ action }) => (action.kind === "add" ? [action.service] : []));
  const all = new Map([...services, ...added].map((service) => [service.id, service]));
  const done = new Set<ServiceId>();
  for (const id of all.keys()) {
    const cycle = visit(id, [], { all, done });
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function visit(
  id: ServiceId,
  way: readonly ServiceId[],
  graph: { readonly all: ReadonlyMap<ServiceId, ServicePlan>; readonly done: Set<ServiceId> },
): readonly ServiceId[] | undefined {
  if (way.includes(id)) return [...way.slice(way.indexOf(id)), id];
  if (graph.done.has(id)) return undefined;
  const service = graph.all.get(id);
  for (const next of [...(service?.after ?? []), ...(service?.requires ?? [])]) {
    const cycle = visit(next, [...way, id], graph);
    if (cycle !== undefined) return cycle;
  }
  graph.done.add(id);
  return undefined;
}
