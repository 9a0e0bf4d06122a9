/** Positive rules that share a service are one: whoever runs with a service runs with its other company too. */
import { compareIds, type ServiceId } from "../../ids.ts";
import type { EffectiveAffinity } from "./effective.ts";

/** Services that run on one node. */
export interface PositiveGroup {
  /** The rules that it was merged from, in the order in which they were given. */
  readonly rules: readonly EffectiveAffinity[];
  /** All their services, each once, sorted by id. */
  readonly services: readonly ServiceId[];
}

/** Merges rules that share services; the groups have no service in common and are sorted by first service. */
export function mergePositive(rules: readonly EffectiveAffinity[]): readonly PositiveGroup[] {
  const rulesOf = new Map<ServiceId, EffectiveAffinity[]>();
  for (const rule of rules) {
    for (const service of rule.services) {
      const known = rulesOf.get(service);
      if (known === undefined) rulesOf.set(service, [rule]);
      else known.push(rule);
    }
  }
  const merged = new Set<EffectiveAffinity>();
  const groups: PositiveGroup[] = [];
  for (const rule of rules) {
    if (merged.has(rule) || rule.services.length === 0) continue;
    groups.push(groupFrom(rule, { rulesOf, merged, order: rules }));
  }
  return groups.sort((a, b) => compareIds(a.services[0] ?? "", b.services[0] ?? ""));
}

/** Follows shared services from one rule to all that are connected to it. */
function groupFrom(
  first: EffectiveAffinity,
  graph: {
    readonly rulesOf: ReadonlyMap<ServiceId, readonly EffectiveAffinity[]>;
    readonly merged: Set<EffectiveAffinity>;
    readonly order: readonly EffectiveAffinity[];
  },
): PositiveGroup {
  const found = new Set([first]);
  const services = new Set<ServiceId>();
  // A set that grows while it is walked through is walked to its end.
  for (const rule of found) {
    graph.merged.add(rule);
    for (const service of rule.services) {
      if (services.has(service)) continue;
      services.add(service);
      for (const other of graph.rulesOf.get(service) ?? []) found.add(other);
    }
  }
  return {
    rules: found.size === 1 ? [first] : graph.order.filter((rule) => found.has(rule)),
    services: [...services].sort(compareIds),
  };
}
