/** `node join`, on the new machine: gets a certificate, and leaves a data directory with which `agent run` works. */
import { join } from "node:path";
import { readIfThere, replaceFile } from "../../adapters/certificates/durable-file.ts";
import { createKeyAndRequest } from "../../adapters/certificates/key-and-request.ts";
import { findAuthority } from "../../adapters/certificates/pem.ts";
import { openPkiDirectory } from "../../adapters/certificates/pki-directory.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { KeyAndCertificate, PkiDirectory } from "../../ports/certificates.ts";
import { nodeJoinAnswerSchema } from "../../wire/joining.ts";
import { readIdentity, serverPlaces } from "../server-files.ts";
import { findServers, post } from "./ask-servers.ts";
import { keptIdentity } from "./kept-identity.ts";

export interface JoinNodeOptions {
  readonly dataDirectory: string;
  /** Of a server on the same machine, if there is one. */
  readonly serverDataDirectory: string;
  readonly name: string;
  readonly servers: readonly string[];
  readonly token: string;
  readonly authorityHash: string;
  readonly version: string;
  readonly properties: Readonly<Record<string, string | number | boolean>>;
  readonly taints: readonly string[];
  /** The HA group that it is put into; undefined: none. */
  readonly haGroup?: string | undefined;
}

interface JoinedNode {
  readonly node: string;
  /** Not so when it was this node's before: nobody was asked whether it still counts. */
  readonly isNew: boolean;
}

/**
 * Joins; the error is for the operator. A join that was interrupted may be repeated with the same command; one that is
 * done already is none.
 */
export async function joinNode(options: JoinNodeOptions): Promise<Result<JoinedNode, string>> {
  const { dataDirectory, name, token, version, properties, taints } = options;
  const pki = await openPkiDirectory(dataDirectory);
  if (!pki.ok) return pki;
  const present = await pki.value.readPair("agent");
  if (!present.ok) return present;
  if (present.value !== undefined) {
    if (await isThisNode(pki.value, options)) return ok({ node: name, isNew: false });
    return err(
      `${dataDirectory} is a node's already; run its agent, or empty the folder to join anew`,
    );
  }
  const servers = await findServers(options.servers, options.authorityHash);
  if (!servers.ok) return servers;
  const identity = await keptIdentity(dataDirectory);
  if (!identity.ok) return identity;
  const key = await createKeyAndRequest({
    commonName: name,
    uris: [`holdfast:node:${name}:${identity.value}`],
    dnsNames: [],
    addresses: [],
  });
  if (!key.ok) return key;
  const server = await serverHere(options);
  if (!server.ok) return server;
  const body = {
    ...{ token, properties, taints },
    node: name,
    identity: identity.value,
    requestPem: key.value.requestPem,
    agentVersion: version,
    ...(server.value === undefined ? {} : { serverId: server.value.id }),
    ...(options.haGroup === undefined ? {} : { haGroup: options.haGroup }),
  };
  const asked = { ...servers.value, shown: server.value?.pair };
  const answer = await post(asked, "/v1/join/node", body, nodeJoinAnswerSchema);
  if (!answer.ok) return answer;
  const { certificatePem, authorityPem } = answer.value;
  const trusted = await pki.value.writeTrusted("ca", authorityPem);
  if (!trusted.ok) return trusted;
  const authorityFile = pki.value.pathOf("ca.crt");
  const urls = answer.value.servers;
  const files = [
    ["servers.json", JSON.stringify({ version: 1, servers: urls, authorityFile })],
    ["node.json", nodeFileOf(answer.value.node)],
  ] as const;
  for (const [file, text] of files) {
    const written = await replace(join(dataDirectory, file), text);
    if (!written.ok) return written;
  }
  // Last: with it the node has joined.
  const pair = await pki.value.writePair("agent", { keyPem: key.value.keyPem, certificatePem });
  return pair.ok ? ok({ node: answer.value.node, isNew: true }) : pair;
}

interface ServerHere {
  readonly id: string;
  /** Proves to the cluster that the machine is this server's. */
  readonly pair: KeyAndCertificate;
}

/**
 * The server of the same cluster on this machine; undefined: there is none. One of another cluster counts not, and who may
 * not read it cannot speak for it.
 */
async function serverHere(
  options: JoinNodeOptions,
): Promise<Result<ServerHere | undefined, string>> {
  const { serverDataDirectory } = options;
  const identity = await readIdentity(serverPlaces(serverDataDirectory));
  if (!identity.ok || identity.value === undefined) return ok(undefined);
  const pki = await openPkiDirectory(serverDataDirectory);
  if (!pki.ok) return pki;
  const trusted = await pki.value.readTrusted("ca");
  if (!trusted.ok) return trusted;
  if (trusted.value === undefined) return ok(undefined);
  if (!findAuthority(trusted.value, options.authorityHash).ok) return ok(undefined);
  const pair = await pki.value.readPair("server");
  if (!pair.ok) return pair;
  return ok(pair.value === undefined ? undefined : { id: identity.value.id, pair: pair.value });
}

/** Of a node that has joined: whether it is this one. Its certificate came last, so all the rest is there. */
async function isThisNode(pki: PkiDirectory, options: JoinNodeOptions): Promise<boolean> {
  const trusted = await pki.readTrusted("ca");
  if (!trusted.ok || trusted.value === undefined) return false;
  if (!findAuthority(trusted.value, options.authorityHash).ok) return false;
  const text = await readIfThere(join(options.dataDirectory, "node.json")).catch(() => undefined);
  return text === nodeFileOf(options.name);
}

/** As the agent reads it. */
function nodeFileOf(node: string): string {
  return JSON.stringify({ version: 1, node });
}

async function replace(path: string, text: string): Promise<Result<void, string>> {
  try {
    await replaceFile(path, text, 0o600);
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot write ${path}: ${sentenceOfSystemError(error)}`);
  }
}
