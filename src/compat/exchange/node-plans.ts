/** The plans of changes to nodes that the exchange's clients make: a name is registered, or what they say of it changes. */
import { epochOf, type NodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { checkNeeds } from "../../server/access/guard-routes.ts";
import { planReturn } from "../../server/agents/removed-node.ts";
import { type ChangePlan, unchanged } from "../../server/changes/change.ts";
import { refuse } from "../../server/http/problem-error.ts";
import { nodesMax } from "../../server/limits.ts";
import type { Row } from "../../server/view/table-slots.ts";
import type { ViewTables } from "../../server/view/view-tables.ts";
import type { PasswordRecord } from "../../wire/access.ts";
import type { Problem } from "../../wire/errors.ts";
import type { ExchangeNode } from "../../wire/exchange-node.ts";
import { keys, type NodeRecord } from "../../wire/records.ts";
import type { Caller } from "./caller.ts";

/** What is written; a field that is missing stays as it is. */
export interface NodeWords {
  readonly name?: string | undefined;
  readonly nodeType?: NodeRecord["type"] | undefined;
  readonly pattern?: string | undefined;
  readonly publicKey?: string | undefined;
  readonly arch?: string | undefined;
  readonly msgEndPoint?: string | undefined;
  readonly softwareVersions?: Readonly<Record<string, string>> | undefined;
}

export interface NodeWish {
  readonly caller: Caller;
  readonly words: NodeWords;
  /** Hash of the node's new secret; undefined: it stays as it is. */
  readonly token: PasswordRecord | undefined;
  readonly nowMs: number;
  /** What becomes of a node that there is not. */
  readonly absent: "register" | "refuse";
}

/** Registers a node, for a machine that is to come in under that name later, or changes what is said of one. */
export function planNode(
  tables: ViewTables,
  node: NodeId,
  wish: NodeWish,
): Result<ChangePlan, Problem> {
  const row = tables.nodes.get(node);
  if (row === undefined && wish.absent === "refuse") {
    return refuse("not-found", `there is no node "${node}"`);
  }
  const permitted = mayWrite(wish.caller, { node, row });
  if (!permitted.ok) return permitted;
  return row === undefined ? planRegister(tables, node, wish) : planDescribe(row, wish);
}

/** A node writes about itself, a person about nodes that they may modify. */
function mayWrite(
  caller: Caller,
  { node, row }: { readonly node: NodeId; readonly row: Row<NodeRecord> | undefined },
): Result<void, Problem> {
  if (caller.kind === "user") {
    const objects = [{ kind: "node", id: node }] as const;
    return checkNeeds(caller.identity, [{ permission: "node.change", objects }]);
  }
  if (caller.node === node && row !== undefined) return ok(undefined);
  return refuse("not-allowed", `node "${caller.node}" may not change node "${node}"`);
}

function planRegister(
  tables: ViewTables,
  node: NodeId,
  wish: NodeWish,
): Result<ChangePlan, Problem> {
  if (tables.nodes.size >= nodesMax) {
    return refuse("too-many", `there are ${nodesMax} nodes already`);
  }
  // Whoever may modify the node says that a machine may come in under its name again.
  const named = planReturn(tables, node, () => true);
  if (!named.ok) return named;
  const { caller, nowMs } = wish;
  const owner = caller.kind === "user" ? (caller.identity.user ?? caller.identity.who) : "";
  const record: NodeRecord = {
    version: 1,
    node,
    type: wish.words.nodeType ?? "device",
    properties: {},
    agentVersion: "",
    registeredAtMs: nowMs,
    confirmedOffEpoch: epochOf(0),
    maintenance: false,
    mode: "enabled",
    taints: [],
    exchange: described({ ...nothingSaid(node), owner, updatedAtMs: nowMs }, wish),
  };
  const key = `${keys.nodes}${node}`;
  return ok({
    compare: [{ kind: "absent", key }, ...named.value.compare],
    operations: [{ kind: "put", key, value: jsonOf(record) }, ...named.value.operations],
    action: "node.register",
    subject: node,
    detail: `as ${record.type}, over the exchange's interface`,
  });
}

function planDescribe(row: Row<NodeRecord>, wish: NodeWish): Result<ChangePlan, Problem> {
  const { node, type, exchange } = row.value;
  const { nodeType } = wish.words;
  if (nodeType !== undefined && nodeType !== type) {
    return refuse("bad-input", `nodeType: node "${node}" is a ${type} and cannot become another`);
  }
  const before = exchange ?? { ...nothingSaid(node), owner: "", updatedAtMs: 0 };
  const key = `${keys.nodes}${node}`;
  const record: NodeRecord = { ...row.value, exchange: described(before, wish) };
  return ok({
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
    action: "node.describe",
    subject: node,
    detail: wish.token === undefined ? "" : "with a new secret for the exchange's interface",
  });
}

function nothingSaid(node: NodeId): Omit<ExchangeNode, "owner" | "updatedAtMs"> {
  return {
    name: node,
    pattern: "",
    publicKey: "",
    arch: "",
    msgEndPoint: "",
    softwareVersions: {},
  };
}

function described(before: ExchangeNode, { words, token, nowMs }: NodeWish): ExchangeNode {
  const secret = token ?? before.token;
  return {
    name: words.name ?? before.name,
    pattern: words.pattern ?? before.pattern,
    publicKey: words.publicKey ?? before.publicKey,
    arch: words.arch ?? before.arch,
    msgEndPoint: words.msgEndPoint ?? before.msgEndPoint,
    softwareVersions: { ...(words.softwareVersions ?? before.softwareVersions) },
    owner: before.owner,
    ...(secret === undefined ? {} : { token: secret }),
    updatedAtMs: nowMs,
  };
}
