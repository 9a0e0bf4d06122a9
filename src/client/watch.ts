/**
 * Follows `GET /v1/watch` over lost connections: after each it goes on at the last revision it has seen, so a
 * reader misses nothing and sees nothing twice. Before the first `ready` it begins anew instead.
 */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import {
  eventResourceSchema,
  nodeResourceSchema,
  serviceResourceSchema,
  type WatchMessage,
  type watchKinds,
} from "../wire/api.ts";
import { haGroupResourceSchema } from "../wire/fleet/ha-groups.ts";
import {
  deploymentResourceSchema,
  instanceResourceSchema,
  rolloutResourceSchema,
} from "../wire/fleet/resources.ts";
import { type ApiError, type ApiResult, failure } from "./api-error.ts";
import { readServerSentEvents, type ServerSentEvent } from "./server-sent-events.ts";
import { openStream, reasonOf, type TransportOptions } from "./transport.ts";

export interface WatchOptions {
  /** Go on after this revision; undefined: begin with all that there is. */
  readonly after?: number | undefined;
  readonly kinds: readonly (typeof watchKinds)[number][];
  /** What a first connection that fails means; a later one is always made again. Default: `give-up`. */
  readonly firstFailure?: "give-up" | "retry";
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/**
 * `ready`: all that there was has been told, changes follow. `reset`: forget what was told, all follows again.
 * `lost`: the connection is gone, it is being made again.
 */
export type WatchUpdate =
  | WatchMessage
  | { readonly kind: "ready"; readonly revision: number }
  | { readonly kind: "reset" }
  | { readonly kind: "lost"; readonly error: ApiError };

const pauseMsMin = 200;
const pauseMsMax = 5_000;

interface Position {
  revision: number | undefined;
  ready: boolean;
  connected: boolean;
}

/**
 * Yields updates until `signal` aborts. A failure is yielded once and ends it: the first connection could not be
 * made, or the server refuses for good.
 */
export async function* watch(
  transport: TransportOptions,
  options: WatchOptions,
): AsyncIterable<ApiResult<WatchUpdate>> {
  const position: Position = {
    revision: options.after,
    ready: options.after !== undefined,
    connected: false,
  };
  let pauseMs = pauseMsMin;
  while (!options.signal.aborted) {
    const stream = await openStream(transport, requestOf(options, position));
    let error: ApiError;
    if (stream.ok) {
      position.connected = true;
      pauseMs = pauseMsMin;
      error = yield* readStream(stream.value, position, transport.servers.current);
    } else {
      error = stream.error;
    }
    if (options.signal.aborted) return;
    const isFirst = !position.connected && options.firstFailure !== "retry";
    if (isFirst || isFinal(error)) {
      yield { ok: false, error };
      return;
    }
    yield update({ kind: "lost", error });
    if (error.code === "compacted" || !position.ready) {
      position.revision = undefined;
      position.ready = false;
      yield update({ kind: "reset" });
    }
    await sleep(pauseMs, undefined, { signal: options.signal }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, pauseMsMax);
  }
}

function requestOf(
  options: WatchOptions,
  position: Position,
): {
  method: "GET";
  path: string;
  query: Record<string, string | number | undefined>;
  signal: AbortSignal;
} {
  return {
    method: "GET",
    path: "/v1/watch",
    query: { kinds: options.kinds.join(","), after: position.revision },
    signal: options.signal,
  };
}

/** A refusal that will not change by asking again. */
function isFinal(error: ApiError): boolean {
  return error.kind === "problem" && error.exitCode !== 1;
}

async function* readStream(
  chunks: AsyncIterable<string>,
  position: Position,
  server: string,
): AsyncGenerator<ApiResult<WatchUpdate>, ApiError> {
  try {
    for await (const event of readServerSentEvents(chunks)) {
      const message = messageOf(event);
      if (message === undefined) continue; // a kind of message that a newer server sends
      if (message.kind === "ready") position.ready = true;
      if (position.ready) position.revision = message.revision;
      yield update(message);
    }
    return failure("unreachable", `${server} ended the stream`, "it is connected again").error;
  } catch (error: unknown) {
    return failure("unreachable", `lost ${server}: ${reasonOf(error)}`, "it is connected again")
      .error;
  }
}

type PositionedUpdate = Exclude<WatchUpdate, { kind: "reset" | "lost" }>;

function update(value: WatchUpdate): ApiResult<WatchUpdate> {
  return { ok: true, value, body: value };
}

const deletedSchema = z.object({ id: z.string() });

function messageOf(event: ServerSentEvent): PositionedUpdate | undefined {
  const revision = Number(event.id ?? "0");
  const data: unknown = JSON.parse(event.data);
  switch (event.event) {
    case "service":
      return { kind: "service", revision, resource: serviceResourceSchema.parse(data) };
    case "node":
      return { kind: "node", revision, resource: nodeResourceSchema.parse(data) };
    case "event":
      return { kind: "event", revision, resource: eventResourceSchema.parse(data) };
    case "ha-group":
      return { kind: "ha-group", revision, resource: haGroupResourceSchema.parse(data) };
    case "deployment":
      return { kind: "deployment", revision, resource: deploymentResourceSchema.parse(data) };
    case "rollout":
      return { kind: "rollout", revision, resource: rolloutResourceSchema.parse(data) };
    case "instance":
      return { kind: "instance", revision, resource: instanceResourceSchema.parse(data) };
    case "deployment-deleted":
    case "rollout-deleted":
    case "instance-deleted":
    case "ha-group-deleted":
    case "service-deleted":
    case "node-deleted":
      return { kind: event.event, revision, id: deletedSchema.parse(data).id };
    case "ready":
      return { kind: "ready", revision };
    default:
      return undefined;
  }
}
