/** A node as the exchange's clients know it, made of what Holdfast knows and of what they have written themselves. */
import type { NodeId } from "../../core/ids.ts";
import type { ViewTables } from "../../server/view/view-tables.ts";
import type { NodeRecord } from "../../wire/records.ts";
import { exchangeTime } from "./answers.ts";

const architectures: Readonly<Record<string, string>> = { x64: "amd64" };

/** What is asked for it, beside the node. */
export interface NodeFactsOptions {
  readonly organisation: string;
  /** Wall time. */
  readonly nowMs: number;
}

/** The facts; undefined: there is no such node. */
export function nodeFacts(
  tables: ViewTables,
  node: NodeId,
  { organisation, nowMs }: NodeFactsOptions,
): object | undefined {
  const record = tables.nodes.get(node)?.value;
  if (record === undefined) return undefined;
  const { exchange, agentVersion } = record;
  const owner = exchange?.owner ?? ownerOf(tables, node);
  return {
    token: "********",
    name: exchange?.name ?? node,
    owner: owner === undefined ? "" : `${organisation}/${owner}`,
    nodeType: record.type,
    clusterNamespace: "",
    isNamespaceScoped: false,
    pattern: exchange?.pattern ?? "",
    registeredServices: [],
    userInput: [],
    msgEndPoint: exchange?.msgEndPoint ?? "",
    softwareVersions: {
      ...exchange?.softwareVersions,
      ...(agentVersion === "" ? {} : { holdfast: agentVersion }),
    },
    lastHeartbeat: lastHeartbeat(tables, node, nowMs),
    publicKey: exchange?.publicKey ?? "",
    arch: architectureOf(record),
    heartbeatIntervals: { minInterval: 0, maxInterval: 0, intervalAdjustment: 0 },
    ha_group: tables.haMembers.get(node)?.value.group ?? "",
    lastUpdated: exchangeTime(exchange?.updatedAtMs ?? record.registeredAtMs),
  };
}

/** The first user by name who owns it. */
function ownerOf(tables: ViewTables, node: NodeId): string | undefined {
  return [...tables.users.values()]
    .filter(({ value }) => value.ownsNodes.includes(node))
    .map(({ value }) => value.name)
    .sort()[0];
}

function architectureOf({ exchange, properties }: NodeRecord): string {
  if (exchange !== undefined && exchange.arch !== "") return exchange.arch;
  const own = properties["architecture"];
  return typeof own === "string" ? (architectures[own] ?? own) : "";
}

/** Renewals are not kept: a node that holds its lease is there now, another one was when it was lost. */
function lastHeartbeat(tables: ViewTables, node: NodeId, nowMs: number): string {
  if (tables.leases.has(node)) return exchangeTime(nowMs);
  const wasThere = tables.epochs.has(node);
  const state = tables.nodeStates.get(node)?.value;
  return wasThere && state !== undefined ? exchangeTime(state.sinceMs) : "";
}
