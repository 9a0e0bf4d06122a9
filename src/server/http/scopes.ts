/** Who made a request, for its handler: the guard of the routes has made sure that they may. */
import type { FastifyRequest } from "fastify";
import { assert } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Identity, PersonIdentity } from "../access/identity.ts";

/** Who made the request and from where, for the audit. */
export function actorOf(request: FastifyRequest): {
  readonly identity: Identity;
  readonly from: string;
  readonly whileFrozen?: "goes-on";
} {
  assert(request.identity !== undefined, "routes below /v1 are reached with an identity only");
  const { identity, ip: from, whileFrozen } = request;
  return { identity, from, ...(whileFrozen === "goes-on" ? { whileFrozen } : {}) };
}

/** The person who made the request. */
export function personOf(request: FastifyRequest): PersonIdentity {
  const { identity } = request;
  assert(identity?.kind === "person", "people's routes are reached by people only");
  return identity;
}

/** The node that the agent who made the request speaks for. */
export function nodeOf(request: FastifyRequest): NodeId {
  return agentOf(request).node;
}

/** The node, and what the agent's certificate names beside it; undefined: the agent has shown a token. */
export function agentOf(request: FastifyRequest): {
  readonly node: NodeId;
  readonly identity: string | undefined;
} {
  const { identity } = request;
  assert(identity?.kind === "agent", "agents' routes are reached by agents only");
  return { node: identity.node, identity: identity.identity };
}

/** The token that the agent has shown; undefined: it has a certificate. */
export function agentTokenOf(request: FastifyRequest): string | undefined {
  return request.identity?.kind === "agent" ? request.identity.tokenId : undefined;
}
