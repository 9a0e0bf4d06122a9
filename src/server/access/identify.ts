/** Who somebody is by a token, and who the one who was let in before is by now. */
import type { Socket } from "node:net";
import { ok, type Result } from "../../core/result.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { turnedAway } from "../agents/removed-node.ts";
import { authenticate, grantOf, identityOfToken } from "../http/auth.ts";
import { refuse } from "../http/problem-error.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { expiryOfSocket, identifySocket, serialOfSocket } from "./certificate.ts";
import type { AgentIdentity, Identity, PersonIdentity } from "./identity.ts";

/** Who shows this token. `nowMs` is wall time. */
export function identifyToken(
  token: string,
  tables: ViewTables,
  nowMs: number,
): Result<PersonIdentity | AgentIdentity, Problem> {
  const identified = authenticate(token, tables, nowMs);
  return identified.ok ? unlessRemoved(identified.value, tables) : identified;
}

/** Who the same person, agent or server is by now, with what it has shown; the problem: nobody any more. */
export function identifyAgain(
  identity: Identity,
  { socket, tables, nowMs }: { socket: Socket; tables: ViewTables; nowMs: number },
): Result<Identity, Problem> {
  if (identity.kind !== "server" && identity.tokenId !== undefined) {
    const identified = identityOfToken(identity.tokenId, tables, nowMs);
    return identified.ok ? unlessRemoved(identified.value, tables) : identified;
  }
  if (identity.kind === "person") return identifyUser(identity, tables);
  const shown = identifySocket(socket, tables, nowMs);
  if (shown !== undefined) return shown;
  // Without certificates there are servers only that have proven themselves.
  if (identity.kind === "server" && tables.servers.has(identity.server)) return ok(identity);
  return refuse("bad-token", `${identity.who} is not of this cluster any more`);
}

/** The records that `identifyAgain` looks at: without a change of one of them its answer stays the same. */
export function keysOfIdentity(identity: Identity, socket: Socket): readonly string[] {
  const found: string[] = [];
  if (identity.kind === "server") found.push(`${keys.servers}${identity.server}`);
  else if (identity.tokenId !== undefined) found.push(`${keys.tokens}${identity.tokenId}`);
  if (identity.kind === "person" && identity.user !== undefined) {
    found.push(`${keys.users}${identity.user}`);
  }
  if (identity.kind === "agent") found.push(`${keys.nodes}${identity.node}`);
  const serial = serialOfSocket(socket);
  if (serial !== undefined) found.push(`${keys.revocations}${serial}`);
  return found;
}

/** When it is over by itself, in wall time; undefined: never. */
export function expiryOfIdentity(
  identity: Identity,
  { socket, tables }: { readonly socket: Socket; readonly tables: Pick<ViewTables, "tokens"> },
): number | undefined {
  if (identity.kind === "server") return expiryOfSocket(socket);
  if (identity.tokenId === undefined) {
    return identity.kind === "agent" ? expiryOfSocket(socket) : undefined;
  }
  return tables.tokens.get(identity.tokenId)?.value.expiresAtMs;
}

function identifyUser(
  identity: PersonIdentity,
  { users }: ViewTables,
): Result<PersonIdentity, Problem> {
  const { user = "", generation } = identity;
  const record = users.get(user)?.value;
  if (record !== undefined && record.generation === generation) {
    return ok({ ...identity, grants: [grantOf(record)] });
  }
  return refuse("bad-login", `user "${user}" was removed, or has another password since`);
}

/** The token of a removed node lets its machine in nowhere, and it is told so; a newer one is a person's word. */
function unlessRemoved<T extends PersonIdentity | AgentIdentity>(
  identity: T,
  { nodes, removedNodes, tokens }: ViewTables,
): Result<T, Problem> {
  if (identity.kind !== "agent" || nodes.has(identity.node)) return ok(identity);
  const removed = removedNodes.get(identity.node);
  const token = identity.tokenId === undefined ? undefined : tokens.get(identity.tokenId);
  if (removed === undefined || token === undefined || token.revision > removed.revision) {
    return ok(identity);
  }
  return refuse("not-allowed", turnedAway(removed.value));
}
