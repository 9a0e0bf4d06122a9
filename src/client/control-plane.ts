/** What the client can ask about the control plane itself: servers, the way in for others, the load balancer. */
import * as z from "zod";
import {
  type ServerConfigResource,
  type ServerSettingsChange,
  serverConfigListSchema,
  serverConfigResourceSchema,
} from "../wire/control-plane/server-config.ts";
import {
  type StoreSchemaResource,
  storeSchemaResourceSchema,
} from "../wire/control-plane/store-schema.ts";
import {
  type CreatedJoinToken,
  createdJoinTokenSchema,
  type JoinTokenResource,
  type joinTokenRequestSchema,
  joinTokenResourceSchema,
} from "../wire/joining.ts";
import {
  isolationAnswerSchema,
  loadBalancerSchema,
  moveStatusSchema,
  serverListSchema,
} from "../wire/servers.ts";
import type { ApiResult } from "./api-error.ts";
import type { ApiRequest } from "./transport.ts";

const joinTokenListSchema = z.object({ items: z.array(joinTokenResourceSchema) });
const anyAnswer = z.unknown();

/** Requests about the control plane. */
export interface ControlPlaneRequests {
  /** The servers of the control plane, as far as they answer. */
  servers(): Promise<ApiResult<z.output<typeof serverListSchema>>>;
  /** Which schema the store has, and which the server that answers wants. */
  storeSchema(): Promise<ApiResult<StoreSchemaResource>>;
  removeServer(id: string): Promise<ApiResult<unknown>>;
  /** What each server has of its own. */
  serverConfigs(): Promise<ApiResult<z.output<typeof serverConfigListSchema>>>;
  changeServerConfig(
    id: string,
    change: ServerSettingsChange,
  ): Promise<ApiResult<ServerConfigResource>>;
  loadBalancer(): Promise<ApiResult<z.output<typeof loadBalancerSchema>>>;
  /** `null`: there is none any more. */
  putLoadBalancer(address: string | null): Promise<ApiResult<z.output<typeof loadBalancerSchema>>>;
  isolateServers(wish: "on" | "off"): Promise<ApiResult<z.output<typeof isolationAnswerSchema>>>;
  joinTokens(): Promise<ApiResult<{ readonly items: readonly JoinTokenResource[] }>>;
  createJoinToken(
    request: z.input<typeof joinTokenRequestSchema>,
  ): Promise<ApiResult<CreatedJoinToken>>;
  revokeJoinToken(id: string): Promise<ApiResult<unknown>>;
  /** Begins the move from the embedded store to etcd, or tells how far it is. */
  moveToEtcd(): Promise<ApiResult<z.output<typeof moveStatusSchema>>>;
  moveStatus(): Promise<ApiResult<z.output<typeof moveStatusSchema>>>;
}

type Send = <T>(schema: z.ZodType<T>, request: ApiRequest) => Promise<ApiResult<T>>;

/** The requests over a way to send them. */
export function controlPlaneRequests(send: Send): ControlPlaneRequests {
  const place = (name: string, id: string): string => `/v1/${name}/${encodeURIComponent(id)}`;
  return {
    servers: () => send(serverListSchema, { method: "GET", path: "/v1/servers" }),
    storeSchema: () => send(storeSchemaResourceSchema, { method: "GET", path: "/v1/schema" }),
    removeServer: (id) => send(anyAnswer, { method: "DELETE", path: place("servers", id) }),
    serverConfigs: () =>
      send(serverConfigListSchema, { method: "GET", path: "/v1/server-configs" }),
    changeServerConfig: (id, body) =>
      send(serverConfigResourceSchema, {
        method: "PATCH",
        path: place("server-configs", id),
        body,
      }),
    loadBalancer: () => send(loadBalancerSchema, { method: "GET", path: "/v1/load-balancer" }),
    putLoadBalancer: (loadBalancer) =>
      send(loadBalancerSchema, {
        method: "PUT",
        path: "/v1/load-balancer",
        body: { loadBalancer },
      }),
    isolateServers: (wish) =>
      send(isolationAnswerSchema, { method: "PUT", path: "/v1/isolation", body: { wish } }),
    joinTokens: () => send(joinTokenListSchema, { method: "GET", path: "/v1/join-tokens" }),
    createJoinToken: (body) =>
      send(createdJoinTokenSchema, { method: "POST", path: "/v1/join-tokens", body }),
    revokeJoinToken: (id) => send(anyAnswer, { method: "DELETE", path: place("join-tokens", id) }),
    moveToEtcd: () => send(moveStatusSchema, { method: "POST", path: "/v1/move-to-etcd" }),
    moveStatus: () => send(moveStatusSchema, { method: "GET", path: "/v1/move-to-etcd" }),
  };
}
