/** etcd's command line for one member. No secret is among it: keys are files. */
import { join } from "node:path";

/** How a member begins; etcd looks at it only while its data folder is empty. */
export interface MemberBeginning {
  readonly name: string;
  /** `name=peer-url`, parted by commas: all members, this one too. */
  readonly initialCluster: string;
  /** `new`: the members make a cluster; `existing`: this one was added to it. */
  readonly state: "new" | "existing";
}

export interface MemberPlaces {
  /** etcd's own data. */
  readonly dataDirectory: string;
  /** Holds etcd-ca.crt, etcd.crt, etcd.key and etcd.crl. */
  readonly pkiDirectory: string;
  /** `https://host:port`, as others reach it. */
  readonly clientUrl: string;
  readonly peerUrl: string;
  /** Address on which it listens; default: the host of `clientUrl` where that is an address, else all. */
  readonly listenHost?: string | undefined;
}

/**
 * A leader is given up after a silence of this to twice this: five heartbeats at least. With the time to find another
 * one, a node of the fastest profile has its lease renewed in time even if it asks right after the leader's loss: 1.2 s
 * are left then. A leader whose disk stands still for half a second is given up needlessly, which costs the same again.
 */
const heartbeatMs = 100;
const electionMs = 500;
/** A manager's transaction has up to a thousand operations; etcd's own limit is 128. */
const txnOperationsMax = 4_096;
/** etcd's own limit is 1.5 MiB. */
const requestBytesMax = 16_777_216;
const backendBytesMax = 8_589_934_592;
/** Watches that were away for longer read anew. */
const historyKept = "10m";

/**
 * By itself etcd also wants a member's connection to come from an address in its certificate. That would cut off a server
 * with two addresses, or behind a translating router, and guards nothing: a certificate of the store's authority is what
 * makes a server one, only servers get one, and where a connection comes from proves nothing to whoever can route. Whom a
 * member connects to is still checked by name.
 */
const sourceUnchecked = "--experimental-peer-skip-client-san-verification";

/** Arguments of `etcd`. `force-new`: a cluster of this member alone, from its data (two of three burnt). */
export function memberFlags(
  beginning: MemberBeginning,
  places: MemberPlaces,
  start: "usual" | "force-new" = "usual",
): string[] {
  const { dataDirectory, pkiDirectory, clientUrl, peerUrl, listenHost } = places;
  const file = (name: string): string => join(pkiDirectory, name);
  return [
    ...["--name", beginning.name],
    ...["--data-dir", dataDirectory],
    ...["--listen-client-urls", listenUrlOf(clientUrl, listenHost)],
    ...["--advertise-client-urls", clientUrl],
    ...["--listen-peer-urls", listenUrlOf(peerUrl, listenHost)],
    ...["--initial-advertise-peer-urls", peerUrl],
    ...["--initial-cluster", beginning.initialCluster],
    ...["--initial-cluster-state", beginning.state],
    ...["--initial-cluster-token", "holdfast"],
    "--client-cert-auth",
    ...["--trusted-ca-file", file("etcd-ca.crt")],
    ...["--cert-file", file("etcd.crt")],
    ...["--key-file", file("etcd.key")],
    ...["--client-crl-file", file("etcd.crl")],
    "--peer-client-cert-auth",
    ...["--peer-trusted-ca-file", file("etcd-ca.crt")],
    ...["--peer-cert-file", file("etcd.crt")],
    ...["--peer-key-file", file("etcd.key")],
    ...["--peer-crl-file", file("etcd.crl")],
    sourceUnchecked,
    ...["--heartbeat-interval", String(heartbeatMs)],
    ...["--election-timeout", String(electionMs)],
    // A member that was cut off asks first, and does not depose the leader when it is back.
    "--pre-vote",
    ...["--max-txn-ops", String(txnOperationsMax)],
    ...["--max-request-bytes", String(requestBytesMax)],
    ...["--quota-backend-bytes", String(backendBytesMax)],
    ...["--auto-compaction-mode", "periodic"],
    ...["--auto-compaction-retention", historyKept],
    ...["--logger", "zap"],
    ...["--log-level", "warn"],
    ...["--log-outputs", "stderr"],
    ...(start === "force-new" ? ["--force-new-cluster"] : []),
  ];
}

/** etcd listens on addresses only; a member that is reached by a name listens on all. */
function listenUrlOf(url: string, listenHost: string | undefined): string {
  const { hostname, port, protocol } = new URL(url);
  const isAddress = /^[\d.]+$|^\[/.test(hostname);
  const host = listenHost ?? (isAddress ? hostname.replace(/^\[(.*)\]$/, "$1") : "0.0.0.0");
  return `${protocol}//${host.includes(":") ? `[${host}]` : host}:${port}`;
}
