/**
 * The typed client of the HTTP API: one method a request, failures as values, a deadline on all but streams.
 * It keeps no state and no connection between calls.
 */
import * as z from "zod";
import {
  type ArmingRequest,
  type ArmingResource,
  armingResourceSchema,
  type ChangedService,
  type ClusterStatus,
  type CommandRequest,
  changedServiceSchema,
  clusterStatusSchema,
  type EventResource,
  eventResourceSchema,
  type FreezeRequest,
  type FreezeResource,
  freezeResourceSchema,
  type GroupResource,
  groupResourceSchema,
  type NodeModeAnswer,
  type NodeModeRequest,
  type NodeResource,
  nodeModeAnswerSchema,
  nodeResourceSchema,
  type RuleResource,
  ruleResourceSchema,
  type ServiceResource,
  serviceResourceSchema,
  type Why,
  whySchema,
} from "../wire/api.ts";
import { faultsOf } from "../wire/errors.ts";
import type { ExecEnd } from "../wire/exec/messages.ts";
import type { GroupInput, RuleInput } from "../wire/placement.ts";
import type { ServiceChange, ServiceConfigInput } from "../wire/service-config.ts";
import {
  type Settings,
  type SettingsChange,
  type SettingsInput,
  settingsSchema,
} from "../wire/settings.ts";
import { type AccessRequests, accessRequests } from "./access.ts";
import { type ApiResult, failure } from "./api-error.ts";
import { type BackupRequests, backupRequests } from "./backups.ts";
import { type BundleRequests, bundleRequests } from "./bundles.ts";
import { type ControlPlaneRequests, controlPlaneRequests } from "./control-plane.ts";
import { type ExecQuery, exec } from "./exec.ts";
import { type FleetRequests, fleetRequests } from "./fleet/fleet.ts";
import { type HaGroupRequests, haGroupRequests } from "./fleet/ha-groups.ts";
import { type PolicyRequests, policyRequests } from "./fleet/policies.ts";
import {
  type ApiRequest,
  exchange,
  openStream,
  reasonOf,
  ServerChoice,
  type TransportOptions,
} from "./transport.ts";
import { type UpgradeRequests, upgradeRequests } from "./upgrades.ts";
import { type WatchOptions, type WatchUpdate, watch } from "./watch.ts";

export interface ClientOptions {
  /** Base address, e.g. `http://127.0.0.1:7440`. */
  readonly server: string;
  /** Asked in turn where the first one cannot be reached or is cut off from its store. */
  readonly otherServers?: readonly string[] | undefined;
  /** PEM of the authority that the servers' certificates have to be of; default: those that the system trusts. */
  readonly authorityPem?: string | undefined;
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
export interface Client
  extends AccessRequests,
    BackupRequests,
    BundleRequests,
    ControlPlaneRequests,
    FleetRequests,
    HaGroupRequests,
    PolicyRequests,
    UpgradeRequests {
  readonly server: string;
  cluster(): Promise<ApiResult<ClusterStatus>>;
  settings(): Promise<ApiResult<Settings>>;
  putSettings(settings: SettingsInput): Promise<ApiResult<Settings>>;
  changeSettings(change: SettingsChange): Promise<ApiResult<Settings>>;
  arming(): Promise<ApiResult<ArmingResource>>;
  putArming(request: ArmingRequest): Promise<ApiResult<ArmingResource>>;
  freezeState(): Promise<ApiResult<FreezeResource>>;
  freeze(request: FreezeRequest): Promise<ApiResult<FreezeResource>>;
  unfreeze(): Promise<ApiResult<FreezeResource>>;
  nodes(): Promise<ApiResult<Page<NodeResource>>>;
  node(id: string): Promise<ApiResult<NodeResource>>;
  confirmOff(id: string): Promise<ApiResult<unknown>>;
  putMaintenance(id: string, wish: "on" | "off"): Promise<ApiResult<NodeResource>>;
  orderNode(id: string, order: NodeModeRequest["order"]): Promise<ApiResult<NodeModeAnswer>>;
  /** Closes the node to services that do not tolerate the taint, or opens it again. */
  putTaint(id: string, taint: string, wish: "on" | "off"): Promise<ApiResult<NodeResource>>;
  removeNode(id: string): Promise<ApiResult<unknown>>;
  groups(): Promise<ApiResult<Page<GroupResource>>>;
  group(name: string): Promise<ApiResult<GroupResource>>;
  putGroup(group: GroupInput, expected: Expected): Promise<ApiResult<GroupResource>>;
  removeGroup(name: string): Promise<ApiResult<unknown>>;
  rules(): Promise<ApiResult<Page<RuleResource>>>;
  rule(name: string): Promise<ApiResult<RuleResource>>;
  putRule(rule: RuleInput, expected: Expected): Promise<ApiResult<RuleResource>>;
  removeRule(name: string): Promise<ApiResult<unknown>>;
  services(): Promise<ApiResult<Page<ServiceResource>>>;
  service(id: string): Promise<ApiResult<ServiceResource>>;
  addService(config: ServiceConfigInput): Promise<ApiResult<ChangedService>>;
  putService(config: ServiceConfigInput, expected: Expected): Promise<ApiResult<ChangedService>>;
  changeService(
    id: string,
    change: ServiceChange,
    expected?: Expected,
  ): Promise<ApiResult<ChangedService>>;
  removeService(id: string, expected?: Expected): Promise<ApiResult<unknown>>;
  command(id: string, request: CommandRequest): Promise<ApiResult<unknown>>;
  why(id: string): Promise<ApiResult<Why>>;
  /** The beginning's failure as the result, a later one as the last item. */
  logs(id: string, query: LogQuery): Promise<ApiResult<LogStream>>;
  /** Runs a command beside a service, and resolves when it has ended. */
  exec(id: string, query: ExecQuery): Promise<ApiResult<ExecEnd>>;
  events(query?: EventQuery): Promise<ApiResult<Page<EventResource>>>;
  watch(options: WatchOptions): AsyncIterable<ApiResult<WatchUpdate>>;
}

/** Makes a client for one server. */
export function createClient(options: ClientOptions): Client {
  const transport: TransportOptions = {
    servers: new ServerChoice([options.server, ...(options.otherServers ?? [])]),
    authorityPem: options.authorityPem,
    token: options.token,
    timeoutMs: options.timeoutMs ?? 10_000,
    signal: options.signal,
  };
  const send = <T>(schema: z.ZodType<T>, request: ApiRequest): Promise<ApiResult<T>> =>
    call(transport, schema, request);
  return {
    server: options.server,
    ...clusterRequests(send),
    ...nodeRequests(send),
    ...placementRequests(send),
    ...serviceRequests(send),
    ...accessRequests(send),
    ...backupRequests(transport, send),
    ...bundleRequests(transport, send),
    ...controlPlaneRequests(send),
    ...upgradeRequests(send),
    ...fleetRequests(send),
    ...haGroupRequests(send),
    ...policyRequests(send),
    events: (query) =>
      send(pageOf(eventResourceSchema), { method: "GET", path: "/v1/events", query: { ...query } }),
    logs: (id, query) => openLog(transport, id, query),
    exec: (id, query) => exec(transport, `${pathOf("services", id)}/exec`, query),
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
  return { ok: true, value: chunksOf(opened.value, transport.servers.current), body: undefined };
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
  | "cluster"
  | "settings"
  | "putSettings"
  | "changeSettings"
  | "arming"
  | "putArming"
  | "freezeState"
  | "freeze"
  | "unfreeze"
>;

function clusterRequests(send: Send): ClusterRequests {
  const settings = { schema: settingsSchema, path: "/v1/settings" };
  const arming = { schema: armingResourceSchema, path: "/v1/arming" };
  const freeze = { schema: freezeResourceSchema, path: "/v1/freeze" };
  return {
    cluster: () => send(clusterStatusSchema, { method: "GET", path: "/v1/cluster" }),
    settings: () => send(settings.schema, { method: "GET", path: settings.path }),
    putSettings: (body) => send(settings.schema, { method: "PUT", path: settings.path, body }),
    changeSettings: (body) => send(settings.schema, { method: "PATCH", path: settings.path, body }),
    arming: () => send(arming.schema, { method: "GET", path: arming.path }),
    putArming: (body) => send(arming.schema, { method: "PUT", path: arming.path, body }),
    freezeState: () => send(freeze.schema, { method: "GET", path: freeze.path }),
    freeze: (body) => send(freeze.schema, { method: "PUT", path: freeze.path, body }),
    unfreeze: () => send(freeze.schema, { method: "DELETE", path: freeze.path }),
  };
}

type NodeRequests = Pick<
  Client,
  "nodes" | "node" | "confirmOff" | "putMaintenance" | "orderNode" | "putTaint" | "removeNode"
>;

function nodeRequests(send: Send): NodeRequests {
  const one = nodeResourceSchema;
  return {
    nodes: () => send(pageOf(one), { method: "GET", path: "/v1/nodes" }),
    node: (id) => send(one, { method: "GET", path: pathOf("nodes", id) }),
    confirmOff: (id) =>
      send(z.unknown(), { method: "POST", path: `${pathOf("nodes", id)}/confirm-off`, body: {} }),
    putMaintenance: (id, wish) =>
      send(one, {
        method: "PUT",
        path: `${pathOf("nodes", id)}/maintenance`,
        body: { on: wish === "on" },
      }),
    orderNode: (id, order) =>
      send(nodeModeAnswerSchema, {
        method: "PUT",
        path: `${pathOf("nodes", id)}/mode`,
        body: { order },
      }),
    putTaint: (id, taint, wish) =>
      send(one, {
        method: wish === "on" ? "PUT" : "DELETE",
        path: `${pathOf("nodes", id)}/taints/${encodeURIComponent(taint)}`,
      }),
    removeNode: (id) => send(z.unknown(), { method: "DELETE", path: pathOf("nodes", id) }),
  };
}

type PlacementRequests = Pick<
  Client,
  "groups" | "group" | "putGroup" | "removeGroup" | "rules" | "rule" | "putRule" | "removeRule"
>;

function placementRequests(send: Send): PlacementRequests {
  return {
    groups: () => send(pageOf(groupResourceSchema), { method: "GET", path: "/v1/groups" }),
    group: (name) => send(groupResourceSchema, { method: "GET", path: pathOf("groups", name) }),
    putGroup: (body, expected) =>
      send(groupResourceSchema, {
        method: "PUT",
        path: pathOf("groups", body.name),
        body,
        headers: conditionOf(expected),
      }),
    removeGroup: (name) => send(z.unknown(), { method: "DELETE", path: pathOf("groups", name) }),
    rules: () => send(pageOf(ruleResourceSchema), { method: "GET", path: "/v1/rules" }),
    rule: (name) => send(ruleResourceSchema, { method: "GET", path: pathOf("rules", name) }),
    putRule: (body, expected) =>
      send(ruleResourceSchema, {
        method: "PUT",
        path: pathOf("rules", body.name),
        body,
        headers: conditionOf(expected),
      }),
    removeRule: (name) => send(z.unknown(), { method: "DELETE", path: pathOf("rules", name) }),
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
  const changed = changedServiceSchema;
  return {
    services: () => send(pageOf(one), { method: "GET", path: "/v1/services" }),
    service: (id) => send(one, { method: "GET", path: pathOf("services", id) }),
    addService: (body) => send(changed, { method: "POST", path: "/v1/services", body }),
    putService: (body, expected) =>
      send(changed, {
        method: "PUT",
        path: pathOf("services", body.id),
        body,
        headers: conditionOf(expected),
      }),
    changeService: (id, body, expected) =>
      send(changed, {
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
    `${transport.servers.current} answered ${request.method} ${request.path} in a form that this version does not know (${first?.path}: ${first?.message}${others})`,
    "check that --server names a Holdfast server of this version",
  );
}
