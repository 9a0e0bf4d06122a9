/** Services that cannot leave their node now: because of their volumes, or because strict rules leave them no other. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { Rulebook } from "../../core/placement/rulebook.ts";
import { compile, ruleFactsOf } from "../changes/rulebook.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** One of them, with the reason as the end of a sentence. */
export interface BoundService {
  readonly service: string;
  readonly because: string;
}

/** In no order. Of rules only those services are looked at that any rule names. */
export function boundIn(tables: ViewTables): readonly BoundService[] {
  const found: BoundService[] = [];
  const byVolumes = new Set<ServiceId>();
  for (const [service, { value }] of tables.statuses) {
    if (value.boundTo === undefined) continue;
    byVolumes.add(service);
    found.push({ service, because: `its volumes are on node ${value.boundTo}` });
  }
  const rulebook = compile(ruleFactsOf(tables));
  const open = [...tables.nodes]
    .filter(([node, { value }]) => value.mode === "enabled" && tables.leases.has(node))
    .map(([node]) => node);
  const { nodeAffinity, apart, together } = rulebook;
  const named = new Set([...nodeAffinity.keys(), ...apart.keys(), ...together.keys()]);
  for (const service of named) {
    const node = nodeOf(tables, service);
    if (node === undefined || byVolumes.has(service)) continue;
    const because =
      whyHeldByCompany(tables, together.get(service)) ??
      whyNoOther({ tables, rulebook, open }, service, node);
    if (because !== undefined) found.push({ service, because });
  }
  return found;
}

function nodeOf(tables: ViewTables, service: ServiceId): NodeId | undefined {
  return tables.statuses.get(service)?.value.node;
}

/** Nobody can order it away from a service that cannot leave; it goes alone only when that one's node is closed to it. */
function whyHeldByCompany(
  tables: ViewTables,
  company: readonly ServiceId[] = [],
): string | undefined {
  for (const other of company) {
    const bound = tables.statuses.get(other)?.value.boundTo;
    if (bound !== undefined)
      return `it runs together with ${other}, whose volumes are on node ${bound}`;
  }
  return undefined;
}

interface Places {
  readonly tables: ViewTables;
  readonly rulebook: Rulebook;
  /** Nodes that are online and take services. */
  readonly open: readonly NodeId[];
}

/** Undefined: there is another node for it. */
function whyNoOther(
  { tables, rulebook, open }: Places,
  service: ServiceId,
  node: NodeId,
): string | undefined {
  const affinity = rulebook.nodeAffinity.get(service);
  const apart = rulebook.apart.get(service) ?? [];
  // Most rules forbid no node: for their services the nodes are not looked at, which may be thousands each time.
  if (affinity?.strict !== true && apart.length === 0) return undefined;
  const isListed = (other: NodeId): boolean =>
    affinity?.strict !== true || affinity.priorities.has(other);
  const listed = open.filter((other) => other !== node && isListed(other));
  if (listed.length === 0) {
    if (affinity?.strict !== true) return undefined; // no other node is there, which is no rule's fault
    return `${affinity.rule} leaves it no other node that is online`;
  }
  const taken = new Set(apart.map((other) => nodeOf(tables, other)));
  if (listed.some((other) => !taken.has(other))) return undefined;
  return `on every other node is one of those that it never runs beside: ${apart.join(", ")}`;
}
