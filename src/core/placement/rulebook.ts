/**
 * What all rules together mean for each service, worked out once when a rule, a group, a node or a service comes or
 * goes, so that placing a service only looks its own lines up.
 */
import { compareIds, type NodeId, type ServiceId } from "../ids.ts";
import type { PlacementGroup, Rule } from "../model/rule.ts";
import { type EffectiveAffinity, effectiveRulesOf } from "./rules/effective.ts";
import { mergePositive, type PositiveGroup } from "./rules/merge.ts";
import { type RuleRejection, rejectionsOf } from "./rules/reject.ts";

export type { RuleRejection } from "./rules/reject.ts";

/** Which nodes a service prefers, or, `strict`, may run on at all. */
export interface NodeAffinity {
  /** The rule's name; of a placement group `group <name>`. */
  readonly rule: string;
  /** Priority of each listed node, sorted by node; the highest that is available wins. */
  readonly priorities: ReadonlyMap<NodeId, number>;
  readonly strict: boolean;
}

/** The rules in force, by service. A service that is in none of the maps is bound by nothing. */
export interface Rulebook {
  /** The service's own, its group's, or that of a service that it runs together with. */
  readonly nodeAffinity: ReadonlyMap<ServiceId, NodeAffinity>;
  /** The services that it runs on one node with, sorted by id. */
  readonly together: ReadonlyMap<ServiceId, readonly ServiceId[]>;
  /** The services that it never runs on one node with, those of its company included, sorted by id. */
  readonly apart: ReadonlyMap<ServiceId, readonly ServiceId[]>;
  /** Rules that are ignored, sorted by name. */
  readonly rejections: readonly RuleRejection[];
}

/** All that rules are made of, each in any order. */
export interface RulebookInput {
  readonly rules: readonly Rule[];
  readonly groups: readonly PlacementGroup[];
  /** Services with the name of their placement group; a group that does not exist binds nobody. */
  readonly members: Iterable<{ readonly service: ServiceId; readonly group: string }>;
  /** Known nodes. */
  readonly nodes: ReadonlySet<NodeId>;
  /** Known services: a rule's services that do not exist are left out. */
  readonly services: { has(service: ServiceId): boolean };
}

/** Nobody is bound by anything. */
export const emptyRulebook: Rulebook = {
  nodeAffinity: new Map(),
  together: new Map(),
  apart: new Map(),
  rejections: [],
};

/** Compiles the rules. Rules that contradict each other are left out, each with the reason. */
export function compileRulebook(input: RulebookInput): Rulebook {
  const rules = effectiveRulesOf(input);
  const rejections = rejectionsOf(rules, input.nodes.size);
  const rejected = new Set(rejections.map(({ rule }) => rule));
  const isInForce = (rule: EffectiveAffinity) => !rejected.has(rule.name);
  const groups = mergePositive(rules.positive.filter(isInForce));
  const groupOf = new Map<ServiceId, PositiveGroup>();
  for (const group of groups) for (const service of group.services) groupOf.set(service, group);
  const nodeAffinity = new Map<ServiceId, NodeAffinity>();
  for (const { name, services, priorities, strict } of rules.nodeAffinity.filter(isInForce)) {
    const affinity = { rule: name, priorities, strict };
    for (const service of services) {
      for (const bound of companyOf(service, groupOf)) nodeAffinity.set(bound, affinity);
    }
  }
  return {
    nodeAffinity,
    together: togetherOf(groups),
    apart: apartOf(rules.negative.filter(isInForce), groupOf),
    rejections: withoutRepeats(rejections),
  };
}

/** The service and those that it runs with. */
function companyOf(
  service: ServiceId,
  groupOf: ReadonlyMap<ServiceId, PositiveGroup>,
): readonly ServiceId[] {
  return groupOf.get(service)?.services ?? [service];
}

function togetherOf(groups: readonly PositiveGroup[]): Rulebook["together"] {
  const together = new Map<ServiceId, readonly ServiceId[]>();
  for (const { services } of groups) {
    for (const service of services) {
      together.set(
        service,
        services.filter((other) => other !== service),
      );
    }
  }
  return together;
}

/**
 * Whoever is kept apart from a service is kept apart from its whole company. Two services that are only both company
 * of such a pair are not: each follows its own.
 */
function apartOf(
  negatives: readonly EffectiveAffinity[],
  groupOf: ReadonlyMap<ServiceId, PositiveGroup>,
): Rulebook["apart"] {
  const apart = new Map<ServiceId, Set<ServiceId>>();
  const add = (service: ServiceId, other: ServiceId): void => {
    const counterparts = apart.get(service);
    if (counterparts === undefined) apart.set(service, new Set([other]));
    else counterparts.add(other);
  };
  for (const { services } of negatives) {
    for (const left of services) {
      for (const right of services) {
        if (left === right) continue;
        for (const service of companyOf(left, groupOf)) {
          add(service, right);
          add(right, service);
        }
      }
    }
  }
  return new Map([...apart].map(([service, others]) => [service, [...others].sort(compareIds)]));
}

function withoutRepeats(rejections: readonly RuleRejection[]): readonly RuleRejection[] {
  const distinct = new Map(rejections.map((one) => [`${one.rule}\n${one.because}`, one]));
  // The sort keeps the order of the checks within a rule.
  return [...distinct.values()].sort((left, right) => compareIds(left.rule, right.rule));
}
