/** What the certificate tests share: authorities, pairs, real handshakes, temporary folders, and the openssl program. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { promisify } from "node:util";
import { createAuthority, openAuthority } from "../../../src/adapters/certificates/authority.ts";
import { type TlsMaterial, tlsOptionsOf } from "../../../src/adapters/certificates/hot-swap.ts";
import { createKeyAndRequest } from "../../../src/adapters/certificates/key-and-request.ts";
import type { Result } from "../../../src/core/result.ts";
import type {
  Authority,
  CertificateFacts,
  CertificateNames,
  IssueOrder,
  KeyAndCertificate,
} from "../../../src/ports/certificates.ts";

export const identity: string = "0123456789abcdef".repeat(2);
export const dayMs = 86_400_000;

/** The value of what must have gone well. */
export function must<T>(result: Result<T, string>): T {
  assert.ok(result.ok, result.ok ? "" : result.error);
  return result.value;
}

/** The error of what must have been refused. */
export function refusal(result: Result<unknown, string>): string {
  assert.ok(!result.ok, "it was to be refused, and was not");
  return result.error;
}

export interface TestAuthority extends KeyAndCertificate {
  readonly authority: Authority;
}

/** It is some weeks old, so that it can sign what is over by now. */
export async function makeAuthority(
  commonName = "Test authority",
  nowMs: number = Date.now() - 40 * dayMs,
): Promise<TestAuthority> {
  const made = await createAuthority({ commonName, nowMs });
  return { ...made, authority: must(openAuthority(made)) };
}

export function namesOf(names: Partial<CertificateNames> = {}): CertificateNames {
  return {
    commonName: "test",
    uris: [],
    dnsNames: ["localhost"],
    addresses: ["127.0.0.1"],
    ...names,
  };
}

export interface IssuedPair extends KeyAndCertificate {
  readonly facts: CertificateFacts;
}

/** A new key with a certificate of this authority. */
export async function issuePair(
  { authority }: Pick<TestAuthority, "authority">,
  names: Partial<CertificateNames> = {},
  order: Partial<IssueOrder> & { readonly keyPem?: string } = {},
): Promise<IssuedPair> {
  const subject = namesOf(names);
  const { keyPem, requestPem } = must(
    await createKeyAndRequest({ ...subject, keyPem: order.keyPem }),
  );
  const issued = await authority.issue({
    requestPem,
    subject,
    use: "server-and-client",
    lifeMs: 30 * dayMs,
    nowMs: Date.now(),
    ...order,
  });
  return { keyPem, ...must(issued) };
}

/** A pair as a side of a connection, which trusts these authorities. */
export function material(
  { keyPem, certificatePem }: KeyAndCertificate,
  ...trusted: readonly { readonly certificatePem: string }[]
): TlsMaterial {
  return {
    keyPem,
    certificatePem,
    authorityPem: trusted.map((each) => each.certificatePem).join(""),
  };
}

export interface EchoServer {
  readonly server: tls.Server;
  readonly port: number;
  close(): Promise<void>;
}

/** A server that asks for a client's certificate, says "welcome" and echoes. */
export async function startEcho(shown: TlsMaterial): Promise<EchoServer> {
  const sockets = new Set<tls.TLSSocket>();
  const server = tls.createServer(
    { ...tlsOptionsOf(shown), requestCert: true, rejectUnauthorized: true },
    (socket) => {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.write("welcome");
      socket.pipe(socket);
    },
  );
  server.on("tlsClientError", () => undefined); // the client's side says what was wrong
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    server,
    port: (server.address() as AddressInfo).port, // a TCP server that listens has one
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

export interface Connection {
  readonly socket: tls.TLSSocket;
  readonly peer: tls.DetailedPeerCertificate;
  /** Sends a word and waits for its echo. */
  echo(word: string): Promise<void>;
  /** Of TLS 1.3, once it has come. */
  readonly session: () => Buffer | undefined;
}

/** Connects, verified by both sides: it counts when the server's first word has come, or rejects with the reason. */
export async function connect(
  port: number,
  shown: Pick<TlsMaterial, "authorityPem"> & Partial<TlsMaterial>,
  options: tls.ConnectionOptions = {},
): Promise<Connection> {
  const { keyPem: key, certificatePem: cert, authorityPem: ca } = shown;
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ca,
    ...(key === undefined || cert === undefined ? {} : { key, cert }),
    ...options,
  });
  let session: Buffer | undefined;
  socket.on("session", (kept) => {
    session = kept;
  });
  socket.setTimeout(5_000, () => socket.destroy(new Error("nothing came within 5 s")));
  try {
    assert.equal(await nextWord(socket), "welcome");
  } catch (error: unknown) {
    socket.destroy();
    throw error;
  }
  return {
    socket,
    peer: socket.getPeerCertificate(true),
    session: () => session,
    async echo(word) {
      socket.write(word);
      assert.equal(await nextWord(socket), word);
    },
  };
}

async function nextWord(socket: tls.TLSSocket): Promise<string> {
  const closed = new AbortController();
  const onClose = () => closed.abort(new Error("the other side hung up"));
  socket.once("close", onClose);
  try {
    return String((await once(socket, "data", { signal: closed.signal }))[0]);
  } finally {
    socket.off("close", onClose);
  }
}

/** Connects and hangs up; the serial that the server has shown. */
export async function handshake(...args: Parameters<typeof connect>): Promise<string> {
  const { socket, peer } = await connect(...args);
  socket.destroy();
  return peer.serialNumber.toLowerCase();
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "holdfast-pki-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Why tests that need this program are skipped here; false: they are not. */
export function withoutProgram(name: string, versionFlag: string): string | false {
  const isThere = spawnSync(name, [versionFlag]).status === 0;
  return isThere ? false : `the program ${name} is not installed here`;
}

/** Runs openssl; its output, or its complaint as a rejection. */
export async function openssl(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("openssl", args, { timeout: 20_000 });
  return stdout;
}
