/** One real etcd on the pki folder of a test, with the flags that a server gives it; asked over TLS from outside. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:https";
import { join } from "node:path";
import type { TlsMaterial } from "../../../src/adapters/certificates/hot-swap.ts";
import { openPkiDirectory } from "../../../src/adapters/certificates/pki-directory.ts";
import { memberFlags } from "../../../src/adapters/etcd/member-flags.ts";
import type { PkiDirectory } from "../../../src/ports/certificates.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import { freePorts } from "../../support/free-ports.ts";
import {
  dayMs,
  type IssuedPair,
  issuePair,
  makeAuthority,
  must,
  type TestAuthority,
  temporaryFolder,
} from "./tools.ts";

export interface EtcdBench {
  readonly directory: PkiDirectory;
  /** The authority of its certificates at the start. */
  readonly ca: TestAuthority;
  readonly first: IssuedPair;
  readonly ports: { readonly client: number; readonly peer: number };
  /** undefined: it has ended. */
  readonly pid: () => number | undefined;
  revoke(authority: TestAuthority, serials: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it, with this text of authorities beside its own; it serves when this returns. */
export async function startEtcd(...others: readonly TestAuthority[]): Promise<EtcdBench> {
  const folder = temporaryFolder();
  const directory = must(await openPkiDirectory(folder.path));
  const ca = await makeAuthority("Holdfast store");
  const first = await issuePair(ca);
  const trusted = [ca, ...others].map((each) => each.certificatePem).join("");
  must(await directory.writeTrusted("etcd-ca", trusted));
  must(await directory.writePair("etcd", first));
  const revoke: EtcdBench["revoke"] = async ({ authority }, serials) => {
    const nowMs = Date.now();
    const revoked = serials.map((serial) => ({ serial, atMs: nowMs }));
    const list = { revoked, nowMs, nextUpdateMs: nowMs + dayMs };
    must(await directory.writeRevocationList(await authority.revocationList(list)));
  };
  await revoke(ca, []);
  const [client = 0, peer = 0] = await freePorts(2);
  const { child, outputOf } = spawnEtcd(folder.path, { client, peer });
  const pid = () => (child.exitCode === null && child.signalCode === null ? child.pid : undefined);
  await waitFor("etcd serves", 20_000, async () => {
    if (pid() === undefined) throw new Error(`etcd has ended:\n${outputOf()}`);
    const asked = await ask(client, { ...first, authorityPem: ca.certificatePem });
    return asked.answer?.includes("true");
  });
  return {
    ...{ directory, ca, first, ports: { client, peer }, pid, revoke },
    async stop() {
      const ended = pid() === undefined ? undefined : once(child, "close");
      child.kill("SIGKILL");
      await ended;
      folder.remove();
    },
  };
}

function spawnEtcd(
  dataDirectory: string,
  ports: { readonly client: number; readonly peer: number },
): { readonly child: ChildProcess; readonly outputOf: () => string } {
  const peerUrl = `https://127.0.0.1:${ports.peer}`;
  const flags = memberFlags(
    { name: "a", initialCluster: `a=${peerUrl}`, state: "new" },
    {
      ...{ dataDirectory: join(dataDirectory, "etcd"), pkiDirectory: join(dataDirectory, "pki") },
      ...{ peerUrl, clientUrl: `https://127.0.0.1:${ports.client}` },
    },
  );
  // The kernel kills it with this process, whatever ends this process.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "etcd", ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-20_000);
  });
  return { child, outputOf: () => output };
}

export interface EtcdAnswer {
  /** undefined: it has turned us away. */
  readonly answer: string | undefined;
  /** Of the certificate that it has shown; undefined: there was no handshake. */
  readonly serial: string | undefined;
  readonly error?: string;
}

/** One request on a connection of its own: `/health` of the client port, `/members` of the peer port. */
export async function ask(
  port: number,
  { keyPem: key, certificatePem: cert, authorityPem: ca }: TlsMaterial,
  path = "/health",
): Promise<EtcdAnswer> {
  const { promise, resolve } = Promise.withResolvers<EtcdAnswer>();
  let serial: string | undefined;
  const target = { host: "127.0.0.1", port, path, agent: false, timeout: 3_000, key, cert, ca };
  const asked = request(target, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    response.on("end", () => resolve({ answer: text, serial }));
  });
  asked.on("socket", (socket) => {
    socket.on("secureConnect", () => {
      // Of TLS sockets only; the type of a request's socket does not know it.
      if (
        "getPeerX509Certificate" in socket &&
        typeof socket.getPeerX509Certificate === "function"
      ) {
        const shown: unknown = socket.getPeerX509Certificate();
        if (isShown(shown)) serial = shown.serialNumber.toLowerCase();
      }
    });
  });
  asked.on("timeout", () => asked.destroy(new Error("no answer within 3 s")));
  asked.on("error", ({ message }) => resolve({ answer: undefined, serial, error: message }));
  asked.end();
  return await promise;
}

function isShown(value: unknown): value is { readonly serialNumber: string } {
  return typeof value === "object" && value !== null && "serialNumber" in value;
}
