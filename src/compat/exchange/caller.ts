/**
 * Who calls: a user or a node of the one organisation that there is, by the header `Authorization: Basic` with
 * `<organisation>/<name>` and a password, a node's secret, or one of Holdfast's own tokens.
 */
import type { FastifyRequest } from "fastify";
import { permits } from "../../core/access/permits.ts";
import type { NodeId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { identifyToken } from "../../server/access/identify.ts";
import type { AgentIdentity, PersonIdentity } from "../../server/access/identity.ts";
import type { Credentials } from "../../server/access/password-desk.ts";
import { isAdmin } from "../../server/changes/fleet/ha-groups/rights.ts";
import { grantOf, readAuthorization, tokenIdOf } from "../../server/http/auth.ts";
import type { FacadeParts } from "../../server/http/facade.ts";
import { ProblemError, refuse } from "../../server/http/problem-error.ts";
import type { ViewTables } from "../../server/view/view-tables.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { nodeIdSchema } from "../../wire/ids.ts";

/** A user, or a program with a user's role. */
export interface UserCaller {
  readonly kind: "user";
  readonly identity: PersonIdentity;
  readonly isAdmin: boolean;
}

/** A node; it may look itself up, and write what it says of itself. */
export interface NodeCaller {
  readonly kind: "node";
  readonly node: NodeId;
  readonly identity: { readonly who: string };
}

export type Caller = UserCaller | NodeCaller;

/** Knows who made each request, once `identify` has let it in. */
export interface Callers {
  identify(request: FastifyRequest): Promise<Result<void, Problem>>;
  of(request: FastifyRequest): Caller;
  /** The user; a node is refused. */
  userOf(request: FastifyRequest): UserCaller;
}

/** Makes them for one server. */
export function createCallers(parts: FacadeParts): Callers {
  const callers = new WeakMap<FastifyRequest, Caller>();
  const of = (request: FastifyRequest): Caller => {
    const caller = callers.get(request);
    if (caller !== undefined) return caller;
    throw new Error("a request was handled before anybody asked who made it");
  };
  return {
    async identify(request) {
      const identified = await identify(parts, request);
      if (!identified.ok) return identified;
      callers.set(request, identified.value);
      return ok(undefined);
    },
    of,
    userOf(request) {
      const caller = of(request);
      if (caller.kind === "user") return caller;
      throw new ProblemError(problemOf("not-allowed", `node "${caller.node}" may not do this`));
    },
  };
}

/** Whether a user may modify the node: every admin, and its owner. */
export function mayModify({ identity }: UserCaller, node: NodeId): boolean {
  const objects = [{ kind: "node", id: node }] as const;
  return permits(identity.grants, { permission: "node.change", objects }).ok;
}

async function identify(
  parts: FacadeParts,
  request: FastifyRequest,
): Promise<Result<Caller, Problem>> {
  const { view, clock } = parts.context;
  if (!view.connected) return refuse("unavailable", "this server is cut off from its store");
  const brought = readAuthorization(request.headers.authorization);
  if (!brought.ok) return brought;
  if (brought.value.kind === "token") {
    return refuse("bad-login", "give Authorization: Basic <organisation>/<user>:<password>");
  }
  const { tables } = view;
  const { user: full, password } = brought.value;
  const slash = full.indexOf("/");
  const name = full.slice(slash + 1);
  if (slash < 0 || full.slice(0, slash) !== tables.settings.value.compat.organisation) {
    return refuse("bad-login", "there is no such organisation or user, or it has another password");
  }
  if (tokenIdOf(password) !== undefined) {
    const identified = identifyToken(password, tables, clock.wallMs());
    return identified.ok ? callerOfToken(identified.value, { name, tables }) : identified;
  }
  const credentials = { user: name, password, from: request.ip };
  const node = tables.users.has(name) ? undefined : nodeNamed(name, tables);
  return node === undefined
    ? await callerOfUser(parts, credentials)
    : await callerOfNode(parts, node, credentials);
}

async function callerOfUser(
  { context, desk }: FacadeParts,
  credentials: Credentials,
): Promise<Result<Caller, Problem>> {
  const verified = await desk.verifyOften(credentials, context.view.tables);
  if (!verified.ok) return verified;
  const { value } = verified.value;
  const { name, generation } = value;
  const person = { kind: "person", tokenId: undefined, expiresAtMs: undefined } as const;
  return ok(userCaller({ ...person, who: name, grants: [grantOf(value)], user: name, generation }));
}

async function callerOfNode(
  { context, desk }: FacadeParts,
  node: NodeId,
  credentials: Credentials,
): Promise<Result<Caller, Problem>> {
  const row = context.view.tables.nodes.get(node);
  const token = row?.value.exchange?.token;
  const secret =
    row === undefined || token === undefined ? undefined : { value: token, revision: row.revision };
  const named = { ...credentials, user: `node/${node}` };
  const verified = await desk.verifySecretOften(named, secret);
  return verified.ok ? ok(nodeCaller(node)) : verified;
}

/** The node that is called so, if it has a secret. */
function nodeNamed(name: string, tables: ViewTables): NodeId | undefined {
  const parsed = nodeIdSchema.safeParse(name);
  if (!parsed.success) return undefined;
  return tables.nodes.get(parsed.data)?.value.exchange?.token === undefined
    ? undefined
    : parsed.data;
}

/** A token counts for the one whose it is; one that is nobody's, under its own name. */
function callerOfToken(
  identity: PersonIdentity | AgentIdentity,
  { name, tables }: { readonly name: string; readonly tables: ViewTables },
): Result<Caller, Problem> {
  if (identity.kind === "agent") {
    const isItself = identity.node === name && tables.nodes.has(identity.node);
    return isItself ? ok(nodeCaller(identity.node)) : err(notTheirs(name));
  }
  const { user, tokenId = "" } = identity;
  const owner = user ?? tables.tokens.get(tokenId)?.value.name;
  return owner === name ? ok(userCaller(identity)) : err(notTheirs(name));
}

function notTheirs(name: string): Problem {
  return problemOf("bad-login", `the token is not the one of "${name}"`);
}

function userCaller(identity: PersonIdentity): UserCaller {
  return { kind: "user", identity, isAdmin: isAdmin(identity) };
}

function nodeCaller(node: NodeId): NodeCaller {
  return { kind: "node", node, identity: { who: `node/${node}` } };
}
