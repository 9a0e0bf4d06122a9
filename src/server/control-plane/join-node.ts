/** A machine becomes a node: with a join token it gets a certificate that lets its agent speak for this node only. */
import { epochOf, type NodeId } from "../../core/ids.ts";
import { controlPlaneTaint } from "../../core/model/node.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import type { nodeJoinAnswerSchema, nodeJoinRequestSchema } from "../../wire/joining.ts";
import { keys, type NodeRecord, type RemovedNodeRecord } from "../../wire/records.ts";
import { type NameTaken, planReturn } from "../agents/removed-node.ts";
import { type ChangePlan, change, unchanged } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import { refuse } from "../http/problem-error.ts";
import { nodesMax } from "../limits.ts";
import { freshTables } from "../view/fresh.ts";
import type { Row, ViewTables } from "../view/view-tables.ts";
import type { ControlPlane } from "./control-plane.ts";
import { type AcceptedJoinToken, acceptJoinToken } from "./join-tokens.ts";
import { serverUrls } from "./server-urls.ts";

type NodeJoinRequest = ReturnType<typeof nodeJoinRequestSchema.parse>;
type NodeJoinAnswer = ReturnType<typeof nodeJoinAnswerSchema.parse>;

/** Lets the node in. A machine may repeat its own request; another one of the same name is a conflict. */
export async function joinNode(
  context: ServerContext,
  controlPlane: ControlPlane,
  request: NodeJoinRequest,
  from: string,
): Promise<Result<NodeJoinAnswer, Problem>> {
  const { node, identity, requestPem } = request;
  const fresh = await freshTables(context);
  if (!fresh.ok) return fresh;
  const admission = plan(context, fresh.value, request);
  if (!admission.ok) return admission;
  const issued = await controlPlane.issueForNode(requestPem, { node, identity });
  if (!issued.ok) return refuse("bad-input", `requestPem: ${issued.error}`);
  const who = `join-token/${admission.value.tokenId}`;
  const changed = await change(context, { identity: { who }, from }, (tables) => {
    const planned = plan(context, tables, request);
    return planned.ok ? ok(planned.value.change) : planned;
  });
  if (!changed.ok) return changed;
  return ok({
    node,
    certificatePem: issued.value,
    authorityPem: controlPlane.authorityPem,
    servers: serverUrls(context),
  });
}

/**
 * Another certificate for the same holder, before the one that it has is over. `identity` is the one that the holder has
 * shown: a request whose body takes its time must not bring a removed machine the certificate of its successor.
 */
export async function renewNodeCertificate(
  context: Pick<ServerContext, "view" | "controlPlane">,
  { node, identity }: { readonly node: NodeId; readonly identity: string | undefined },
  requestPem: string,
): Promise<Result<{ certificatePem: string; authorityPem: string }, Problem>> {
  const { controlPlane } = context;
  if (controlPlane === undefined || identity === undefined) {
    return refuse("refused", `node "${node}" has not joined with a certificate`);
  }
  if (context.view.tables.nodes.get(node)?.value.identity !== identity) {
    return refuse("bad-token", `node "${node}" was removed or joined anew meanwhile`);
  }
  const issued = await controlPlane.issueForNode(requestPem, { node, identity });
  if (!issued.ok) return refuse("bad-input", `requestPem: ${issued.error}`);
  return ok({ certificatePem: issued.value, authorityPem: controlPlane.authorityPem });
}

const noReturn: NameTaken = { compare: [], operations: [] };

interface Admission {
  readonly tokenId: string;
  readonly change: ChangePlan;
}

function plan(
  context: ServerContext,
  tables: ViewTables,
  request: NodeJoinRequest,
): Result<Admission, Problem> {
  const { node, identity } = request;
  const nowMs = context.clock.wallMs();
  const token = acceptJoinToken(tables, { ...request, role: "node" }, nowMs);
  if (!token.ok) return token;
  const row = tables.nodes.get(node);
  if (row !== undefined && row.value.identity !== identity) {
    return refuse(
      "already-exists",
      `there is a node "${node}" already; choose another name with --name, or remove that one first`,
    );
  }
  if (row === undefined && tables.nodes.size >= nodesMax) {
    return refuse("too-many", `there are ${nodesMax} nodes already`);
  }
  const taints = taintsOf(tables, request);
  const planned = planOf({ ...request, taints }, row, token.value, nowMs);
  const onServer = noteOnServer(tables, request);
  const another = (removed: Row<RemovedNodeRecord>) => removed.value.identity !== identity;
  const named = row === undefined ? planReturn(tables, node, another) : ok(noReturn);
  if (!named.ok) return named;
  return ok({
    tokenId: token.value.id,
    change: {
      ...planned,
      compare: [...planned.compare, ...onServer.compare, ...named.value.compare],
      operations: [...planned.operations, ...onServer.operations, ...named.value.operations],
    },
  });
}

/** A node on a server's machine is closed for services where that is the control plane's rule. */
function taintsOf(tables: ViewTables, request: NodeJoinRequest): string[] {
  const isIsolated = request.serverId !== undefined && tables.controlPlane?.value.isolate === true;
  return [...new Set([...request.taints, ...(isIsolated ? [controlPlaneTaint] : [])])];
}

/** The server's record names the node on its machine, and no other server's does. */
function noteOnServer(tables: ViewTables, { node, serverId }: NodeJoinRequest): ServerNotes {
  const changed = [...tables.servers.values()].filter(
    ({ value }) => (value.node === node) !== (value.id === serverId),
  );
  return {
    compare: changed.map((row) => unchanged(`${keys.servers}${row.value.id}`, row)),
    operations: changed.map(({ value: { node: _before, ...server } }) => ({
      kind: "put",
      key: `${keys.servers}${server.id}`,
      value: jsonOf(server.id === serverId ? { ...server, node } : server),
    })),
  };
}

type ServerNotes = Pick<ChangePlan, "compare" | "operations">;

function planOf(
  request: NodeJoinRequest,
  row: Row<NodeRecord> | undefined,
  token: AcceptedJoinToken,
  nowMs: number,
): ChangePlan {
  const { node, identity, properties, agentVersion, capacity } = request;
  const key = `${keys.nodes}${node}`;
  const record: NodeRecord = {
    version: 1,
    type: "device",
    registeredAtMs: nowMs,
    confirmedOffEpoch: epochOf(0),
    maintenance: false,
    ...row?.value,
    node,
    identity,
    properties,
    agentVersion,
    taints: row?.value.taints ?? request.taints,
    ...(capacity === undefined ? {} : { capacity }),
  };
  return {
    compare: [unchanged(key, row), ...token.compare],
    operations: [{ kind: "put", key, value: jsonOf(record) }, ...token.operations],
    action: "node.join",
    subject: node,
    detail: `with join token ${token.id}`,
  };
}
