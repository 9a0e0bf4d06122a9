/** All servers that an agent knows: it goes to the next one by itself when one does not answer as it should. */

import { setMaxListeners } from "node:events";
import * as z from "zod";
import type { Result } from "../../core/result.ts";
import type { JsonValue } from "../../ports/store.ts";
import { type Asked, askInTurn } from "./ask-in-turn.ts";
import {
  type ClientTls,
  type Connections,
  createConnections,
  type HttpAnswer,
  type PostOptions,
  postJson,
} from "./http.ts";
import { createLeaseWay, type LeaseChannel, type LeaseWay } from "./lease-channel.ts";

/** For answers of which only the status counts. */
export const anyAnswerSchema: z.ZodUnknown = z.unknown();

/** `refused`: a server gave a definite no. `unreachable`: none gave a definite answer. */
export type CallAnswer<T> =
  /** `stamp`: what `CallOptions.stamp` said when the request was sent that was answered. */
  | { readonly kind: "ok"; readonly value: T; readonly stamp: number }
  | { readonly kind: "refused"; readonly code: string; readonly detail: string }
  | { readonly kind: "unreachable"; readonly detail: string };

export interface CallOptions {
  /** For one server. */
  readonly timeoutMs: number;
  /**
   * `lease`: over connections of its own, so that it waits for no report, however many there are. `renewal`: over the
   * stream of instructions where that leads to the server, else as `lease`.
   */
  readonly lane?: "lease" | "renewal";
  /** Asked right before the request goes to a server: each has its own. */
  readonly stamp?: () => number;
  /** After so long without an answer the next server is asked too; only for what may be asked twice. */
  readonly staggerMs?: number | undefined;
}

export interface Servers {
  /** All that are known now. */
  urls(): readonly string[];
  /** The one that answered last. */
  preferred(): string;
  readonly token: string | undefined;
  /** For requests that go on for long, which must not take the connections of the calls. */
  readonly streams: Connections;
  readonly signal: AbortSignal;
  /** Others are known from now on; an empty list says nothing and changes nothing. */
  setUrls(urls: readonly string[]): void;
  /** Connections that begin from now on show this certificate. */
  setTls(tls: ClientTls): void;
  /** A way for renewals to its server, while it is open; undefined: there is none. */
  setChannel(channel: LeaseChannel | undefined): void;
  /** Calls back when a server did not answer as it should. The returned function ends it. */
  onFailure(listener: (server: string) => void): () => void;
  /** Posts to the server that answered last, then to the others. */
  call<T>(
    path: string,
    body: JsonValue,
    schema: z.ZodType<T>,
    options: CallOptions,
  ): Promise<CallAnswer<T>>;
  close(): void;
}

export interface ServersOptions {
  /** Base URLs, `http://host:port` or `https://host:port`; at least one. */
  readonly urls: readonly string[];
  readonly token?: string | undefined;
  readonly tls?: ClientTls | undefined;
}

/** HTTP's "too many requests". */
const tooManyStatus = 429;
/** More than there can be: instructions, and the outputs that are sent at a time. */
const streamsMax = 64;

/** Knows the servers; opens no connection yet. */
export function createServers(options: ServersOptions): Servers {
  const { token, tls } = options;
  const lanes = { usual: createConnections(16, tls), lease: createConnections(2, tls) };
  const streams = createConnections(streamsMax, tls);
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // every request in flight listens
  const listeners = new Set<(server: string) => void>();
  /** Calls under way, which go on elsewhere when their server is left. */
  const underWay = new Set<(left: string) => void>();
  let urls = options.urls;
  let preferred = urls[0] ?? "";
  const leaseWay = createLeaseWay();
  /** Another one answers: what still waits for the one before is asked there, too. */
  const prefer = (server: string): void => {
    if (server === preferred || !urls.includes(server)) return;
    const left = preferred;
    preferred = server;
    for (const leave of [...underWay]) leave(left);
  };
  const allConnections = [lanes.usual, lanes.lease, streams];
  return {
    token,
    streams,
    signal: controller.signal,
    urls: () => urls,
    preferred: () => preferred,
    setUrls(fresh) {
      if (fresh.length === 0) return;
      urls = fresh;
      if (!urls.includes(preferred)) preferred = urls[0] ?? "";
    },
    setTls(fresh) {
      for (const connections of allConnections) connections.useTls(fresh);
    },
    setChannel: leaseWay.use,
    onFailure: (listener) => listenTo(listeners, listener),
    async call(path, body, schema, { timeoutMs, lane, stamp, staggerMs }) {
      const text = JSON.stringify(body);
      const connections = lanes[lane === undefined ? "usual" : "lease"];
      const way = lane === "renewal" ? leaseWay : undefined;
      const ask = async (server: string, signal: AbortSignal): Promise<Asked<Stamped>> => {
        const given = new AbortController();
        const onLeft = (left: string): void => {
          if (left === server) given.abort();
        };
        underWay.add(onLeft);
        const sentAt = stamp?.() ?? 0;
        const either = AbortSignal.any([controller.signal, signal, given.signal]);
        const target = { server, path, token, body: text, timeoutMs, signal: either };
        const answer = await postOver(way, target, connections);
        underWay.delete(onLeft);
        if (answer.ok && isDefinite(answer.value.status)) {
          return { kind: "definite", value: { answer: answer.value, sentAt } };
        }
        if (given.signal.aborted) return { kind: "abandoned" };
        return { kind: "failed", why: answer.ok ? problemIn(answer.value).detail : answer.error };
      };
      const onFailed = (server: string): void => tellAll(listeners, server);
      const asked = await askInTurn({ servers: inTurn(urls, preferred), staggerMs, ask, onFailed });
      if (asked.kind === "none") return { kind: "unreachable", detail: asked.detail };
      prefer(asked.server);
      return understand(asked.value, schema);
    },
    close() {
      controller.abort();
      for (const connections of allConnections) connections.destroy();
    },
  };
}

/** Over the stream of instructions where that leads there, else as a request of its own in what is left of the time. */
async function postOver(
  way: LeaseWay | undefined,
  target: PostOptions,
  connections: Connections,
): Promise<Result<HttpAnswer, string>> {
  const askedAtMs = performance.now();
  const answer = await way?.ask(target);
  if (answer !== undefined) return answer;
  const timeoutMs = Math.max(1, target.timeoutMs - (performance.now() - askedAtMs));
  return await postJson(connections, { ...target, timeoutMs });
}

function listenTo<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tellAll(listeners: ReadonlySet<(server: string) => void>, server: string): void {
  for (const tell of [...listeners]) tell(server);
}

/** The preferred one, then those after it, then those before it. */
function inTurn(urls: readonly string[], preferred: string): readonly string[] {
  const first = Math.max(0, urls.indexOf(preferred));
  return [...urls.slice(first), ...urls.slice(0, first)];
}

/** A server that is busy, or cut off from its store, says nothing about what was asked: the next one may. */
function isDefinite(status: number): boolean {
  return status < 500 && status !== tooManyStatus;
}

/** An answer, and what was said when its request was sent. */
interface Stamped {
  readonly answer: HttpAnswer;
  readonly sentAt: number;
}

function understand<T>({ answer, sentAt }: Stamped, schema: z.ZodType<T>): CallAnswer<T> {
  if (answer.status < 200 || answer.status >= 300) {
    return { kind: "refused", ...problemIn(answer) };
  }
  const parsed = schema.safeParse(jsonOf(answer.body));
  if (parsed.success) return { kind: "ok", value: parsed.data, stamp: sentAt };
  return { kind: "unreachable", detail: "the server's answer is not what the protocol says" };
}

/** The code and the sentence of a problem document, as far as it is one. */
export function problemIn(answer: HttpAnswer): { code: string; detail: string } {
  const fallback = `HTTP status ${answer.status}`;
  const value = jsonOf(answer.body);
  if (typeof value !== "object" || value === null) return { code: "", detail: fallback };
  const code = "code" in value && typeof value.code === "string" ? value.code : "";
  const detail = "detail" in value && typeof value.detail === "string" ? value.detail : fallback;
  return { code, detail };
}

function jsonOf(text: string): unknown {
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no JSON: the schema refuses it
  }
}
