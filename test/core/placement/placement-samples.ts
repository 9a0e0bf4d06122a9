/** Short ways to write rules, loads and choices down in placement's tests. */
import type { NodeId, ServiceId } from "../../../src/core/ids.ts";
import { parseNodeId, parseServiceId } from "../../../src/core/ids.ts";
import type {
  NodeAffinityRule,
  PlacementGroup,
  ResourceAffinityRule,
  Rule,
} from "../../../src/core/model/rule.ts";
import {
  compileRulebook,
  emptyRulebook,
  type Rulebook,
} from "../../../src/core/placement/rulebook.ts";
import type { SelectInput, Whereabouts } from "../../../src/core/placement/select-node.ts";
import type { NodeLoad } from "../../../src/core/placement/usage.ts";

export const gibibyte: number = 1024 ** 3;

export function node(name: string): NodeId {
  const parsed = parseNodeId(name);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export function service(name: string): ServiceId {
  const parsed = parseServiceId(name.includes(":") ? name : `vm:${name}`);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** `words("n1 n2")` is `["n1", "n2"]`. */
export function words(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

export function nodes(text: string): NodeId[] {
  return words(text).map(node);
}

export function services(text: string): ServiceId[] {
  return words(text).map(service);
}

/** `"n1 n2:5"`: n1 with priority 0, n2 with 5. */
export function priorities(text: string): NodeAffinityRule["nodes"] {
  return words(text).map((word) => {
    const [name = "", priority = "0"] = word.split(":");
    return { node: node(name), priority: Number(priority) };
  });
}

export function prefers(
  name: string,
  members: string,
  on: string,
  options: { strict?: boolean; disabled?: boolean } = {},
): NodeAffinityRule {
  const { strict = false, disabled = false } = options;
  const kind = "node-affinity";
  return { kind, name, services: services(members), nodes: priorities(on), strict, disabled };
}

export function together(name: string, members: string, disabled = false): ResourceAffinityRule {
  const kind = "resource-affinity";
  return { kind, name, services: services(members), affinity: "positive", disabled };
}

export function apart(name: string, members: string, disabled = false): ResourceAffinityRule {
  const kind = "resource-affinity";
  return { kind, name, services: services(members), affinity: "negative", disabled };
}

export function group(
  name: string,
  on: string,
  options: { restricted?: boolean; nofailback?: boolean } = {},
): PlacementGroup {
  const { restricted = false, nofailback = false } = options;
  return { name, nodes: priorities(on), restricted, nofailback };
}

/** Compiles for a cluster of these nodes, where all services exist unless said otherwise. */
export function compiled(
  rules: readonly Rule[],
  options: {
    groups?: readonly PlacementGroup[];
    members?: Readonly<Record<string, string>>;
    nodes?: string;
    missing?: string;
  } = {},
): Rulebook {
  const missing = new Set(services(options.missing ?? ""));
  return compileRulebook({
    rules,
    groups: options.groups ?? [],
    members: Object.entries(options.members ?? {}).flatMap(([name, those]) =>
      services(those).map((id) => ({ service: id, group: name })),
    ),
    nodes: new Set(nodes(options.nodes ?? "n1 n2 n3")),
    services: { has: (id) => !missing.has(id) },
  });
}

/** What a test says about one choice; the rest is the plainest there is. */
export interface Situation {
  rulebook?: Rulebook;
  service?: string;
  current?: string;
  preference?: SelectInput["preference"];
  failback?: boolean;
  failed?: string;
  maintenance?: string;
  online?: string;
  /** Where others are: `"n1"` or `"n1>n2"`. */
  others?: Readonly<Record<string, string>>;
  /** Nodes without room. */
  full?: string;
  scores?: Readonly<Record<string, number>>;
}

export function situation(said: Situation): SelectInput {
  const online = nodes(said.online ?? "n1 n2 n3").sort();
  const full = new Set(nodes(said.full ?? ""));
  const places = new Map(
    Object.entries(said.others ?? {}).map(([id, place]) => [service(id), whereabouts(place)]),
  );
  return {
    service: service(said.service ?? "a"),
    current: said.current === undefined ? undefined : node(said.current),
    preference: said.preference ?? "stay",
    failback: said.failback ?? true,
    failedNodes: nodes(said.failed ?? ""),
    maintenanceNode: said.maintenance === undefined ? undefined : node(said.maintenance),
    rulebook: said.rulebook ?? emptyRulebook,
    online,
    isOnline: (id) => online.includes(id),
    whereabouts: (id) => places.get(id) ?? { node: undefined, target: undefined },
    refusal: (id) => (full.has(id) ? "it is full" : undefined),
    score: (asked) => new Map(asked.map((id) => [id, said.scores?.[id] ?? 0])),
  };
}

function whereabouts(place: string): Whereabouts {
  const [at = "", target] = place.split(">");
  return {
    node: at === "" ? undefined : node(at),
    target: target === undefined ? undefined : node(target),
  };
}

/** A node with 24 cores and 48 GiB, of which this much is in use. */
export function load(name: string, cpuCores: number, memoryGibibytes: number): NodeLoad {
  return {
    node: node(name),
    serviceCount: 0,
    cpuCores,
    memoryBytes: memoryGibibytes * gibibyte,
    capacity: { cpuCores: 24, memoryBytes: 48 * gibibyte },
  };
}
