/**
 * Who a client certificate names. It was signed by the cluster's authority, or the connection would not count as
 * authorised; here it is asked whether its holder is still one of the cluster.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { NodeId } from "../../core/ids.ts";
import { holderOfUris } from "../../core/model/certificate-holder.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Problem } from "../../wire/errors.ts";
import { turnedAway } from "../agents/removed-node.ts";
import { removedWords } from "../control-plane/removed-server.ts";
import { refuse } from "../http/problem-error.ts";
import { canonicalSerial, revocationOf } from "../view/revocations.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { urisOf } from "./certificate-uris.ts";
import type { AgentIdentity, ServerIdentity } from "./identity.ts";

/** What the answer depends on. */
export type CertificateTables = Pick<
  ViewTables,
  "nodes" | "servers" | "revocations" | "revokedNames" | "removedNodes" | "removedServers"
>;

/** The holder that these URIs of one certificate name, if it is still of the cluster. */
export function identifyCertificate(
  uris: readonly string[],
  tables: CertificateTables,
): Result<AgentIdentity | ServerIdentity, Problem> {
  const holder = holderOfUris(uris);
  if (!holder.ok) return refuse("bad-token", holder.error);
  if (holder.value.kind === "node") return identifyAgent(holder.value, tables);
  const { serverId: server } = holder.value;
  if (tables.servers.has(server)) {
    return ok({ kind: "server", who: `server/${server}`, server });
  }
  const removed = tables.removedServers.get(server)?.value;
  if (removed !== undefined) return refuse("not-allowed", removedWords(removed));
  return refuse("bad-token", `server ${server} of the certificate is not of this cluster`);
}

/** A node that was removed, or joined anew from another machine, has another identity or none. */
function identifyAgent(
  { node, identity }: { readonly node: NodeId; readonly identity: string },
  tables: CertificateTables,
): Result<AgentIdentity, Problem> {
  const record = tables.nodes.get(node)?.value;
  const removed = tables.removedNodes.get(node)?.value;
  if (record === undefined && removed !== undefined) {
    return refuse("not-allowed", turnedAway(removed));
  }
  if (record === undefined) {
    return refuse("bad-token", `node "${node}" of the certificate is not of this cluster`);
  }
  if (record.identity !== identity) {
    return refuse("bad-token", `node "${node}" was joined anew since this certificate was issued`);
  }
  return ok({ kind: "agent", who: `node/${node}`, node, identity });
}

/** What is read of a client certificate once for each connection. */
interface ShownCertificate {
  readonly uris: readonly string[];
  readonly serial: string;
  /** Wall time. */
  readonly notAfterMs: number;
}

const shown = new WeakMap<TLSSocket, ShownCertificate>();

/**
 * The certificate's holder; undefined: plain HTTP, or no certificate that the authority has signed. `nowMs` is wall time:
 * TLS looks at the dates when a connection is made, and a connection may last for longer.
 */
export function identifySocket(
  socket: Socket,
  tables: CertificateTables,
  nowMs: number,
): Result<AgentIdentity | ServerIdentity, Problem> | undefined {
  const certificate = shownBy(socket);
  if (certificate === undefined) return undefined;
  const { uris, serial, notAfterMs } = certificate;
  const identified = identifyCertificate(uris, tables);
  // Whoever was taken out is told that, and not only that their certificate counts no longer.
  if (!identified.ok) return identified;
  if (!(nowMs < notAfterMs)) {
    return refuse(
      "bad-token",
      "the client certificate is out of date since this connection was made",
    );
  }
  const revocation = revocationOf(tables, { serial, authority: "cluster" });
  if (revocation === undefined) return identified;
  return refuse("bad-token", `the client certificate was revoked: ${revocation.because}`);
}

/** The canonical serial of the certificate that was shown; undefined: none that counts was. */
export function serialOfSocket(socket: Socket): string | undefined {
  return shownBy(socket)?.serial;
}

/** When the certificate that was shown is out of date, in wall time; undefined: none that counts was. */
export function expiryOfSocket(socket: Socket): number | undefined {
  return shownBy(socket)?.notAfterMs;
}

function shownBy(socket: Socket): ShownCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const before = shown.get(socket);
  if (before !== undefined) return before;
  const { subjectaltname, serialNumber, valid_to: validTo } = socket.getPeerCertificate();
  const certificate = {
    uris: urisOf(subjectaltname ?? ""),
    serial: canonicalSerial(serialNumber ?? ""),
    notAfterMs: Date.parse(validTo),
  };
  shown.set(socket, certificate);
  return certificate;
}
