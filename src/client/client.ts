/**
 * The typed client of the HTTP API: one method a request, failures as values, a deadline on all but streams.
 * It keeps no state and no connection between calls.
 */
import * as z from "zod";
import {
  type AuditResource,
  auditResourceSchema,
  type ClusterStatus,
  type CommandRequest,
  type CreatedToken,
  clusterStatusSchema,
  createdTokenSchema,
  type EventResource,
  eventResourceSchema,
  type NodeResource,
  nodeResourceSchema,
  type ServiceResource,
  serviceResourceSchema,
  type TokenResource,
  type tokenRequestSchema,
  tokenResourceSchema,
  type Why,
  whySchema,
} from "../wire/api.ts";
import { faultsOf } from "../wire/errors.ts";
import type { ServiceChange, ServiceConfigInput } from "../wire/service-config.ts";
import { type Settings, settingsSchema } from "../wire/settings.ts";
import { type ApiResult, failure } from "./api-error.ts";
import {
  type ApiRequest,
  exchange,
  openStream,
  reasonOf,
  type TransportOptions,
} from "./transport.ts";
import { type WatchOptions, type WatchUpdate, watch } from "./watch.ts";

export interface ClientOptions {
  /** Base address, e.g. `http://127.0.0.1:7440`. */
  readonly server: string;
  readonly token?: string | undefined;
  /** How long an answer may take; default 10 s. */
  readonly timeoutMs?: number;
  /** Gives up whatever is under way. */
  readonly signal?: AbortSignal | undefined;
}

/** A list answer: all items as of one revision. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly revision: number;
}

export type TokenRequest = z.input<typeof tokenRequestSchema>;

/** Which revision a change must meet: that one, `new` for "must not exist yet", or undefined for any. */
export type Expected = number | "new" | undefined;

export interface EventQuery {
  readonly limit?: number | undefined;
  /** Only events before this sequence, for the next page. */
  readonly before?: string | undefined;
  readonly subject?: string | undefined;
}

export interface LogQuery {
  readonly lines?: number | undefined;
  readonly follow?: boolean;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

/** A service's output as it comes. */
export type LogStream = AsyncIterable<ApiResult<string>>;

/** Every request of the API. A change that timed out may have been made (`ApiError.kind`). */
export interface Client {
  readonly server: string;
  cluster(): Promise<ApiResult<ClusterStatus>>;
  settings(): Promise<ApiResult<Settings>>;
  putSettings(settings: z.input<typeof settingsSchema>): Promise<ApiResult<Settings>>;
  nodes(): Promise<ApiResult<Page<NodeResource>>>;
  node(id: string): Promise<ApiResult<NodeResource>>;
  confirmOff(id: string): Promise<ApiResult<unknown>>;
  services(): Promise<ApiResult<Page<ServiceResource>>>;
  service(id: string): Promise<ApiResult<ServiceResource>>;
  addService(config: ServiceConfigInput): Promise<ApiResult<ServiceResource>>;
  putService(config: ServiceConfigInput, expected: Expected): Promise<ApiResult<ServiceResource>>;
  changeService(
    id: string,
    change: ServiceChange,
    expected?: Expected,
  ): Promise<ApiResult<ServiceResource>>;
  removeService(id: string, expected?: Expected): Promise<ApiResult<unknown>>;
  command(id: string, request: CommandRequest): Promise<ApiResult<unknown>>;
  why(id: string): Promise<ApiResult<Why>>;
  /** The beginning's failure as the result, a later one as the last item. */
  logs(id: string, query: LogQuery): Promise<ApiResult<LogStream>>;
  events(query?: EventQuery): Promise<ApiResult<Page<EventResource>>>;
  audit(query?: { readonly limit?: number | undefined }): Promise<ApiResult<Page<AuditResource>>>;
  tokens(): Promise<ApiResult<Page<TokenResource>>>;
  createToken(request: TokenRequest): Promise<ApiResult<CreatedToken>>;
  revokeToken(id: string): Promise<ApiResult<unknown>>;
  watch(options: WatchOptions): AsyncIterable<ApiResult<WatchUpdate>>;
}

/** Makes a client for one server. */
export function createClient(options: ClientOptions): Client {
  const transport: TransportOptions = {
    server: options.server,
    token: options.token,
    timeoutMs: options.timeoutMs ?? 10_000,
    signal: options.signal,
  };
  const send = <T>(schema: z.ZodType<T>, request: ApiRequest): Promise<ApiResult<T>> =>
    call(transport, schema, request);
  return {
    server: options.server,
    ...clusterRequests(send),
    ...serviceRequests(send),
    ...recordRequests(send),
    logs: (id, query) => openLog(transport, id, query),
    watch: (watchOptions) => watch(transport, watchOptions),
  };
}

async function openLog(
  transport: TransportOptions,
  id: string,
  query: LogQuery,
): Promise<ApiResult<LogStream>> {
  const opened = await openStream(transport, {
    method: "GET",
    path: `${pathOf("services", id)}/logs`,
    query: { lines: query.lines, follow: query.follow === true ? true : undefined },
    signal: query.signal,
  });
  if (!opened.ok) return opened;
  return { ok: true, value: chunksOf(opened.value, transport.server), body: undefined };
}

async function* chunksOf(stream: AsyncIterable<string>, server: string): LogStream {
  try {
    for await (const chunk of stream) yield { ok: true, value: chunk, body: chunk };
  } catch (error: unknown) {
    yield failure("unreachable", `lost ${server}: ${reasonOf(error)}`, "start it again");
  }
}

type Send = <T>(schema: z.ZodType<T>, request: ApiRequest) => Promise<ApiResult<T>>;

type ClusterRequests = Pick<
  Client,
  "cluster" | "settings" | "putSettings" | "nodes" | "node" | "confirmOff"
>;

function clusterRequests(send: Send): ClusterRequests {
  return {
    cluster: () => send(clusterStatusSchema, { method: "GET", path: "/v1/cluster" }),
    settings: () => send(settingsSchema, { method: "GET", path: "/v1/settings" }),
    putSettings: (body) => send(settingsSchema, { method: "PUT", path: "/v1/settings", body }),
    nodes: () => send(pageOf(nodeResourceSchema), { method: "GET", path: "/v1/nodes" }),
    node: (id) => send(nodeResourceSchema, { method: "GET", path: pathOf("nodes", id) }),
    confirmOff: (id) =>
      send(z.unknown(), { method: "POST", path: `${pathOf("nodes", id)}/confirm-off`, body: {} }),
  };
}

type ServiceRequests = Pick<
  Client,
  | "services"
  | "service"
  | "addService"
  | "putService"
  | "changeService"
  | "removeService"
  | "command"
  | "why"
>;

function serviceRequests(send: Send): ServiceRequests {
  const one = serviceResourceSchema;
  return {
    services: () => send(pageOf(one), { method: "GET", path: "/v1/services" }),
    service: (id) => send(one, { method: "GET", path: pathOf("services", id) }),
    addService: (body) => send(one, { method: "POST", path: "/v1/services", body }),
    putService: (body, expected) =>
      send(one, {
        method: "PUT",
        path: pathOf("services", body.id),
        body,
        headers: conditionOf(expected),
      }),
    changeService: (id, body, expected) =>
      send(one, {
        method: "PATCH",
        path: pathOf("services", id),
        body,
        headers: conditionOf(expected),
      }),
    removeService: (id, expected) =>
      send(z.unknown(), {
        method: "DELETE",
        path: pathOf("services", id),
        headers: conditionOf(expected),
      }),
    command: (id, body) =>
      send(z.unknown(), { method: "POST", path: `${pathOf("services", id)}/commands`, body }),
    why: (id) => send(whySchema, { method: "GET", path: `${pathOf("services", id)}/why` }),
  };
}

type RecordRequests = Pick<Client, "events" | "audit" | "tokens" | "createToken" | "revokeToken">;

function recordRequests(send: Send): RecordRequests {
  return {
    events: (query) =>
      send(pageOf(eventResourceSchema), { method: "GET", path: "/v1/events", query: { ...query } }),
    audit: (query) =>
      send(pageOf(auditResourceSchema), { method: "GET", path: "/v1/audit", query: { ...query } }),
    tokens: () => send(pageOf(tokenResourceSchema), { method: "GET", path: "/v1/tokens" }),
    createToken: (body) => send(createdTokenSchema, { method: "POST", path: "/v1/tokens", body }),
    revokeToken: (id) => send(z.unknown(), { method: "DELETE", path: pathOf("tokens", id) }),
  };
}

function pageOf<T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; revision: z.ZodInt }> {
  return z.object({ items: z.array(item), revision: z.int() });
}

function pathOf(collection: string, id: string): string {
  return `/v1/${collection}/${encodeURIComponent(id)}`;
}

function conditionOf(expected: Expected): Record<string, string> {
  if (expected === undefined) return {};
  return expected === "new" ? { "if-none-match": "*" } : { "if-match": `"${expected}"` };
}

async function call<T>(
  transport: TransportOptions,
  schema: z.ZodType<T>,
  request: ApiRequest,
): Promise<ApiResult<T>> {
  const answer = await exchange(transport, request);
  if (!answer.ok) return answer;
  const parsed = schema.safeParse(answer.value);
  if (parsed.success) return { ok: true, value: parsed.data, body: answer.body };
  const [first, ...more] = faultsOf(parsed.error);
  const others = more.length === 0 ? "" : `, and ${more.length} more faults`;
  return failure(
    "bad-answer",
    `${transport.server} answered ${request.method} ${request.path} in a form that this version does not know (${first?.path}: ${first?.message}${others})`,
    "check that --server names a Holdfast server of this version",
  );
}
