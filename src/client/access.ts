/** What the client can ask about who may do what: users, tokens, logins, roles, and the audit. */
import * as z from "zod";
import {
  type LoginAnswer,
  loginAnswerSchema,
  type RoleList,
  roleListSchema,
  type UserPasswordRequest,
  type UserRequest,
  type UserResource,
  type UserRoleRequest,
  userResourceSchema,
  type Whoami,
  whoamiSchema,
} from "../wire/access.ts";
import {
  type AuditResource,
  auditResourceSchema,
  type CreatedToken,
  createdTokenSchema,
  type TokenResource,
  type tokenRequestSchema,
  tokenResourceSchema,
} from "../wire/api.ts";
import type { ApiResult } from "./api-error.ts";
import type { ApiRequest } from "./transport.ts";

/** What an answer takes beyond the time that it was asked to wait. */
const slackMs = 10_000;

export type TokenRequest = z.input<typeof tokenRequestSchema>;

export interface AuditQuery {
  readonly limit?: number | undefined;
  readonly sinceMs?: number | undefined;
  /** Only what came after this revision; the answer's own is the next one to ask with. */
  readonly after?: number | undefined;
  /** With `after`: how long to wait for something to come. */
  readonly waitMs?: number | undefined;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly revision: number;
}

/** Requests about who may do what. */
export interface AccessRequests {
  audit(query?: AuditQuery): Promise<ApiResult<Page<AuditResource>>>;
  tokens(): Promise<ApiResult<Page<TokenResource>>>;
  createToken(request: TokenRequest): Promise<ApiResult<CreatedToken>>;
  revokeToken(id: string): Promise<ApiResult<unknown>>;
  users(): Promise<ApiResult<Page<UserResource>>>;
  addUser(request: UserRequest): Promise<ApiResult<UserResource>>;
  removeUser(name: string): Promise<ApiResult<unknown>>;
  putUserRole(name: string, request: UserRoleRequest): Promise<ApiResult<UserResource>>;
  putUserPassword(name: string, request: UserPasswordRequest): Promise<ApiResult<UserResource>>;
  /** Needs no token. */
  login(user: string, password: string): Promise<ApiResult<LoginAnswer>>;
  /** Ends the login whose token the client has. */
  logout(): Promise<ApiResult<unknown>>;
  whoami(): Promise<ApiResult<Whoami>>;
  roles(): Promise<ApiResult<RoleList>>;
}

type Send = <T>(schema: z.ZodType<T>, request: ApiRequest) => Promise<ApiResult<T>>;

/** The requests over a transport. */
export function accessRequests(send: Send): AccessRequests {
  return { ...recordRequests(send), ...userRequests(send), ...sessionRequests(send) };
}

function recordRequests(
  send: Send,
): Pick<AccessRequests, "audit" | "tokens" | "createToken" | "revokeToken"> {
  return {
    audit: (query = {}) =>
      send(pageOf(auditResourceSchema), {
        method: "GET",
        path: "/v1/audit",
        query: { ...query },
        ...(query.waitMs === undefined ? {} : { timeoutMs: query.waitMs + slackMs }),
      }),
    tokens: () => send(pageOf(tokenResourceSchema), { method: "GET", path: "/v1/tokens" }),
    createToken: (body) => send(createdTokenSchema, { method: "POST", path: "/v1/tokens", body }),
    revokeToken: (id) =>
      send(z.unknown(), { method: "DELETE", path: `/v1/tokens/${encodeURIComponent(id)}` }),
  };
}

function userRequests(
  send: Send,
): Pick<AccessRequests, "users" | "addUser" | "removeUser" | "putUserRole" | "putUserPassword"> {
  const pathOf = (name: string): string => `/v1/users/${encodeURIComponent(name)}`;
  return {
    users: () => send(pageOf(userResourceSchema), { method: "GET", path: "/v1/users" }),
    addUser: (body) => send(userResourceSchema, { method: "POST", path: "/v1/users", body }),
    removeUser: (name) => send(z.unknown(), { method: "DELETE", path: pathOf(name) }),
    putUserRole: (name, body) =>
      send(userResourceSchema, { method: "PUT", path: `${pathOf(name)}/role`, body }),
    putUserPassword: (name, body) =>
      send(userResourceSchema, { method: "PUT", path: `${pathOf(name)}/password`, body }),
  };
}

function sessionRequests(
  send: Send,
): Pick<AccessRequests, "login" | "logout" | "whoami" | "roles"> {
  return {
    login: (user, password) =>
      send(loginAnswerSchema, { method: "POST", path: "/v1/login", body: { user, password } }),
    logout: () => send(z.unknown(), { method: "POST", path: "/v1/logout" }),
    whoami: () => send(whoamiSchema, { method: "GET", path: "/v1/whoami" }),
    roles: () => send(roleListSchema, { method: "GET", path: "/v1/roles" }),
  };
}

function pageOf<T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; revision: z.ZodInt }> {
  return z.object({ items: z.array(item), revision: z.int() });
}
