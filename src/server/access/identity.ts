/** Who asks: a person or their program, a node's agent, or another server. */
import type { Grant } from "../../core/access/permits.ts";
import type { NodeId } from "../../core/ids.ts";

/** Somebody who has a role: a user, or the holder of a token. */
export interface PersonIdentity {
  readonly kind: "person";
  /** For the audit: a user's name, or `<token id>/<token name>`. */
  readonly who: string;
  /** Each of them bounds what the person may; a user's token has the user's and its own. */
  readonly grants: readonly Grant[];
  readonly user: string | undefined;
  /** The token that was shown; undefined: a password was. */
  readonly tokenId: string | undefined;
  readonly expiresAtMs: number | undefined;
  /** Of the user's record, which another password changes; absent: a token was shown. */
  readonly generation?: string;
}

/** The agent of one node, the only one that it may speak for. */
export interface AgentIdentity {
  readonly kind: "agent";
  readonly who: string;
  readonly node: NodeId;
  /** The token that was shown; absent: a certificate was. */
  readonly tokenId?: string;
  /** What the certificate names beside the node; absent: a token was shown. */
  readonly identity?: string;
}

/** Another server of the cluster. */
export interface ServerIdentity {
  readonly kind: "server";
  readonly who: string;
  readonly server: string;
}

export type Identity = PersonIdentity | AgentIdentity | ServerIdentity;
