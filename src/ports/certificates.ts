/**
 * Certificates: who vouches for whom, and where keys and certificates are kept. A holder makes its own key; only a
 * request leaves its machine.
 */
import type { CertificateLife } from "../core/certificate-life.ts";
import type { Result } from "../core/result.ts";

/** Whom a certificate names, and by which names and addresses others reach it. */
export interface CertificateNames {
  readonly commonName: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
}

/** What a certificate says. */
export interface CertificateFacts extends CertificateNames, CertificateLife {
  /** Hexadecimal, lower case. */
  readonly serial: string;
}

/** A private key (PKCS #8) and the certificate of its public half, as PEM. */
export interface KeyAndCertificate {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** A private key that stays where it is, and the request that leaves, as PEM. */
export interface KeyAndRequest {
  readonly keyPem: string;
  readonly requestPem: string;
}

/** A new certificate. */
export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly facts: CertificateFacts;
}

/** An order to an authority. */
export interface IssueOrder {
  /** Only its public key is taken, after its signature was verified; what it says of names is not. */
  readonly requestPem: string;
  /** Decided by the issuer. */
  readonly subject: CertificateNames;
  /** `client`: cannot be used to pose as a server. */
  readonly use: "server-and-client" | "client";
  /** The life ends with the authority's own at the latest. */
  readonly lifeMs: number;
  /**
   * The new one counts over this span as well: that of a certificate which does not count by this machine's clock, but
   * would again if it is the clock that is wrong. Default: none.
   */
  readonly covers?: CertificateLife | undefined;
  /** Wall clock. */
  readonly nowMs: number;
}

/** A certificate authority whose key is at hand. */
export interface Authority {
  /** The certificate that belongs to its key, as PEM. */
  readonly certificatePem: string;
  /** Issues a certificate. The error is for the one who asked: a bad request, a bad name, an authority that has expired, or a clock from before the authority was made. */
  issue(order: IssueOrder): Promise<Result<IssuedCertificate, string>>;
  /** All certificates that count no longer, signed, as PEM (`X509 CRL`). */
  revocationList(list: {
    readonly revoked: readonly { readonly serial: string; readonly atMs: number }[];
    readonly nowMs: number;
    readonly nextUpdateMs: number;
  }): Promise<string>;
}

/** The cluster's authority (servers' API, agents), and that of the replicated store. */
export type AuthorityName = "ca" | "etcd-ca";
/** Whose key and certificate are kept, in `<name>.key` and `<name>.crt`. */
export type PairName = "server" | "agent" | "etcd";

/** A new pair, and the authorities that are to be trusted from now on where they change with it. */
export interface PairChange extends KeyAndCertificate {
  readonly authorityPem?: string | undefined;
}

/**
 * The folder `pki/` of a data directory. Files, and both files of a pair, are replaced in one moment and are on the disk
 * when a write returns; what would leave a pair that does not fit, or that nobody trusts, is refused. Errors are
 * sentences.
 */
export interface PkiDirectory {
  /** Absolute path of a file, for programs that read it themselves. */
  pathOf(file: `${PairName | AuthorityName}.${"crt" | "key"}` | "etcd.crl"): string;
  /** The authorities that are trusted, one or several in one PEM text; undefined: none yet. */
  readTrusted(authority: AuthorityName): Promise<Result<string | undefined, string>>;
  /** Refused when it would drop an authority that a pair or a key here still needs. */
  writeTrusted(authority: AuthorityName, authorityPem: string): Promise<Result<void, string>>;
  /** The authority's key, with the trusted certificates among which its own is; undefined: it is not kept here. */
  readAuthority(authority: AuthorityName): Promise<Result<KeyAndCertificate | undefined, string>>;
  /** Refused unless the key's own certificate is among the trusted ones already. */
  writeAuthorityKey(authority: AuthorityName, keyPem: string): Promise<Result<void, string>>;
  /** undefined: there is none yet. */
  readPair(pair: PairName): Promise<Result<KeyAndCertificate | undefined, string>>;
  /**
   * Refused when key and certificate do not fit, or when no trusted authority has issued it. Where `authorityPem` comes
   * with it, the old and the new authorities are trusted until the new pair is in place.
   */
  writePair(pair: PairName, change: PairChange): Promise<Result<void, string>>;
  /** `etcd.crl`, which etcd reads anew at each handshake. */
  writeRevocationList(crlPem: string): Promise<Result<void, string>>;
}
