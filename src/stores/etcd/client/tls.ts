/** Certificates of the etcd client: values, or a function that is asked at each new connection. */
import { createSecureContext } from "node:tls";
import type { Log } from "../../../ports/log.ts";

/** Mutual TLS, as PEM text. */
export interface EtcdTls {
  /** Authorities that etcd's certificates are checked with. */
  readonly caPem: string;
  /** This client's certificate. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** The values, or what is asked at each new connection: so certificates are changed without a restart. */
export type EtcdTlsSource = EtcdTls | (() => EtcdTls);

/** Answers with certificates that can be used: the newest, or those before while the newest are broken. */
export class TlsMaterial {
  readonly #source: EtcdTlsSource | undefined;
  readonly #log: Log;
  #lastGood: EtcdTls | undefined;

  constructor(source: EtcdTlsSource | undefined, log: Log) {
    this.#source = source;
    this.#log = log;
  }

  /** What is wrong with the certificates of now, for a person; undefined: nothing. */
  flaw(): string | undefined {
    try {
      const tls = typeof this.#source === "function" ? this.#source() : this.#source;
      if (tls === undefined) return undefined;
      createSecureContext({ ca: tls.caPem, cert: tls.certificatePem, key: tls.keyPem });
      this.#lastGood = tls;
      return undefined;
    } catch (error: unknown) {
      // OpenSSL's words name neither key nor certificate, only what is wrong with their form.
      return error instanceof Error ? error.message : "they cannot be read";
    }
  }

  /** For a new connection; undefined: without TLS. */
  values(): EtcdTls | undefined {
    const flaw = this.flaw();
    if (flaw !== undefined) {
      this.#log.write("error", "etcd's new certificates cannot be used, the old ones stay", {
        flaw,
      });
    }
    return this.#lastGood;
  }
}
