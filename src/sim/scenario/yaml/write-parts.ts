/** Parts of a plan as the fields that people write; what is the default is left out. */
import { serviceTypeOf } from "../../../core/ids.ts";
import type { Capacity } from "../../../core/model/capacity.ts";
import type { NodePriority, PlacementGroup, Rule } from "../../../core/model/rule.ts";
import type { Misbehaviour, NodePlan, Pace, ServicePlan } from "../../plan.ts";
import { defaultPace, defaultService } from "../defaults.ts";
import { writeDuration, writeSize } from "./quantity.ts";

/** A map as it is written; fields without a value are left out. */
export type Fields = Readonly<Record<string, unknown>>;

/** The fields that have a value. */
export function withoutUndefined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** An amount of machine. */
export function writeCapacity(capacity: Capacity | undefined): Fields | undefined {
  if (capacity === undefined) return undefined;
  return { cpuCores: capacity.cpuCores, memory: writeSize(capacity.memoryBytes) };
}

/** A node without its name. */
export function writeNode(node: NodePlan): Fields {
  return withoutUndefined({
    power: node.power === "on" ? undefined : node.power,
    network: node.network === "on" ? undefined : node.network,
    capacity: writeCapacity(node.capacity),
    taints: written(node.taints),
    server: node.server ? undefined : false,
    properties: node.properties,
    constraint: node.constraint,
  });
}

/** A service without its id. */
export function writeService(service: ServicePlan): Fields {
  const usual: Fields = { ...defaultService(service.id, serviceTypeOf(service.id)) };
  const { limits, misbehaviour, after, requires, tolerations, volumes, id: _, ...plain } = service;
  const changed = Object.entries(plain).filter(([name, value]) => value !== usual[name]);
  return withoutUndefined({
    ...Object.fromEntries(changed),
    limits: writeCapacity(limits),
    after: written(after),
    requires: written(requires),
    tolerations: written(tolerations),
    volumes: written(volumes),
    misbehaviour: misbehaviour === undefined ? undefined : writeMisbehaviour(misbehaviour),
  });
}

/** Nothing for an empty list. */
function written(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : names;
}

/** Every field, so that a workload that behaves well is told from none that was said. */
export function writeMisbehaviour(misbehaviour: Misbehaviour): Fields {
  return withoutUndefined({ ...misbehaviour });
}

/** A group without its name. */
export function writeGroup({ nodes, restricted, nofailback }: PlacementGroup): Fields {
  return withoutUndefined({
    nodes: writePriorities(nodes),
    restricted: restricted ? true : undefined,
    nofailback: nofailback ? true : undefined,
  });
}

/** A rule without its name. */
export function writeRule(rule: Rule): Fields {
  const shared = { type: rule.kind, services: rule.services };
  const disabled = rule.disabled ? true : undefined;
  if (rule.kind === "resource-affinity") {
    return withoutUndefined({ ...shared, affinity: rule.affinity, disabled });
  }
  const strict = rule.strict ? true : undefined;
  return withoutUndefined({ ...shared, nodes: writePriorities(rule.nodes), strict, disabled });
}

/** Names alone where all priorities are 0. A map would not keep the order of names that are numbers. */
function writePriorities(nodes: readonly NodePriority[]): unknown {
  if (nodes.every(({ priority }) => priority === 0)) return nodes.map(({ node }) => node);
  if (nodes.some(({ node }) => isNumber(node))) return nodes;
  return Object.fromEntries(nodes.map(({ node, priority }) => [node, priority]));
}

/** The fields of a pace that differ from production. */
export function writePace(pace: Pace): Fields {
  const span = (field: "roundMs" | "operationMs" | "messageMs" | "storeMs" | "bootMs") =>
    pace[field] === defaultPace[field] ? undefined : writeDuration(pace[field]);
  const { presence, watchdog, idleAfterMs, electionTtlMs } = pace;
  return withoutUndefined({
    round: span("roundMs"),
    operation: span("operationMs"),
    message: span("messageMs"),
    store: span("storeMs"),
    boot: span("bootMs"),
    presence: presence === defaultPace.presence ? undefined : presence,
    watchdog: watchdog === defaultPace.watchdog ? undefined : watchdog,
    idleAfter: idleAfterMs === defaultPace.idleAfterMs ? undefined : writeDuration(idleAfterMs),
    electionTtl:
      electionTtlMs === defaultPace.electionTtlMs ? undefined : writeDuration(electionTtlMs),
  });
}

/** A map from names, or, where its order would be lost, a list of maps that name themselves. */
export function writeNamed(
  parts: readonly (readonly [string, Fields])[],
  nameField: string,
): unknown {
  if (!parts.some(([name]) => isNumber(name))) return Object.fromEntries(parts);
  return parts.map(([name, fields]) => ({ [nameField]: name, ...fields }));
}

/** Such names move to the front of a map. */
function isNumber(name: string): boolean {
  return /^\d+$/.test(name);
}
