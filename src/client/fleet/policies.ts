/** What the client can ask about management policies: which agent version which nodes are to run. */
import * as z from "zod";
import {
  type ChangedPolicy,
  changedPolicySchema,
  type PolicyInput,
  type PolicyResource,
  type PolicyStatus,
  policyResourceSchema,
  policyStatusSchema,
} from "../../wire/fleet/policies.ts";
import type { ApiResult } from "../api-error.ts";
import type { ApiRequest } from "../transport.ts";

interface Page<T> {
  readonly items: readonly T[];
  readonly revision: number;
}

/** Requests about policies. */
export interface PolicyRequests {
  policies(): Promise<ApiResult<Page<PolicyResource>>>;
  policy(name: string): Promise<ApiResult<PolicyResource>>;
  policyStatus(name: string): Promise<ApiResult<PolicyStatus>>;
  putPolicy(
    body: PolicyInput,
    unknownProperties?: "allowed" | "refused",
  ): Promise<ApiResult<ChangedPolicy>>;
  removePolicy(name: string): Promise<ApiResult<unknown>>;
}

type Send = <T>(schema: z.ZodType<T>, request: ApiRequest) => Promise<ApiResult<T>>;

const pageSchema = z.object({ items: z.array(policyResourceSchema), revision: z.int() });

/** The requests over a way to send them. */
export function policyRequests(send: Send): PolicyRequests {
  return {
    policies: () => send(pageSchema, { method: "GET", path: "/v1/policies" }),
    policy: (name) => send(policyResourceSchema, { method: "GET", path: pathOf(name) }),
    policyStatus: (name) =>
      send(policyStatusSchema, { method: "GET", path: `${pathOf(name)}/status` }),
    putPolicy: (body, unknownProperties) =>
      send(changedPolicySchema, {
        method: "PUT",
        path: pathOf(body.name),
        body,
        query: unknownProperties === "allowed" ? { allowUnknownProperties: true } : {},
      }),
    removePolicy: (name) => send(z.unknown(), { method: "DELETE", path: pathOf(name) }),
  };
}

function pathOf(name: string): string {
  return `/v1/policies/${encodeURIComponent(name)}`;
}
