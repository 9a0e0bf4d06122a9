/** The kinds of lines in the table of routes: who may call one, and what the call needs. */
import * as z from "zod";
import type { Permission } from "../../core/access/permissions-table.ts";
import type { Need } from "../../core/access/permits.ts";
import { nodeIdSchema, serviceIdSchema } from "../../wire/ids.ts";
import type { ViewTables } from "../view/view-tables.ts";
import type { PersonIdentity } from "./identity.ts";

/** A person's call, as far as it is read. */
export interface PersonCall {
  readonly identity: PersonIdentity;
  readonly params: unknown;
  /** Undefined before it is read. */
  readonly body: unknown;
  readonly tables: Pick<ViewTables, "tokens">;
}

/** A route for people and their programs. */
export interface PersonAccess {
  readonly kind: "person";
  /** Every permission that a call of it can need. */
  readonly permissions: readonly [Permission, ...Permission[]];
  /**
   * When it is known what a call needs: before its body is read, after, or only with the facts that its change is
   * planned on; the plan then asks `checkNeeds` itself.
   */
  readonly known: "before-body" | "with-body" | "in-plan";
  needs(call: PersonCall): readonly Need[];
  /** It is answered also while this server cannot be sure that what it knows is the latest. */
  readonly whileCutOff?: "answers";
}

/** A route without identity, or one for a kind of machine. */
export interface MachineAccess {
  readonly kind: "open" | "agent" | "server";
  readonly whileCutOff?: "answers";
  /** Not in a frozen cluster. */
  readonly whileFrozen?: "refused";
}

export type Access = PersonAccess | MachineAccess;

/** Whoever reaches the server. */
export const anyMachine: MachineAccess = { kind: "open" };
/** A machine that wants to come in. */
export const newMachine: MachineAccess = { kind: "open", whileFrozen: "refused" };
/** Agents, each for its own node. */
export const agents: MachineAccess = { kind: "agent" };
/** Servers of the cluster. */
export const servers: MachineAccess = { kind: "server" };

/** Everybody who has the permission for the whole cluster. */
export function everybody(permission: Permission): PersonAccess {
  const needs: readonly Need[] = [{ permission, objects: [] }];
  return { kind: "person", permissions: [permission], known: "before-body", needs: () => needs };
}

const nodeInPath = z.looseObject({ id: nodeIdSchema });
const serviceInPath = z.looseObject({ id: serviceIdSchema });

/** The permission for the node that the path names. */
export function node(permission: Permission): PersonAccess {
  return {
    kind: "person",
    permissions: [permission],
    known: "before-body",
    needs: ({ params }) => {
      const parsed = nodeInPath.safeParse(params);
      const objects = parsed.success ? [{ kind: "node", id: parsed.data.id } as const] : [];
      return [{ permission, objects }];
    },
  };
}

/** The permission for the service that the path names. */
export function service(permission: Permission): PersonAccess {
  return {
    kind: "person",
    permissions: [permission],
    known: "before-body",
    needs: ({ params }) => [serviceNeed(permission, params)],
  };
}

/** The permission for all that the change touches, which shows when it is planned. */
export function inPlan(permission: Permission): PersonAccess {
  return { kind: "person", permissions: [permission], known: "in-plan", needs: () => [] };
}

/** Everybody may create an HA group; what else it takes shows when the change is planned. */
export const haGroupChange: PersonAccess = {
  kind: "person",
  permissions: ["hagroup.create", "hagroup.change", "node.change"],
  known: "in-plan",
  needs: () => [],
};

function serviceNeed(permission: Permission, holder: unknown): Need {
  const parsed = serviceInPath.safeParse(holder);
  const objects = parsed.success ? [{ kind: "service", id: parsed.data.id } as const] : [];
  return { permission, objects };
}

/** A new service is the one that the body names. */
export const serviceCreation: PersonAccess = {
  kind: "person",
  permissions: ["service.create"],
  known: "with-body",
  needs: ({ body }) => [serviceNeed("service.create", body)],
};

const changeBody = z.looseObject({ state: z.string().optional() });

/** To start and stop a service is one thing, to change what it is another; one body can ask for both. */
export const serviceChange: PersonAccess = {
  kind: "person",
  permissions: ["service.change", "service.start", "service.stop"],
  known: "with-body",
  needs: ({ params, body }) => {
    const { state, ...others } = changeBody.parse(body);
    const isMore = Object.values(others).some((value) => value !== undefined);
    return [
      ...(isMore || state === undefined ? [serviceNeed("service.change", params)] : []),
      ...(state === undefined
        ? []
        : [serviceNeed(state === "started" ? "service.start" : "service.stop", params)]),
    ];
  },
};

const orderBody = z.looseObject({ command: z.enum(["migrate", "relocate", "located", "stop"]) });
const orderPermissions = {
  migrate: "service.move",
  relocate: "service.move",
  located: "service.locate",
  stop: "service.stop",
} as const;

/** An order about a service. */
export const serviceOrder: PersonAccess = {
  kind: "person",
  permissions: ["service.move", "service.stop", "service.locate"],
  known: "with-body",
  needs: ({ params, body }) => [
    serviceNeed(orderPermissions[orderBody.parse(body).command], params),
  ],
};

const joinBody = z.looseObject({ role: z.enum(["server", "node"]) });

/** A join token is for nodes or for servers. */
export const joinTokenMaking: PersonAccess = {
  kind: "person",
  permissions: ["node.join", "server.join"],
  known: "with-body",
  needs: ({ body }) => [{ permission: `${joinBody.parse(body).role}.join`, objects: [] }],
};

const tokenBody = z.looseObject({ own: z.boolean() });

/** A token of one's own, or one for somebody else. */
export const tokenMaking: PersonAccess = {
  kind: "person",
  permissions: ["account.use", "token.create"],
  known: "with-body",
  needs: ({ body }) => [
    { permission: tokenBody.parse(body).own ? "account.use" : "token.create", objects: [] },
  ],
};

const tokenInPath = z.looseObject({ id: z.string() });

/** One's own tokens everybody may take back. */
export const tokenRevoking: PersonAccess = {
  kind: "person",
  permissions: ["account.use", "token.revoke"],
  known: "before-body",
  needs: ({ identity, params, tables }) => {
    const record = tables.tokens.get(tokenInPath.parse(params).id)?.value;
    const isOwn =
      record !== undefined &&
      (record.id === identity.tokenId ||
        (identity.user !== undefined && record.user?.name === identity.user));
    return [{ permission: isOwn ? "account.use" : "token.revoke", objects: [] }];
  },
};

const userInPath = z.looseObject({ name: z.string() });

/** One's own password, or another's. */
export const userPassword: PersonAccess = {
  kind: "person",
  permissions: ["account.use", "user.change"],
  known: "before-body",
  needs: ({ identity, params }) => {
    const isOwn = userInPath.parse(params).name === identity.user;
    return [{ permission: isOwn ? "account.use" : "user.change", objects: [] }];
  },
};
