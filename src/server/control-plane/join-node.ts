/** A machine becomes a node: with a join token it gets a certificate that lets its agent speak for this node only. */
import type { Socket } from "node:net";
import { epochOf, type NodeId } from "../../core/ids.ts";
import { controlPlaneTaint } from "../../core/model/node.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import type { nodeJoinAnswerSchema, nodeJoinRequestSchema } from "../../wire/joining.ts";
import { keys, type NodeRecord, type RemovedNodeRecord } from "../../wire/records.ts";
import { identifySocket } from "../access/certificate.ts";
import { forgottenRemovals, type NameTaken, planReturn } from "../agents/removed-node.ts";
import { type ChangePlan, change, unchanged } from "../changes/change.ts";
import { joinedWith } from "../changes/fleet/ha-groups/membership.ts";
import type { ServerContext } from "../context.ts";
import { refuse } from "../http/problem-error.ts";
import { nodesMax } from "../limits.ts";
import { checkVersion } from "../own-config/version-skew.ts";
import { freshTables } from "../view/fresh.ts";
import type { Row } from "../view/table-slots.ts";
import type { ViewTables } from "../view/view-tables.ts";
import type { ControlPlane } from "./control-plane.ts";
import { type AcceptedJoinToken, acceptJoinToken } from "./join-tokens.ts";
import { serverUrls } from "./server-urls.ts";

type NodeJoinRequest = ReturnType<typeof nodeJoinRequestSchema.parse>;
type NodeJoinAnswer = ReturnType<typeof nodeJoinAnswerSchema.parse>;

/** Where a request to join comes from; the connection may show a server's certificate. */
export interface JoiningMachine {
  readonly from: string;
  readonly socket: Socket;
}

/** Lets the node in. A machine may repeat its own request; another one of the same name is a conflict. */
export async function joinNode(
  context: ServerContext,
  controlPlane: ControlPlane,
  request: NodeJoinRequest,
  machine: JoiningMachine,
): Promise<Result<NodeJoinAnswer, Problem>> {
  const { node, identity, requestPem } = request;
  const fresh = await freshTables(context);
  if (!fresh.ok) return fresh;
  const admission = plan(context, fresh.value, { request, machine });
  if (!admission.ok) return admission;
  const issued = await controlPlane.issueForNode(requestPem, { node, identity });
  if (!issued.ok) return refuse("bad-input", `requestPem: ${issued.error}`);
  const who = `join-token/${admission.value.tokenId}`;
  const changed = await change(context, { identity: { who }, from: machine.from }, (tables) => {
    const planned = plan(context, tables, { request, machine });
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
  { request, machine }: { readonly request: NodeJoinRequest; readonly machine: JoiningMachine },
): Result<Admission, Problem> {
  const { node, identity } = request;
  const nowMs = context.clock.wallMs();
  const token = acceptJoinToken(tables, { ...request, role: "node" }, nowMs);
  if (!token.ok) return token;
  const proven = proveServer(tables, request, { ...machine, nowMs });
  if (!proven.ok) return proven;
  const agent = { role: "agent", name: node, version: request.agentVersion } as const;
  const versions = checkVersion(context, tables, agent);
  if (!versions.ok) return versions;
  const row = tables.nodes.get(node);
  if (row !== undefined && row.value.identity !== identity && !isReserved(row.value)) {
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
  const grouped = joinedWith(tables, node, { group: request.haGroup, nowMs });
  if (!grouped.ok) return grouped;
  const forgotten = forgottenRemovals(tables, node);
  const parts = [planned, onServer, named.value, forgotten, grouped.value];
  return ok({
    tokenId: token.value.id,
    change: {
      ...planned,
      compare: parts.flatMap(({ compare }) => compare),
      operations: parts.flatMap(({ operations }) => operations),
    },
  });
}

/** A person has registered the name, and no machine has come in under it yet. */
function isReserved({ identity, agentVersion }: NodeRecord): boolean {
  return identity === undefined && agentVersion === "";
}

/** Which node is on a server's machine only that server can say: it shows its certificate. */
function proveServer(
  tables: ViewTables,
  { serverId }: NodeJoinRequest,
  { socket, nowMs }: JoiningMachine & { readonly nowMs: number },
): Result<void, Problem> {
  if (serverId === undefined) return ok(undefined);
  const shown = identifySocket(socket, tables, nowMs);
  if (shown?.ok === false) {
    const { code, detail } = shown.error;
    if (code !== "bad-token") return shown;
    return refuse(code, `${detail}; if it is on its way in, wait until server list shows it`);
  }
  if (shown?.value.kind === "server" && shown.value.server === serverId) return ok(undefined);
  const who = shown === undefined ? "no certificate that counts" : `the one of ${shown.value.who}`;
  return refuse(
    "not-allowed",
    `a machine that says that server ${serverId} is on it has to show that server's certificate, and this one shows ${who}; run the join on the server's own machine`,
  );
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
    mode: "enabled",
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
    detail: `with join token ${token.id}${request.haGroup === undefined ? "" : ` into HA group ${request.haGroup}`}`,
  };
}
