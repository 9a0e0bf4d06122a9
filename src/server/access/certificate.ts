/**
 * Who a client certificate names. It was signed by the cluster's authority, or the connection would not count as
 * authorised; here it is asked whether its holder is still one of the cluster.
 */
import type { Socket } from "node:net";
import { type DetailedPeerCertificate, type PeerCertificate, TLSSocket } from "node:tls";
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
  /** Wall time, as the next one. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const shown = new WeakMap<TLSSocket, ShownCertificate>();

/**
 * The certificate's holder; undefined: plain HTTP, or no certificate that the authority has signed. `nowMs` is wall time:
 * TLS looks at the dates when a connection is made, and a connection may last for longer. Where only the dates are in the
 * way the caller is nobody, too, but that may be this server's clock: it is to ask another server, or again.
 */
export function identifySocket(
  socket: Socket,
  tables: CertificateTables,
  nowMs: number,
): Result<AgentIdentity | ServerIdentity, Problem> | undefined {
  const certificate = shownBy(socket);
  if (certificate === undefined) {
    const untimely = untimelyBy(socket);
    return untimely === undefined ? undefined : refuseUntimely(untimely, nowMs);
  }
  const { uris, serial, notAfterMs } = certificate;
  const identified = identifyCertificate(uris, tables);
  // Whoever was taken out is told that, and not only that their certificate counts no longer.
  if (!identified.ok) return identified;
  if (!(nowMs < notAfterMs)) return refuseUntimely(certificate, nowMs);
  const revocation = revocationOf(tables, { serial, authority: "cluster" });
  if (revocation === undefined) return identified;
  return refuse("bad-token", `the client certificate was revoked: ${revocation.because}`);
}

/** By the minute, because those who ask again and again log each new sentence. */
function refuseUntimely(
  { notBeforeMs, notAfterMs }: ShownCertificate,
  nowMs: number,
): { readonly ok: false; readonly error: Problem } {
  const [from, until] = [new Date(notBeforeMs).toISOString(), new Date(notAfterMs).toISOString()];
  const now = `${new Date(nowMs).toISOString().slice(0, 16)}Z`;
  return refuse(
    "unavailable",
    `the client certificate counts from ${from} until ${until}, and by this server's clock it is ${now}: set the clock that is wrong, or join anew where the certificate is over`,
  );
}

/**
 * Whether the connection is to end with its answer: what TLS said of the dates when it began would go on for as long as
 * the connection does, also when the clock has been set since.
 */
export function isJudgedByDates(socket: Socket, nowMs: number): boolean {
  const certificate = shownBy(socket);
  if (certificate === undefined) return untimelyBy(socket) !== undefined;
  return !(nowMs < certificate.notAfterMs);
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
  const certificate = factsOf(socket.getPeerCertificate());
  shown.set(socket, certificate);
  return certificate;
}

function factsOf(peer: PeerCertificate): ShownCertificate {
  return {
    uris: urisOf(peer.subjectaltname ?? ""),
    serial: canonicalSerial(peer.serialNumber ?? ""),
    notBeforeMs: Date.parse(peer.valid_from),
    notAfterMs: Date.parse(peer.valid_to),
  };
}

/**
 * A certificate that TLS has refused, and for its dates alone as far as can be seen: it names a holder, and its issuer
 * is known. That is no proof, and nothing may rest on it: TLS tells one reason only, and a caller can send an issuer.
 */
function untimelyBy(socket: Socket): ShownCertificate | undefined {
  if (!(socket instanceof TLSSocket) || socket.authorized) return undefined;
  const why: unknown = socket.authorizationError; // a code, whatever its type says
  if (why !== "CERT_NOT_YET_VALID" && why !== "CERT_HAS_EXPIRED") return undefined;
  const peer = socket.getPeerCertificate(true);
  const issuer: DetailedPeerCertificate | undefined = peer.issuerCertificate;
  if (issuer === undefined || issuer.fingerprint256 === peer.fingerprint256) return undefined;
  const certificate = factsOf(peer);
  const hasDates = Number.isFinite(certificate.notBeforeMs + certificate.notAfterMs);
  return hasDates && holderOfUris(certificate.uris).ok ? certificate : undefined;
}
