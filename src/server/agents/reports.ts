/** What an agent says and asks about instructions; only of its live epoch and of the current instruction (S2, S4). */
import type { NodeId } from "../../core/ids.ts";
import { epochOf } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import type { StoredEntry } from "../../ports/store.ts";
import { jsonOf, readRecord } from "../../runtime/manager-records.ts";
import type {
  confirmRequestSchema,
  joinRequestSchema,
  reportRequestSchema,
} from "../../wire/agent-protocol.ts";
import type { Problem } from "../../wire/errors.ts";
import {
  keys,
  type NodeRecord,
  nodeRecordSchema,
  type ReportRecord,
  type StatusRecord,
  statusRecordSchema,
} from "../../wire/records.ts";
import { type Actor, change, nothingToDo } from "../changes/change.ts";
import { joinedWith } from "../changes/fleet/ha-groups/membership.ts";
import type { ServerContext } from "../context.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { changeAttemptsMax, nodesMax } from "../limits.ts";
import { checkVersion } from "../own-config/version-skew.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { liveLease, readLease } from "./leases.ts";
import { forgottenRemovals, type NameTaken, planReturn } from "./removed-node.ts";

type ConfirmRequest = ReturnType<typeof confirmRequestSchema.parse>;
type ReportRequest = ReturnType<typeof reportRequestSchema.parse>;
type JoinRequest = ReturnType<typeof joinRequestSchema.parse>;

/** The agent that registers its node. */
export interface JoiningAgent extends Actor {
  /** The token that it came with; undefined: it came with a certificate. */
  readonly tokenId: string | undefined;
}

/** Registers the node, or what its agent says of itself anew. */
export async function join(
  context: ServerContext,
  node: NodeId,
  request: JoinRequest,
  agent: JoiningAgent,
): Promise<Result<void, Problem>> {
  const key = `${keys.nodes}${node}`;
  const { haGroup: _onlyOfNewOnes, ...said } = request;
  for (let attempt = 0; attempt < changeAttemptsMax; attempt += 1) {
    const read = fromStore(await context.store.get(key));
    if (!read.ok) return read;
    const { entry } = read.value;
    if (entry === undefined) {
      const registered = await register(context, node, request, agent);
      if (!registered.ok) return registered;
      if (registered.value === "new") return ok(undefined);
      continue;
    }
    const value = jsonOf({ ...nodeRecordOf(entry), ...said });
    if (JSON.stringify(entry.value) === JSON.stringify(value)) return ok(undefined);
    const written = fromStore(
      await context.store.txn({
        compare: [{ kind: "modified-at", key, revision: entry.modRevision }],
        then: [{ kind: "put", key, value }],
      }),
    );
    if (!written.ok) return written;
    if (written.value.succeeded) return ok(undefined);
  }
  return refuse("conflict", `others are changing node "${node}" all the time`);
}

/** A node that comes in is in the audit; `known`: another request was first. */
async function register(
  context: ServerContext,
  node: NodeId,
  request: JoinRequest,
  agent: JoiningAgent,
): Promise<Result<"new" | "known", Problem>> {
  let outcome: "new" | "known" = "new";
  const { haGroup: group, ...said } = request;
  const changed = await change(context, agent, (tables) => {
    outcome = tables.nodes.has(node) ? "known" : "new";
    if (outcome === "known") return ok(nothingToDo);
    if (tables.nodes.size >= nodesMax) {
      return refuse("too-many", `there are ${nodesMax} nodes already`);
    }
    // A node that is in already is never refused for its version: that would end what it runs.
    const newcomer = { role: "agent", name: node, version: request.agentVersion } as const;
    const versions = checkVersion(context, tables, newcomer);
    if (!versions.ok) return versions;
    const named = nameFor(tables, node, agent);
    if (!named.ok) return named;
    const key = `${keys.nodes}${node}`;
    const value = jsonOf({ ...newNode(context, node), ...said });
    const grouped = joinedWith(tables, node, { group, nowMs: context.clock.wallMs() });
    if (!grouped.ok) return grouped;
    const parts = [named.value, forgottenRemovals(tables, node), grouped.value];
    return ok({
      compare: [{ kind: "absent", key }, ...parts.flatMap(({ compare }) => compare)],
      operations: [{ kind: "put", key, value }, ...parts.flatMap(({ operations }) => operations)],
      action: "node.join",
      subject: node,
      detail: `${agent.tokenId === undefined ? "" : `with token ${agent.tokenId}`}${group === undefined ? "" : ` into HA group ${group}`}`,
    });
  });
  return changed.ok ? ok(outcome) : changed;
}

/** A token that was made after the node's removal is a person's word that a machine of that name may come in again. */
function nameFor(
  tables: ViewTables,
  node: NodeId,
  { tokenId }: JoiningAgent,
): Result<NameTaken, Problem> {
  const token = tokenId === undefined ? undefined : tables.tokens.get(tokenId);
  return planReturn(tables, node, (removed) => {
    return token !== undefined && token.revision > removed.revision;
  });
}

function newNode(context: ServerContext, node: NodeId): NodeRecord {
  return {
    version: 1,
    node,
    type: "device",
    properties: {},
    agentVersion: "",
    registeredAtMs: context.clock.wallMs(),
    confirmedOffEpoch: epochOf(0),
    maintenance: false,
    mode: "enabled",
    taints: [],
  };
}

function nodeRecordOf(entry: StoredEntry): NodeRecord {
  return readRecord(nodeRecordSchema, entry.key, entry.value);
}

/** Whether the instruction is still the current one and the epoch alive, by linearizable reads of both. */
export async function confirm(
  context: ServerContext,
  node: NodeId,
  request: ConfirmRequest,
): Promise<Result<boolean, Problem>> {
  const status = await readStatus(context, request.service);
  if (!status.ok) return status;
  const lease = await readLease(context, node);
  if (!lease.ok) return lease;
  const record = status.value?.record;
  return ok(
    lease.value?.record.epoch === request.epoch &&
      record?.uid === request.uid &&
      record.node === node &&
      record.nodeEpoch === request.epoch,
  );
}

/**
 * Records an agent's word, in a transaction that compares the lease and the status that it rests on. A status
 * that was only written anew under the same instruction is read again: the word still holds.
 */
export async function report(
  context: ServerContext,
  node: NodeId,
  request: ReportRequest,
): Promise<Result<void, Problem>> {
  for (let attempt = 0; attempt < changeAttemptsMax; attempt += 1) {
    const written = await tryReport(context, node, request);
    if (!written.ok) return written;
    if (written.value === "written") return ok(undefined);
  }
  const text = `the instruction for "${request.service}" changes all the time`;
  return refuse("unavailable", text);
}

async function tryReport(
  context: ServerContext,
  node: NodeId,
  request: ReportRequest,
): Promise<Result<"written" | "changed-meanwhile", Problem>> {
  const lease = await liveLease(context, node, request.epoch);
  if (!lease.ok) return lease;
  const status = await readStatus(context, request.service);
  if (!status.ok) return status;
  const { uid, service } = request;
  if (status.value?.record.uid !== uid || status.value.record.node !== node) {
    return refuse("stale-epoch", `instruction ${uid} for service "${service}" is over`);
  }
  const record: ReportRecord = { ...request, version: 1, node, atMs: context.clock.wallMs() };
  const statusEntry = status.value.entry;
  const leaseEntry = lease.value.entry;
  const written = fromStore(
    await context.store.txn({
      compare: [
        { kind: "created-at", key: leaseEntry.key, revision: leaseEntry.createRevision },
        { kind: "modified-at", key: statusEntry.key, revision: statusEntry.modRevision },
      ],
      then: [{ kind: "put", key: `${keys.reports}${service}`, value: jsonOf(record) }],
    }),
  );
  if (!written.ok) return written;
  return ok(written.value.succeeded ? "written" : "changed-meanwhile");
}

async function readStatus(
  context: ServerContext,
  service: string,
): Promise<
  Result<{ readonly record: StatusRecord; readonly entry: StoredEntry } | undefined, Problem>
> {
  const read = fromStore(await context.store.get(`${keys.statuses}${service}`));
  if (!read.ok) return read;
  const { entry } = read.value;
  if (entry === undefined) return ok(undefined);
  return ok({ entry, record: readRecord(statusRecordSchema, entry.key, entry.value) });
}
