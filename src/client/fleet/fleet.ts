/** What the client can ask about definitions, deployments, rollouts, and what nodes are for them. */
import * as z from "zod";
import { type NodeResource, nodeResourceSchema } from "../../wire/api.ts";
import type { DefinitionInput } from "../../wire/fleet/definitions.ts";
import type { DeploymentInput } from "../../wire/fleet/deployments.ts";
import type { RolloutOrderRecord } from "../../wire/fleet/instances.ts";
import {
  type ChangedDeployment,
  type CheckLine,
  type CheckRequest,
  changedDeploymentSchema,
  checkAnswerSchema,
  type DefinitionResource,
  type DeploymentResource,
  type DeploymentStatus,
  definitionResourceSchema,
  deploymentResourceSchema,
  deploymentStatusSchema,
  type NodeChange,
  type RolloutOrderAnswer,
  type RolloutPlan,
  type RolloutResource,
  rolloutOrderAnswerSchema,
  rolloutPlanSchema,
  rolloutResourceSchema,
} from "../../wire/fleet/resources.ts";
import type { ApiResult } from "../api-error.ts";
import type { ApiRequest } from "../transport.ts";

/** An order is answered when the manager has taken it up, which the server waits for. */
const orderTimeoutMs = 15_000;

interface Page<T> {
  readonly items: readonly T[];
  readonly revision: number;
}

/** How a change is meant. */
export interface FleetWish {
  /** The revision that it must have; undefined: any. `new`: it must not be there. */
  readonly expected?: number | "new" | undefined;
  /** Properties that nothing has are let pass in constraints. Default: refused. */
  readonly unknownProperties?: "refused" | "allowed" | undefined;
}

/** Requests about the fleet. */
export interface FleetRequests {
  definitions(): Promise<ApiResult<Page<DefinitionResource>>>;
  definition(service: string, version: string): Promise<ApiResult<DefinitionResource>>;
  addDefinition(body: DefinitionInput, wish?: FleetWish): Promise<ApiResult<DefinitionResource>>;
  removeDefinition(service: string, version: string): Promise<ApiResult<unknown>>;
  deployments(): Promise<ApiResult<Page<DeploymentResource>>>;
  deployment(name: string): Promise<ApiResult<DeploymentResource>>;
  deploymentStatus(name: string): Promise<ApiResult<DeploymentStatus>>;
  putDeployment(body: DeploymentInput, wish?: FleetWish): Promise<ApiResult<ChangedDeployment>>;
  /** What would come of it; nothing is written. */
  planDeployment(body: DeploymentInput, wish?: FleetWish): Promise<ApiResult<RolloutPlan>>;
  removeDeployment(name: string): Promise<ApiResult<DeploymentResource>>;
  rollouts(deployment: string): Promise<ApiResult<Page<RolloutResource>>>;
  orderRollout(
    deployment: string,
    order: RolloutOrderRecord["order"],
  ): Promise<ApiResult<RolloutOrderAnswer>>;
  check(request: CheckRequest): Promise<ApiResult<Page<CheckLine>>>;
  changeNode(id: string, change: NodeChange, wish?: FleetWish): Promise<ApiResult<NodeResource>>;
}

type Send = <T>(schema: z.ZodType<T>, request: ApiRequest) => Promise<ApiResult<T>>;

/** The requests over a way to send them. */
export function fleetRequests(send: Send): FleetRequests {
  return { ...definitionRequests(send), ...deploymentRequests(send), ...otherRequests(send) };
}

type DefinitionRequests = Pick<
  FleetRequests,
  "definitions" | "definition" | "addDefinition" | "removeDefinition"
>;

function definitionRequests(send: Send): DefinitionRequests {
  const one = definitionResourceSchema;
  const place = (service: string, version: string): string =>
    `/v1/definitions/${encodeURIComponent(service)}/${encodeURIComponent(version)}`;
  return {
    definitions: () => send(pageOf(one), { method: "GET", path: "/v1/definitions" }),
    definition: (service, version) => send(one, { method: "GET", path: place(service, version) }),
    addDefinition: (body, wish) =>
      send(one, { method: "POST", path: "/v1/definitions", body, ...asked(wish) }),
    removeDefinition: (service, version) =>
      send(z.unknown(), { method: "DELETE", path: place(service, version) }),
  };
}

type DeploymentRequests = Pick<
  FleetRequests,
  | "deployments"
  | "deployment"
  | "deploymentStatus"
  | "putDeployment"
  | "planDeployment"
  | "removeDeployment"
  | "rollouts"
  | "orderRollout"
>;

function deploymentRequests(send: Send): DeploymentRequests {
  const one = deploymentResourceSchema;
  return {
    deployments: () => send(pageOf(one), { method: "GET", path: "/v1/deployments" }),
    deployment: (name) => send(one, { method: "GET", path: deploymentAt(name) }),
    deploymentStatus: (name) =>
      send(deploymentStatusSchema, { method: "GET", path: `${deploymentAt(name)}/status` }),
    putDeployment: (body, wish) =>
      send(changedDeploymentSchema, {
        method: "PUT",
        path: deploymentAt(body.name),
        body,
        ...asked(wish),
      }),
    planDeployment: (body, wish) =>
      send(rolloutPlanSchema, {
        method: "POST",
        path: `${deploymentAt(body.name)}/plan`,
        body,
        ...asked(wish),
      }),
    removeDeployment: (name) => send(one, { method: "DELETE", path: deploymentAt(name) }),
    rollouts: (name) =>
      send(pageOf(rolloutResourceSchema), {
        method: "GET",
        path: `${deploymentAt(name)}/rollouts`,
      }),
    orderRollout: (name, order) =>
      send(rolloutOrderAnswerSchema, {
        method: "POST",
        path: `${deploymentAt(name)}/rollout/${order}`,
        timeoutMs: orderTimeoutMs,
      }),
  };
}

function otherRequests(send: Send): Pick<FleetRequests, "check" | "changeNode"> {
  return {
    check: (body) => send(checkAnswerSchema, { method: "POST", path: "/v1/check", body }),
    changeNode: (id, body, wish) =>
      send(nodeResourceSchema, {
        method: "PATCH",
        path: `/v1/nodes/${encodeURIComponent(id)}`,
        body,
        ...asked(wish),
      }),
  };
}

function deploymentAt(name: string): string {
  return `/v1/deployments/${encodeURIComponent(name)}`;
}

function pageOf<T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; revision: z.ZodInt }> {
  return z.object({ items: z.array(item), revision: z.int() });
}

function asked({
  expected,
  unknownProperties,
}: FleetWish = {}): Pick<ApiRequest, "headers" | "query"> {
  const query = unknownProperties === "allowed" ? { allowUnknownProperties: true } : {};
  if (expected === undefined) return { query };
  return {
    query,
    headers: expected === "new" ? { "if-none-match": "*" } : { "if-match": `"${expected}"` },
  };
}
