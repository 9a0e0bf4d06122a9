/**
 * Whom a certificate names. It stands in a URI of the certificate, `holdfast:server:<id>` or
 * `holdfast:node:<node>:<identity>`, so that no host name or common name is ever taken for an identity.
 */
import { type NodeId, parseNodeId } from "../ids.ts";
import { err, ok, type Result } from "../result.ts";

/** A server by its id, or a node's agent by the node and the random identity of the time that it joined. */
export type CertificateHolder =
  | { readonly kind: "server"; readonly serverId: string }
  | { readonly kind: "node"; readonly node: NodeId; readonly identity: string };

const scheme = "holdfast:";
const serverPattern = /^holdfast:server:([1-9]\d{0,8})$/;
const nodePattern = /^holdfast:node:([^:]*):([0-9a-f]{32})$/;

/** The URI that names `holder` in its certificate. */
export function uriOfHolder(holder: CertificateHolder): string {
  return holder.kind === "server"
    ? `${scheme}server:${holder.serverId}`
    : `${scheme}node:${holder.node}:${holder.identity}`;
}

/**
 * The holder that these URIs of one certificate name. URIs of other schemes are ignored. None of ours, two of ours or a
 * misshapen one of ours is refused: the error says which.
 */
export function holderOfUris(uris: readonly string[]): Result<CertificateHolder, string> {
  // Schemes know no case: one that differs in case only must not pass for another scheme's.
  const ours = uris.filter((uri) => uri.toLowerCase().startsWith(scheme));
  const [uri] = ours;
  if (uri === undefined) return err("the certificate names neither a server nor a node");
  if (ours.length > 1) {
    return err(`the certificate names ${ours.length} holders, and may name one only`);
  }
  return parseHolder(uri);
}

function parseHolder(uri: string): Result<CertificateHolder, string> {
  const serverId = serverPattern.exec(uri)?.[1];
  if (serverId !== undefined) return ok({ kind: "server", serverId });
  const [, name, identity] = nodePattern.exec(uri) ?? [];
  if (name !== undefined && identity !== undefined) {
    const node = parseNodeId(name);
    if (node.ok) return ok({ kind: "node", node: node.value, identity });
  }
  return err(`the certificate's name ${JSON.stringify(uri)} is that of no server and no node`);
}
