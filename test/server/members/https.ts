/** One request over TLS as the holder of a certificate that lies in a data directory. */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import type { TestNode, TestServer } from "../../support/control-plane.ts";
import type { Json } from "../harness.ts";

/** Who asks: key and certificate as they are on the disk at this moment, or nobody. */
export interface Holder {
  readonly authorityPem: string;
  readonly keyPem?: string;
  readonly certificatePem?: string;
}

export function holderOf(
  process: TestServer | TestNode,
  pair: "server" | "agent" | "etcd",
): Holder {
  const read = (name: string): string =>
    readFileSync(join(process.dataDirectory, "pki", name), "utf8");
  return {
    authorityPem: read("ca.crt"),
    keyPem: read(`${pair}.key`),
    certificatePem: read(`${pair}.crt`),
  };
}

export interface TlsAnswer {
  readonly status: number;
  readonly json: Json;
}

/** Asks, with a JSON body where there is one. */
export function ask(
  url: string,
  holder: Holder,
  options: { readonly method?: string; readonly body?: unknown } = {},
): Promise<TlsAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<TlsAnswer>();
  const content = options.body === undefined ? undefined : JSON.stringify(options.body);
  const asked = request(
    url,
    {
      method: options.method ?? "GET",
      ca: holder.authorityPem,
      key: holder.keyPem,
      cert: holder.certificatePem,
      agent: false,
      headers: content === undefined ? {} : { "content-type": "application/json" },
      signal: AbortSignal.timeout(10_000),
    },
    (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("error", reject);
      response.on("end", () => {
        const json = JSON.parse(text === "" ? "{}" : text) as Json; // for assertions on it
        resolve({ status: response.statusCode ?? 0, json });
      });
    },
  );
  asked.on("error", reject);
  asked.end(content);
  return promise;
}
