/** `/v1/orgs/<organisation>/hagroups`: the exchange's seven operations on HA groups. */
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { compareIds } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import { type ChangePlan, change } from "../../server/changes/change.ts";
import {
  type GroupWish,
  planAddMember,
  planCreateHaGroup,
  planPutHaGroup,
  planRemoveHaGroup,
  planRemoveMember,
} from "../../server/changes/fleet/ha-groups/group-plans.ts";
import type { ServerContext } from "../../server/context.ts";
import type { App } from "../../server/http/app.ts";
import { facadeRoute } from "../../server/http/facade.ts";
import { refuse, unwrap } from "../../server/http/problem-error.ts";
import { freshTables } from "../../server/view/fresh.ts";
import type { ViewTables } from "../../server/view/view-tables.ts";
import type { Problem } from "../../wire/errors.ts";
import type { HaGroupChange } from "../../wire/fleet/ha-groups.ts";
import { nameSchema, nodeIdSchema } from "../../wire/ids.ts";
import { exchangeTime, sendDone } from "./answers.ts";
import { type Callers, mayModify, type UserCaller } from "./caller.ts";
import { checkGroup, readMembers } from "./ha-group-rights.ts";
import { checkOrganisation, organisationOf, withoutOrganisation } from "./organisation.ts";

const orgParams = z.object({ org: z.string() });
const groupParams = z.object({ org: z.string(), group: z.string() });
const memberParams = z.object({ org: z.string(), group: z.string(), node: z.string() });
/** What it does not know is left alone, as the exchange does. */
const bodySchema = z
  .looseObject({
    description: z.string().max(1_000).nullish(),
    members: z.array(z.string()).max(1_000).nullish(),
  })
  .nullish();
type Body = z.output<typeof bodySchema>;

interface Parts {
  readonly context: ServerContext;
  readonly callers: Callers;
}

const list = "/v1/orgs/:org/hagroups";
const one = `${list}/:group`;
const member = `${one}/nodes/:node`;

/** Adds the routes. */
export function haGroupRoutes(app: App, parts: Parts): void {
  const config = facadeRoute;
  app.get(list, { config, schema: { params: orgParams } }, (request, reply) =>
    sendGroups(parts, { request, reply, org: request.params.org, wanted: undefined }),
  );
  app.get(one, { config, schema: { params: groupParams } }, (request, reply) => {
    const { org, group } = request.params;
    return sendGroups(parts, { request, reply, org, wanted: group });
  });
  const written = { params: groupParams, body: bodySchema };
  app.post(one, { config, schema: written }, async (request, reply) => {
    const { params, body } = request;
    await changed(parts, request, params.org, (tables, wish) => {
      const read = readChange(parts, tables, body);
      return read.ok
        ? named(params, (name) => planCreateHaGroup(tables, name, read.value, wish))
        : read;
    });
    return sendDone(reply, `HA group ${params.group} added`);
  });
  app.put(one, { config, schema: written }, async (request, reply) => {
    const { params, body } = request;
    await changed(parts, request, params.org, (tables, wish, caller) => {
      if (!tables.haGroups.has(params.group)) return noGroup(params.group);
      const may = checkGroup(tables, params.group, caller);
      if (!may.ok) return may;
      const read = readChange(parts, tables, body);
      return read.ok ? planPutHaGroup(tables, params.group, read.value, wish) : read;
    });
    return sendDone(reply, `HA group ${params.group} updated`);
  });
  app.delete(one, { config, schema: { params: groupParams } }, async (request, reply) => {
    const { org, group } = request.params;
    await changed(parts, request, org, (tables, wish, caller) => {
      const may = checkGroup(tables, group, caller);
      return may.ok ? planRemoveHaGroup(tables, group, wish) : may;
    });
    return reply.code(204).send();
  });
  memberRoutes(app, parts);
}

function memberRoutes(app: App, parts: Parts): void {
  const options = { config: facadeRoute, schema: { params: memberParams } };
  app.post(member, options, async (request, reply) => {
    const { org, group, node } = request.params;
    await changed(parts, request, org, (tables, wish, caller) =>
      ofMember(tables, request.params, (wanted) => {
        if (tables.haMembers.get(wanted.node)?.value.group === group) {
          return refuse("already-exists", `node "${node}" is in HA group "${group}" already`);
        }
        const may = checkGroup(tables, group, caller);
        return may.ok ? planAddMember(tables, wanted, wish) : may;
      }),
    );
    return sendDone(reply, `node ${node} added to HA group ${group}`);
  });
  app.delete(member, options, async (request, reply) => {
    const { org } = request.params;
    await changed(parts, request, org, (tables, wish) =>
      ofMember(tables, request.params, (wanted) => planRemoveMember(tables, wanted, wish)),
    );
    return reply.code(204).send();
  });
}

type Plan = Result<ChangePlan, Problem>;

/** The group and the node of a path, which both have to be there. */
function ofMember(
  tables: ViewTables,
  { group, node }: { readonly group: string; readonly node: string },
  plan: (wanted: { readonly name: string; readonly node: z.output<typeof nodeIdSchema> }) => Plan,
): Plan {
  if (!tables.haGroups.has(group)) return noGroup(group);
  const parsed = nodeIdSchema.safeParse(node);
  if (parsed.success && tables.nodes.has(parsed.data)) {
    return plan({ name: group, node: parsed.data });
  }
  return refuse("not-found", `there is no node "${node}"`);
}

function noGroup(name: string): Result<never, Problem> {
  return refuse("not-found", `there is no HA group "${name}"`);
}

/** A new group's name has to be one that groups can have. */
function named({ group }: { readonly group: string }, plan: (name: string) => Plan): Plan {
  const parsed = nameSchema.safeParse(group);
  if (parsed.success) return plan(parsed.data);
  const why = parsed.error.issues.map(({ message }) => message).join("; ");
  return refuse("bad-input", `"${group}" cannot be the name of an HA group: ${why}`);
}

function readChange(parts: Parts, tables: ViewTables, body: Body): Result<HaGroupChange, Problem> {
  const { description, members: names } = body ?? {};
  const change: HaGroupChange = description == null ? {} : { description };
  if (names == null) return ok(change);
  const plain = names.map((name) => withoutOrganisation(name, parts.context));
  const members = readMembers(tables, plain);
  return members.ok ? ok({ ...change, members: members.value }) : members;
}

async function changed(
  { context, callers }: Parts,
  request: FastifyRequest,
  org: string,
  plan: (tables: ViewTables, wish: GroupWish, caller: UserCaller) => Plan,
): Promise<void> {
  const caller = callers.userOf(request);
  unwrap(checkOrganisation(org, context));
  const { identity } = caller;
  const wish: GroupWish = {
    identity,
    nowMs: context.clock.wallMs(),
    precondition: { kind: "none" },
    fromOthers: "refuse",
  };
  const actor = { identity, from: request.ip };
  unwrap(await change(context, actor, (tables) => plan(tables, wish, caller)));
}

interface Asked {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly org: string;
  /** Undefined: all. */
  readonly wanted: string | undefined;
}

/** An empty list is "not found" to these clients. */
async function sendGroups(
  { context, callers }: Parts,
  { request, reply, org, wanted }: Asked,
): Promise<FastifyReply> {
  const caller = callers.userOf(request);
  const tables = unwrap(await freshTables(context));
  const isHere = org === organisationOf(context);
  const names = [...tables.haGroups.keys()].filter(
    (name) => wanted === undefined || name === wanted,
  );
  const nodeGroups = (isHere ? names : [])
    .sort(compareIds)
    .map((name) => groupOf(tables, name, caller))
    .filter((group) => group !== undefined);
  return reply.code(nodeGroups.length === 0 ? 404 : 200).send({ nodeGroups });
}

/** A user sees of the members only those that are their own. */
function groupOf(tables: ViewTables, name: string, caller: UserCaller): object | undefined {
  const group = tables.haGroups.get(name)?.value;
  if (group === undefined) return undefined;
  return {
    name,
    description: group.description,
    members: [...(tables.membersOfGroup.get(name) ?? [])]
      .filter((node) => caller.isAdmin || mayModify(caller, node))
      .sort(compareIds),
    lastUpdated: exchangeTime(group.updatedAtMs),
    admin: group.byAdmin !== false,
  };
}
