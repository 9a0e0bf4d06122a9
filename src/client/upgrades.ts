/** What the client can ask about upgrades of the control plane. */
import type * as z from "zod";
import {
  type UpgradeCheck,
  type UpgradeOrderWord,
  type UpgradeRequest,
  upgradeAnswerSchema,
  upgradeCheckSchema,
} from "../wire/control-plane/upgrades.ts";
import type { ApiResult } from "./api-error.ts";
import type { ApiRequest } from "./transport.ts";

type Answer = z.output<typeof upgradeAnswerSchema>;

/** Requests about upgrades of the control plane. */
export interface UpgradeRequests {
  /** The one that is under way, or the last one. */
  upgrade(): Promise<ApiResult<Answer>>;
  applyUpgrade(request: UpgradeRequest): Promise<ApiResult<Answer>>;
  orderUpgrade(order: UpgradeOrderWord): Promise<ApiResult<Answer>>;
  /** `to`: version or SHA-256 of a package; undefined: the cluster alone. */
  checkUpgrade(to: string | undefined): Promise<ApiResult<UpgradeCheck>>;
}

type Send = <T>(schema: z.ZodType<T>, request: ApiRequest) => Promise<ApiResult<T>>;

const path = "/v1/upgrade";
/** Every server is asked, and each may take its time. */
const checkMsMax = 15_000;

/** The requests over a way to send them. */
export function upgradeRequests(send: Send): UpgradeRequests {
  return {
    upgrade: () => send(upgradeAnswerSchema, { method: "GET", path }),
    applyUpgrade: (body) => send(upgradeAnswerSchema, { method: "POST", path, body }),
    orderUpgrade: (order) =>
      send(upgradeAnswerSchema, { method: "PUT", path: `${path}/order`, body: { order } }),
    checkUpgrade: (to) =>
      send(upgradeCheckSchema, {
        method: "GET",
        path: `${path}/check`,
        ...(to === undefined ? {} : { query: { to } }),
        timeoutMs: checkMsMax,
      }),
  };
}
