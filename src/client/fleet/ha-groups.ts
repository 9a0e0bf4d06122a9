/** What the client can ask about HA groups. */
import * as z from "zod";
import {
  type HaGroupChange,
  type HaGroupResource,
  haGroupResourceSchema,
} from "../../wire/fleet/ha-groups.ts";
import type { ApiResult } from "../api-error.ts";
import type { ApiRequest } from "../transport.ts";

interface Page<T> {
  readonly items: readonly T[];
  readonly revision: number;
}

/** How a change is meant. */
export interface HaGroupWish {
  /** The revision that the group must have; undefined: any. `new`: it must not be there. */
  readonly expected?: number | "new" | undefined;
  /** Nodes that are in another group: the change is refused, or they move. Default: refused. */
  readonly fromOthers?: "refuse" | "move" | undefined;
}

/** Requests about HA groups. */
export interface HaGroupRequests {
  haGroups(): Promise<ApiResult<Page<HaGroupResource>>>;
  haGroup(name: string): Promise<ApiResult<HaGroupResource>>;
  /** Adds it, or replaces what is given of it. */
  putHaGroup(
    name: string,
    change: HaGroupChangeInput,
    wish?: HaGroupWish,
  ): Promise<ApiResult<HaGroupResource>>;
  removeHaGroup(name: string): Promise<ApiResult<unknown>>;
}

/** As a person writes it: names of nodes are plain text. */
export type HaGroupChangeInput = Omit<HaGroupChange, "members"> & {
  readonly members?: readonly string[] | undefined;
};

type Send = <T>(schema: z.ZodType<T>, request: ApiRequest) => Promise<ApiResult<T>>;

/** The requests over a transport. */
export function haGroupRequests(send: Send): HaGroupRequests {
  const one = haGroupResourceSchema;
  const page = z.object({ items: z.array(one), revision: z.int() });
  const pathOf = (name: string): string => `/v1/ha-groups/${encodeURIComponent(name)}`;
  return {
    haGroups: () => send(page, { method: "GET", path: "/v1/ha-groups" }),
    haGroup: (name) => send(one, { method: "GET", path: pathOf(name) }),
    putHaGroup: (name, body, wish) =>
      send(one, { method: "PUT", path: pathOf(name), body, ...asked(wish) }),
    removeHaGroup: (name) => send(z.unknown(), { method: "DELETE", path: pathOf(name) }),
  };
}

function asked({ expected, fromOthers }: HaGroupWish = {}): Pick<ApiRequest, "headers" | "query"> {
  const query = fromOthers === "move" ? { force: true } : {};
  if (expected === undefined) return { query };
  return {
    query,
    headers: expected === "new" ? { "if-none-match": "*" } : { "if-match": `"${expected}"` },
  };
}
