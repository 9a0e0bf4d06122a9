/** All servers that an agent knows: it goes to the next one by itself when one does not answer as it should. */

import { setMaxListeners } from "node:events";
import type { Agent } from "node:http";
import * as z from "zod";
import type { JsonValue } from "../../ports/store.ts";
import { createConnections, type HttpAnswer, postJson } from "./http.ts";

/** For answers of which only the status counts. */
export const anyAnswerSchema: z.ZodUnknown = z.unknown();

/** `refused`: a server gave a definite no. `unreachable`: none gave a definite answer. */
export type CallAnswer<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "refused"; readonly code: string; readonly detail: string }
  | { readonly kind: "unreachable"; readonly detail: string };

export interface CallOptions {
  /** For one server. */
  readonly timeoutMs: number;
  /** `lease`: over connections of its own, so that it waits for no report, however many there are. */
  readonly lane?: "lease";
  /** Called right before the request goes to a server. */
  readonly onSend?: () => void;
}

export interface Servers {
  readonly urls: readonly string[];
  readonly token: string;
  /** For requests that go on for long, which must not take the connections of the calls. */
  readonly streams: Agent;
  readonly signal: AbortSignal;
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
  /** Base URLs, `http://host:port`; at least one. */
  readonly urls: readonly string[];
  readonly token: string;
}

/** HTTP's "too many requests". */
const tooManyStatus = 429;
/** More than there can be: instructions, and the outputs that are sent at a time. */
const streamsMax = 64;

/** Knows the servers; opens no connection yet. */
export function createServers(options: ServersOptions): Servers {
  const lanes = { usual: createConnections(16), lease: createConnections(2) };
  const streams = createConnections(streamsMax);
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // every request in flight listens
  let preferred = 0;
  return {
    ...options,
    streams,
    signal: controller.signal,
    async call(path, body, schema, { timeoutMs, lane, onSend }) {
      let detail = "";
      for (let turn = 0; turn < options.urls.length; turn += 1) {
        const index = (preferred + turn) % options.urls.length;
        const server = options.urls[index] ?? "";
        onSend?.();
        const text = JSON.stringify(body);
        const { signal } = controller;
        const target = { server, path, token: options.token, body: text, timeoutMs, signal };
        const answer = await postJson(lanes[lane ?? "usual"], target);
        if (answer.ok && isDefinite(answer.value.status)) {
          preferred = index;
          return understand(answer.value, schema);
        }
        const why = answer.ok ? problemIn(answer.value).detail : answer.error;
        detail = `${detail === "" ? "" : `${detail}; `}${server}: ${why}`;
      }
      return { kind: "unreachable", detail };
    },
    close() {
      controller.abort();
      for (const connections of [lanes.usual, lanes.lease, streams]) connections.destroy();
    },
  };
}

/** A server that is busy, or cut off from its store, says nothing about what was asked: the next one may. */
function isDefinite(status: number): boolean {
  return status < 500 && status !== tooManyStatus;
}

function understand<T>(answer: HttpAnswer, schema: z.ZodType<T>): CallAnswer<T> {
  if (answer.status < 200 || answer.status >= 300) {
    return { kind: "refused", ...problemIn(answer) };
  }
  const parsed = schema.safeParse(jsonOf(answer.body));
  if (parsed.success) return { kind: "ok", value: parsed.data };
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
