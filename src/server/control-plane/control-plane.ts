/**
 * What an initialised server has beyond its store: who it is, the authorities' keys, its member of the store, and
 * a way to ask its peers. A server that was only started (for a demo or a test) has none of it.
 */
import type { Result } from "../../core/result.ts";
import type { MoveStatus, OwnStatus } from "../../wire/servers.ts";

/** Who a server is. */
export interface ServerSelf {
  readonly id: string;
  readonly name: string;
  /** Where others reach its API. */
  readonly url: string;
  /** Its member of the replicated store; undefined: the embedded store, or one that others run. */
  readonly member: { readonly peerUrl: string; readonly clientUrl: string } | undefined;
}

/** Role and place in the log of this server's member of the store; needs no leader. */
export type MemberStatus = Pick<OwnStatus, "role" | "term" | "index" | "applied" | "because"> & {
  /** The store's own id of the member. */
  readonly memberId?: string | undefined;
  /** `none`: it knows of no leader, so that nothing can be written now. */
  readonly leader?: "known" | "none" | undefined;
  /** Size of the store on this member's disk; undefined: that cannot be told. */
  readonly storeBytes?: number | undefined;
};

/** A joining server's two requests, signed by the two authorities. */
export interface ServerCertificates {
  readonly certificatePem: string;
  readonly etcdCertificatePem: string;
}

/** Serial numbers of a server's certificates, in hexadecimal. */
export interface CertificateSerials {
  readonly certificate: string;
  readonly etcdCertificate: string;
}

export interface ControlPlane {
  readonly self: ServerSelf;
  /** `embedded`: only one server can be. */
  readonly engine: "embedded" | "etcd";
  /** PEM of the cluster's authority. */
  readonly authorityPem: string;
  /** PEM of the store's authority, which signs for servers only. */
  readonly etcdAuthorityPem: string;
  /** `sha256:<hex>` of the authority's public key: what a join command pins. */
  readonly authorityHash: string;
  /** A client's certificate for a node's agent. The error is a sentence about the request. */
  issueForNode(requestPem: string, holder: NodeHolder): Promise<Result<string, string>>;
  /** Vouches for a package of Holdfast with the authority's key; in base64. The error says that the key is not here. */
  signPackage(about: {
    readonly sha256: string;
    readonly version: string;
  }): Promise<Result<string, string>>;
  issueForServer(
    requests: ServerRequests,
    holder: ServerHolder,
  ): Promise<Result<ServerCertificates, string>>;
  /** The authorities' private keys, sealed with a secret that only the joining server has. */
  sealKeys(secret: string): Promise<Result<string, string>>;
  /** Of this server's certificates as they are now. The error says that one cannot be read. */
  serials(): Result<CertificateSerials, string>;
  memberStatus(): Promise<MemberStatus>;
  /** Client addresses of the store's members, own first. */
  memberUrls(): readonly string[];
  /** The move from the embedded store to etcd, under the running server. */
  readonly move: {
    /** Begins it, unless it goes on or is done already. */
    begin(): MoveStatus;
    status(): MoveStatus;
  };
  /** Asks another server as this server, and reads its JSON. The error says why there is none. */
  askPeer(request: PeerRequest): Promise<Result<unknown, string>>;
}

export interface NodeHolder {
  readonly node: string;
  readonly identity: string;
}

export interface ServerRequests {
  readonly requestPem: string;
  readonly etcdRequestPem: string;
}

export interface ServerHolder {
  readonly id: string;
  readonly name: string;
  /** Name or address where others reach it. */
  readonly host: string;
  /** `HOST:PORT` of the load balancer in front of all, whose name the certificate holds too. */
  readonly loadBalancer: string | undefined;
}

export interface PeerRequest {
  readonly url: string;
  readonly path: string;
  readonly timeoutMs: number;
}
