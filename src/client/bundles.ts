/** What the client can ask about bundles: files that are sent and received as they are, never gathered in memory. */
import * as z from "zod";
import {
  type BundleList,
  type BundleResource,
  type BundleVerification,
  bundleListSchema,
  bundleResourceSchema,
  bundleVerificationSchema,
} from "../wire/bundles.ts";
import type { ApiResult } from "./api-error.ts";
import { type ApiRequest, openBoth, type TransportOptions } from "./transport.ts";
import type { Upload } from "./upload.ts";

/** A server of which nothing comes for so long is given up. */
const idleMsMax = 30_000;
/** How long servers may read their copies. */
const verificationMsMax = 660_000;
/** What an answer takes beyond the time that it was asked to wait. */
const slackMs = 10_000;

export interface BundlePush {
  readonly sha256: string;
  readonly name: string;
  /** What becomes of another bundle of that name, or another name of that content. */
  readonly others: "keep" | "replace";
  /** How long the answer may wait for copies on a majority of the servers. */
  readonly waitMs: number;
  readonly content: Upload;
}

/** Requests about bundles, each named by its SHA-256 or its name. */
export interface BundleRequests {
  bundles(): Promise<ApiResult<BundleList>>;
  /** With `waitMs`: once it is safe, or the time is over. */
  bundle(words: string, waitMs?: number): Promise<ApiResult<BundleResource>>;
  /** Code `not-replicated`: it is carried on, look with `bundle`. */
  pushBundle(push: BundlePush): Promise<ApiResult<BundleResource>>;
  removeBundle(words: string): Promise<ApiResult<unknown>>;
  /** The content as it comes; it rejects when the connection breaks off, as it does when the copy is damaged. */
  readBundle(words: string, signal?: AbortSignal): Promise<ApiResult<AsyncIterable<Uint8Array>>>;
  verifyBundle(words: string): Promise<ApiResult<BundleVerification>>;
}

type Send = <T>(schema: z.ZodType<T>, request: ApiRequest) => Promise<ApiResult<T>>;

/** The requests over a transport. */
export function bundleRequests(transport: TransportOptions, send: Send): BundleRequests {
  return {
    bundles: () => send(bundleListSchema, { method: "GET", path: "/v1/bundles" }),
    bundle: (words, waitMs = 0) =>
      send(bundleResourceSchema, {
        method: "GET",
        path: pathOf(words),
        query: { waitMs },
        timeoutMs: waitMs + slackMs,
      }),
    pushBundle: ({ sha256, name, others, waitMs, content }) =>
      send(bundleResourceSchema, {
        method: "PUT",
        path: pathOf(sha256),
        query: { name, replace: others === "replace", waitMs },
        timeoutMs: waitMs + slackMs,
        upload: content,
        headers: {
          "content-type": "application/octet-stream",
          "content-length": String(content.sizeBytes),
        },
      }),
    removeBundle: (words) => send(z.unknown(), { method: "DELETE", path: pathOf(words) }),
    readBundle: (words, signal) => readContent(transport, words, signal),
    verifyBundle: (words) =>
      send(bundleVerificationSchema, {
        method: "GET",
        path: `${pathOf(words)}/verification`,
        timeoutMs: verificationMsMax,
      }),
  };
}

async function readContent(
  transport: TransportOptions,
  words: string,
  signal: AbortSignal | undefined,
): Promise<ApiResult<AsyncIterable<Uint8Array>>> {
  const path = `${pathOf(words)}/content`;
  const opened = await openBoth(transport, { method: "GET", path, signal });
  if (!opened.ok) return opened;
  const { response } = opened.value;
  response.setTimeout(idleMsMax, () => {
    response.destroy(new Error(`nothing came for ${idleMsMax / 1_000} s`));
  });
  return { ok: true, value: response, body: undefined };
}

function pathOf(words: string): string {
  return `/v1/bundles/${encodeURIComponent(words)}`;
}
