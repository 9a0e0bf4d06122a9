/** What the routes of things that people give a name to do: the same for groups and rules. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Permission } from "../../core/access/permissions-table.ts";
import type { AccessObject } from "../../core/access/permits.ts";
import type { Result } from "../../core/result.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { checkNeeds } from "../access/guard-routes.ts";
import { type ChangePlan, change } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import { etagOf, type Precondition, preconditionOf } from "../http/etag.ts";
import { ProblemError, unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { freshTables } from "../view/fresh.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { mustBeSame } from "./must-be-same.ts";

type Plan = Result<ChangePlan, Problem>;

/** What differs between one kind of named thing and another. */
export interface NamedKind<Body, Resource> {
  /** What people call one, e.g. `group`. */
  readonly word: string;
  readonly permission: Permission;
  /** What a person must be permitted to touch for it: of what is there, and of what is to be. */
  concerns(tables: ViewTables, name: string, body: Body | undefined): readonly AccessObject[];
  resources(tables: ViewTables): Resource[];
  /** Undefined: there is none of this name. */
  resource(tables: ViewTables, name: string): Resource | undefined;
  planPut(tables: ViewTables, body: Body, precondition: Precondition): Plan;
  planRemove(tables: ViewTables, name: string, precondition: Precondition): Plan;
}

/** The handlers of one kind. */
export interface NamedHandlers<Body, Resource> {
  list(): Promise<{ readonly revision: number; readonly items: Resource[] }>;
  show(reply: FastifyReply, name: string): Promise<Resource>;
  /** Answers 201 when it was not there before. */
  put(
    call: { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly name: string },
    body: Body,
  ): Promise<Resource>;
  remove(request: FastifyRequest, name: string): Promise<void>;
}

/** Makes them. */
export function namedHandlers<
  Body extends { readonly name: string },
  Resource extends { readonly revision: number },
>(context: ServerContext, kind: NamedKind<Body, Resource>): NamedHandlers<Body, Resource> {
  function found(reply: FastifyReply, tables: ViewTables, name: string): Resource {
    const resource = kind.resource(tables, name);
    if (resource === undefined) {
      throw new ProblemError(problemOf("not-found", `there is no ${kind.word} "${name}"`));
    }
    reply.header("etag", etagOf(resource.revision));
    return resource;
  }

  function mayTouch(
    request: FastifyRequest,
    tables: ViewTables,
    name: string,
    body?: Body,
  ): Result<void, Problem> {
    const objects = kind.concerns(tables, name, body);
    return checkNeeds(request.identity, [{ permission: kind.permission, objects }]);
  }

  return {
    async list() {
      const tables = unwrap(await freshTables(context));
      return { revision: context.view.revision, items: kind.resources(tables) };
    },
    async show(reply, name) {
      return found(reply, unwrap(await freshTables(context)), name);
    },
    async put({ request, reply, name }, body) {
      mustBeSame(name, body.name);
      const precondition = unwrap(preconditionOf(request));
      let existed = false;
      const plan = (tables: ViewTables) => {
        existed = kind.resource(tables, name) !== undefined;
        const may = mayTouch(request, tables, name, body);
        if (!may.ok) return may;
        return kind.planPut(tables, body, precondition);
      };
      const tables = unwrap(await change(context, actorOf(request), plan));
      return found(reply.code(existed ? 200 : 201), tables, name);
    },
    async remove(request, name) {
      const precondition = unwrap(preconditionOf(request));
      const plan = (tables: ViewTables) => {
        const may = mayTouch(request, tables, name);
        return may.ok ? kind.planRemove(tables, name, precondition) : may;
      };
      unwrap(await change(context, actorOf(request), plan));
    },
  };
}
