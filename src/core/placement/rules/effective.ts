/**
 * The rules that take part, in one shape: disabled ones are gone, services that nobody knows are left out, and
 * placement groups have become node-affinity rules. All is sorted, so that the order of the input does not count.
 */
import { compareIds, type NodeId, type ServiceId } from "../../ids.ts";
import type { NodePriority, PlacementGroup, Rule } from "../../model/rule.ts";

/** A rule about services and their neighbours. */
export interface EffectiveAffinity {
  readonly name: string;
  /** Each once, sorted by id. */
  readonly services: readonly ServiceId[];
}

/** A rule about services and nodes. */
export interface EffectiveNodeAffinity extends EffectiveAffinity {
  /** Sorted by node; holds nodes that nobody knows too: they never match. */
  readonly priorities: ReadonlyMap<NodeId, number>;
  readonly strict: boolean;
}

/** Each list is sorted by name. */
export interface EffectiveRules {
  readonly nodeAffinity: readonly EffectiveNodeAffinity[];
  readonly positive: readonly EffectiveAffinity[];
  readonly negative: readonly EffectiveAffinity[];
}

/** What rules are made of; the meaning of the fields is `RulebookInput`'s. */
export interface RuleSource {
  readonly rules: readonly Rule[];
  readonly groups: readonly PlacementGroup[];
  readonly members: Iterable<{ readonly service: ServiceId; readonly group: string }>;
  readonly services: { has(service: ServiceId): boolean };
}

/** Brings rules and groups into one shape. */
export function effectiveRulesOf(source: RuleSource): EffectiveRules {
  const nodeAffinity = groupRulesOf(source);
  const positive: EffectiveAffinity[] = [];
  const negative: EffectiveAffinity[] = [];
  for (const rule of source.rules) {
    if (rule.disabled) continue;
    const { name } = rule;
    const services = knownServices(rule.services, source.services);
    if (rule.kind === "node-affinity") {
      const priorities = prioritiesOf(rule.nodes);
      nodeAffinity.push({ name, services, priorities, strict: rule.strict });
    } else if (rule.affinity === "positive") positive.push({ name, services });
    else negative.push({ name, services });
  }
  return {
    nodeAffinity: nodeAffinity.sort(byName),
    positive: positive.sort(byName),
    negative: negative.sort(byName),
  };
}

function groupRulesOf(source: RuleSource): EffectiveNodeAffinity[] {
  const membersOf = new Map<string, ServiceId[]>();
  for (const { service, group } of source.members) {
    const members = membersOf.get(group);
    if (members === undefined) membersOf.set(group, [service]);
    else members.push(service);
  }
  return source.groups.map((group) => ({
    name: `group ${group.name}`,
    services: knownServices(membersOf.get(group.name) ?? [], source.services),
    priorities: prioritiesOf(group.nodes),
    strict: group.restricted,
  }));
}

function knownServices(
  services: readonly ServiceId[],
  known: { has(service: ServiceId): boolean },
): readonly ServiceId[] {
  return [...new Set(services)].filter((service) => known.has(service)).sort(compareIds);
}

/** A node that is listed twice has the higher of its priorities. */
function prioritiesOf(nodes: readonly NodePriority[]): ReadonlyMap<NodeId, number> {
  const priorities = new Map<NodeId, number>();
  for (const { node, priority } of [...nodes].sort((a, b) => compareIds(a.node, b.node))) {
    priorities.set(node, Math.max(priority, priorities.get(node) ?? priority));
  }
  return priorities;
}

function byName(left: EffectiveAffinity, right: EffectiveAffinity): number {
  return compareIds(left.name, right.name);
}
