/**
 * Finds the rules that cannot hold together. They are judged as they were written, before anything is inferred from
 * them, and every rule that takes part in a contradiction is ignored: which of them was meant, nobody can tell.
 */
import { compareIds, type NodeId, type ServiceId } from "../../ids.ts";
import type { EffectiveAffinity, EffectiveNodeAffinity, EffectiveRules } from "./effective.ts";
import { mergePositive, type PositiveGroup } from "./merge.ts";

/** A rule that is ignored, and why. */
export interface RuleRejection {
  /** The rule's name; of a placement group `group <name>`. */
  readonly rule: string;
  /** A sentence for a person, naming services, nodes and the other rules. */
  readonly because: string;
}

/** What the checks share: the rules, and which node-affinity rules name a service. */
interface Evidence {
  readonly rules: EffectiveRules;
  readonly groups: readonly PositiveGroup[];
  readonly naming: ReadonlyMap<ServiceId, readonly EffectiveNodeAffinity[]>;
  /** Nodes of the cluster. */
  readonly nodeCount: number;
}

type Check = (evidence: Evidence) => readonly RuleRejection[];

const checks: readonly Check[] = [
  twoNodeAffinities,
  tooFewServices,
  tooFewNodes,
  togetherAndApart,
  severalPriorities,
  twoNodeAffinitiesInGroup,
  tooFewPermittedNodes,
];

/** Names in a sentence; the rest is counted. */
const namesShownMax = 5;

/** Every rejection, in the order of the checks, then by rule; one rule may be rejected for several reasons. */
export function rejectionsOf(rules: EffectiveRules, nodeCount: number): readonly RuleRejection[] {
  const naming = new Map<ServiceId, EffectiveNodeAffinity[]>();
  for (const rule of rules.nodeAffinity) {
    for (const service of rule.services) {
      const known = naming.get(service);
      if (known === undefined) naming.set(service, [rule]);
      else known.push(rule);
    }
  }
  const evidence = { rules, groups: mergePositive(rules.positive), naming, nodeCount };
  return checks.flatMap((check) => check(evidence));
}

function twoNodeAffinities({ rules, naming }: Evidence): readonly RuleRejection[] {
  return rules.nodeAffinity.flatMap((rule) => {
    const shared = rule.services.filter((service) => (naming.get(service)?.length ?? 0) > 1);
    if (shared.length === 0) return [];
    const others = pairedWith(shared, naming).filter((other) => other !== rule);
    const verb = shared.length === 1 ? "is" : "are";
    const because =
      `${listed(shared)} ${verb} also in ${quoted(others)}, ` +
      "and a service may be in one node-affinity rule only";
    return [{ rule: rule.name, because }];
  });
}

function tooFewServices({ rules }: Evidence): readonly RuleRejection[] {
  return [...rules.positive, ...rules.negative]
    .filter((rule) => rule.services.length < 2)
    .map(({ name, services }) => ({
      rule: name,
      because:
        services.length === 0
          ? "none of its services exists, and it needs two"
          : `${listed(services)} is the only one of its services that exists, and it needs two`,
    }));
}

function tooFewNodes({ rules, nodeCount }: Evidence): readonly RuleRejection[] {
  return rules.negative
    .filter((rule) => rule.services.length > nodeCount)
    .map(({ name, services }) => ({
      rule: name,
      because:
        `its ${services.length} services (${listed(services)}) need a node each, ` +
        `and the cluster has ${nodeCount}`,
    }));
}

function togetherAndApart({ rules, groups }: Evidence): readonly RuleRejection[] {
  const rejections: RuleRejection[] = [];
  const groupOf = new Map<ServiceId, PositiveGroup>();
  for (const group of groups) for (const service of group.services) groupOf.set(service, group);
  for (const negative of rules.negative) {
    const found = new Map<PositiveGroup, ServiceId[]>();
    for (const service of negative.services) {
      const group = groupOf.get(service);
      if (group === undefined) continue;
      const shared = found.get(group);
      if (shared === undefined) found.set(group, [service]);
      else shared.push(service);
    }
    for (const [group, shared] of found) {
      if (shared.length < 2) continue;
      const names = listed(shared);
      const positives = quoted(group.rules);
      rejections.push({
        rule: negative.name,
        because: `it keeps ${names} apart, and they are to run together by ${positives}`,
      });
      for (const rule of group.rules) {
        const because = `by ${positives} ${names} are to run together, and "${negative.name}" keeps them apart`;
        rejections.push({ rule: rule.name, because });
      }
    }
  }
  return rejections;
}

function severalPriorities({ rules, naming }: Evidence): readonly RuleRejection[] {
  return [...rules.positive, ...rules.negative].flatMap((affinity) => {
    const paired = pairedWith(affinity.services, naming);
    const graded = paired.filter(hasSeveralPriorities);
    if (graded.length === 0) return [];
    const because =
      `its services are also in rules that give nodes different priorities (${quoted(graded)}): ` +
      "which of these counts would change with the nodes that are online";
    return [
      { rule: affinity.name, because },
      ...paired.map((rule) => ({
        rule: rule.name,
        because: hasSeveralPriorities(rule)
          ? `it gives nodes different priorities, and its services are also in "${affinity.name}"`
          : `its services are also in "${affinity.name}", as are those of ${quoted(graded)}, where nodes have different priorities`,
      })),
    ];
  });
}

function twoNodeAffinitiesInGroup({ groups, naming }: Evidence): readonly RuleRejection[] {
  return groups.flatMap((group) => {
    const paired = pairedWith(group.services, naming);
    if (paired.length < 2) return [];
    const names = listed(group.services);
    return [...group.rules, ...paired].map((rule) => ({
      rule: rule.name,
      because: `${names} run together, and they are in different node-affinity rules: ${quoted(paired)}`,
    }));
  });
}

/**
 * Nodes of rules that are not strict count too: while one of them is online the other nodes are not considered, and
 * the services would have nowhere to go.
 */
function tooFewPermittedNodes({ rules, naming }: Evidence): readonly RuleRejection[] {
  return rules.negative.flatMap((negative) => {
    const paired = pairedWith(negative.services, naming);
    const bound = negative.services.filter((service) => naming.has(service));
    const nodes = new Set<NodeId>();
    for (const rule of paired) for (const node of rule.priorities.keys()) nodes.add(node);
    if (nodes.size >= bound.length) return [];
    const because =
      `"${negative.name}" keeps ${listed(bound)} apart, ` +
      `and by ${quoted(paired)} they have ${nodeCountOf(nodes)}`;
    return [negative, ...paired].map((rule) => ({ rule: rule.name, because }));
  });
}

/** The node-affinity rules that name one of the services, each once, in the order of their names. */
function pairedWith(
  services: readonly ServiceId[],
  naming: Evidence["naming"],
): readonly EffectiveNodeAffinity[] {
  const found = new Set<EffectiveNodeAffinity>();
  for (const service of services) for (const rule of naming.get(service) ?? []) found.add(rule);
  return [...found].sort((left, right) => compareIds(left.name, right.name));
}

function hasSeveralPriorities(rule: EffectiveNodeAffinity): boolean {
  return new Set(rule.priorities.values()).size > 1;
}

function nodeCountOf(nodes: ReadonlySet<NodeId>): string {
  if (nodes.size === 0) return "no node";
  const names = listed([...nodes].sort(compareIds));
  return nodes.size === 1 ? `1 node: ${names}` : `${nodes.size} nodes: ${names}`;
}

function quoted(rules: readonly EffectiveAffinity[]): string {
  return listed(rules.map((rule) => `"${rule.name}"`));
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShownMax);
  if (names.length > shown.length) {
    return `${shown.join(", ")} and ${names.length - shown.length} more`;
  }
  const last = shown.pop();
  if (last === undefined) return "none";
  return shown.length === 0 ? last : `${shown.join(", ")} and ${last}`;
}
