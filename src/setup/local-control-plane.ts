/** The control plane as this server has it: its keys on the disk, its member of the store, and its peers over HTTPS. */
import { hashOfAuthority } from "../adapters/certificates/pem.ts";
import { sealWithToken } from "../adapters/certificates/sealing.ts";
import { err, ok, type Result } from "../core/result.ts";
import type {
  ControlPlane,
  MemberStatus,
  PeerRequest,
} from "../server/control-plane/control-plane.ts";
import type { TlsCredentials } from "../server/http/app.ts";
import type { ForeignEtcd } from "./engine/given-certificates.ts";
import { requestOfPeer } from "./engine/peer-request.ts";
import type { SealedKeys } from "./join/sealed-keys.ts";
import { type Issuer, issueForNode, issueForServer, signPackage } from "./server-certificates.ts";
import { addressesOf, type ServerIdentity } from "./server-files.ts";

export interface LocalControlPlaneOptions extends Issuer {
  readonly identity: ServerIdentity;
  readonly engine: "embedded" | "etcd";
  /** Whether this server runs a member of the store. */
  readonly hasMember: boolean;
  readonly serials: ControlPlane["serials"];
  readonly memberStatus: () => Promise<MemberStatus>;
  readonly memberUrls: () => readonly string[];
  readonly move: ControlPlane["move"];
  /** Etcd that others run: how it is opened; undefined: its members are those of the servers. */
  readonly foreignEtcd: ForeignEtcd | undefined;
  /** What this server shows, as it is now. */
  readonly tls: () => TlsCredentials;
}

/** The error says which file is missing. */
export async function openLocalControlPlane(
  options: LocalControlPlaneOptions,
): Promise<Result<ControlPlane, string>> {
  const { identity, pki, engine } = options;
  const authorityPem = await pki.readTrusted("ca");
  if (!authorityPem.ok) return authorityPem;
  const etcdAuthorityPem = await pki.readTrusted("etcd-ca");
  if (!etcdAuthorityPem.ok) return etcdAuthorityPem;
  if (authorityPem.value === undefined || etcdAuthorityPem.value === undefined) {
    return err("the authorities' certificates are missing; restore the folder pki from a backup");
  }
  const authorityHash = hashOfAuthority(authorityPem.value);
  if (!authorityHash.ok) return authorityHash;
  const { url, clientUrl, peerUrl } = addressesOf(identity);
  return ok({
    self: {
      id: identity.id,
      name: identity.name,
      url,
      member: options.hasMember ? { clientUrl, peerUrl } : undefined,
    },
    engine,
    get authorityPem() {
      return options.tls().authorityPem;
    },
    etcdAuthorityPem: etcdAuthorityPem.value,
    authorityHash: authorityHash.value,
    issueForNode: (requestPem, holder) => issueForNode(options, requestPem, holder),
    signPackage: (about) => signPackage(options, about),
    issueForServer: (requests, holder) => issueForServer(options, requests, holder),
    sealKeys: (secret) => sealKeys(options, secret),
    serials: options.serials,
    memberStatus: options.memberStatus,
    memberUrls: options.memberUrls,
    move: options.move,
    askPeer: (peer) => askPeer(peer, options.tls()),
  });
}

/** What only servers have, for one that joins. */
async function sealKeys(
  { pki, foreignEtcd }: LocalControlPlaneOptions,
  secret: string,
): Promise<Result<string, string>> {
  const own = await pki.readAuthority("ca");
  if (!own.ok) return own;
  const etcd = await pki.readAuthority("etcd-ca");
  if (!etcd.ok) return etcd;
  if (own.value === undefined || etcd.value === undefined) {
    return err("this server does not have the authorities' keys");
  }
  const keys: SealedKeys = {
    authorityKeyPem: own.value.keyPem,
    etcdAuthorityKeyPem: etcd.value.keyPem,
    members: foreignEtcd === undefined ? "own" : "others",
    etcdCertificates: foreignEtcd?.certificates(),
  };
  return ok(sealWithToken(secret, JSON.stringify(keys)));
}

/** Asks another server, and reads its JSON. The error says why there is none. */
export async function askPeer(
  peer: PeerRequest,
  tls: TlsCredentials,
): Promise<Result<unknown, string>> {
  const answer = await requestOfPeer(peer, tls);
  return answer.ok ? answer : err(answer.error.message);
}
