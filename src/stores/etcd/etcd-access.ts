/** How an etcd cluster is reached, and clients that live for one purpose only. */
import type { Result } from "../../core/result.ts";
import { err } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { StoreError } from "../../ports/store.ts";
import { Attempts } from "./client/attempts.ts";
import { Endpoints } from "./client/endpoints.ts";
import { type EtcdTlsSource, TlsMaterial } from "./client/tls.ts";

export interface EtcdAccess {
  /** `https://host:port` (or `http://`): the local member first, it is preferred; the others are fallbacks. */
  readonly endpoints: readonly string[];
  /** Certificates as values, or a function that is asked at each new connection; undefined: none. */
  readonly tls?: EtcdTlsSource | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is wrong with the addresses or the certificates, for a person; undefined: nothing. */
export function flawOfAccess(access: EtcdAccess): string | undefined {
  if (access.endpoints.length === 0) return "there is no address of etcd";
  for (const url of access.endpoints) {
    const flaw = flawOfUrl(url);
    if (flaw !== undefined) return flaw;
    if (url.startsWith("https:") && access.tls === undefined) {
      return `"${url}" needs certificates, and none were given`;
    }
  }
  const flaw = new TlsMaterial(access.tls, access.log).flaw();
  return flaw === undefined ? undefined : `the certificates for etcd cannot be used: ${flaw}`;
}

/** What is wrong with an address of etcd's, or undefined. */
export function flawOfUrl(url: string): string | undefined {
  if (/^https?:\/\/[^/@?#\s]+$/.test(url) && URL.canParse(url)) return undefined;
  return `"${url}" is no address of etcd: write https://HOST:PORT`;
}

/** Does something over connections of its own, and closes them. */
export async function withAttempts<T>(
  access: EtcdAccess,
  work: (attempts: Attempts) => Promise<Result<T, StoreError>>,
): Promise<Result<T, StoreError>> {
  const flaw = flawOfAccess(access);
  if (flaw !== undefined) return err({ kind: "refused", message: flaw, mayHaveTakenEffect: false });
  const tls = new TlsMaterial(access.tls, access.log);
  const endpoints = new Endpoints({ ...access, tls });
  try {
    return await work(new Attempts({ endpoints, clock: access.clock }));
  } finally {
    endpoints.close();
  }
}
