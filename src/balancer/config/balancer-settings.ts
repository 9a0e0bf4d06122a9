/** What every generated configuration needs beside the servers, and the times that all balancers check them by. */

/** What a balancer asks of a server: `readyz` whether it can serve, `tcp` only whether it takes a connection. */
export const checkKinds = ["readyz", "tcp"] as const;
export type CheckKind = (typeof checkKinds)[number];

/** One check a second; two bad ones in a row take a server out, three good ones bring it back. */
export const checkTimes = {
  intervalMs: 1_000,
  /** A server that takes longer to answer is not well. */
  timeoutMs: 1_000,
  fallCount: 2,
  riseCount: 3,
} as const;

/** How long a connection to a server may take to come about. */
export const connectTimeoutMs = 2_000;
/** Most connections at once, unless another figure is asked for. */
export const connectionsMaxDefault = 20_000;
/** One side has said its last word: so long the other one may be silent. */
export const halfOpenIdleMs = 30_000;

export interface ListenAddress {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface BalancerSettings {
  /** Where clients and agents connect to. */
  readonly listen: ListenAddress;
  readonly check: CheckKind;
  /** File with the cluster's authority, as the balancer's machine sees it; undefined: certificates are not checked. */
  readonly authorityFile: string | undefined;
  readonly connectionsMax: number;
}

/** An address as configuration files and logs write it. */
export function writeAddress({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
