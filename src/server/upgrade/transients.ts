/** What is neither one thing nor the other now: an upgrade that stops all servers waits for it to end. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { ManagerState } from "../../core/model/service.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** Something under way. */
export interface Transient {
  /** The service or node. */
  readonly subject: string;
  readonly state: string;
  /** When it came into this state, in wall time; undefined: nobody has noted it. */
  readonly sinceMs: number | undefined;
}

/** States that end by themselves. What needs a person (`error`), and what stays, is not waited for. */
const serviceStates: ReadonlySet<ManagerState> = new Set<ManagerState>([
  "queued",
  "request_start",
  "request_start_balance",
  "request_stop",
  "migrate",
  "relocate",
  "fence",
  "recovery",
]);

/** All of them, the longest first. */
export function transientsIn(tables: ViewTables): readonly Transient[] {
  const found: Transient[] = [];
  for (const [service, { value }] of tables.statuses) {
    if (!serviceStates.has(value.state) || isSettled(tables, service)) continue;
    found.push({ subject: service, state: value.state, sinceMs: value.sinceMs });
  }
  for (const [node, { value }] of tables.nodeStates) {
    if (!isBeingLost(tables, node)) continue;
    found.push({ subject: node, state: value.state, sinceMs: value.sinceMs });
  }
  return found.sort((left, right) => (left.sinceMs ?? 0) - (right.sinceMs ?? 0));
}

/** Services that do not go on before a person has looked at them, the longest first. */
export function stuckIn(tables: ViewTables): readonly Transient[] {
  const found: Transient[] = [];
  for (const [service, { value }] of tables.statuses) {
    if (value.state !== "error") continue;
    found.push({ subject: service, state: value.state, sinceMs: value.sinceMs });
  }
  return found.sort((left, right) => (left.sinceMs ?? 0) - (right.sinceMs ?? 0));
}

/** One that has been lost for long, and has nothing any more, stays as it is. */
function isBeingLost(tables: ViewTables, node: NodeId): boolean {
  const state = tables.nodeStates.get(node)?.value.state;
  if (!tables.nodes.has(node)) return false;
  return state === "fence" || (state === "unknown" && (tables.servicesOn.get(node)?.size ?? 0) > 0);
}

/** A service that waits for a node which there is none of has nothing under way. */
function isSettled(tables: ViewTables, service: ServiceId): boolean {
  const status = tables.statuses.get(service)?.value;
  return status?.state === "queued" && status.node === undefined;
}

/** E.g. `process:api is in migrate since 2026-01-31T12:00:00Z`: the same words for as long as it lasts. */
export function wordsOfTransient({ subject, state, sinceMs }: Transient): string {
  const since = sinceMs === undefined ? "" : new Date(sinceMs).toISOString().slice(0, 19);
  return `${subject} is in ${state}${since === "" ? "" : ` since ${since}Z`}`;
}
