/** Puts what is wished under a name, with what the person should know of it: a deployment, a management policy. */
import type { FastifyRequest } from "fastify";
import type { Result } from "../../../core/result.ts";
import type { Problem } from "../../../wire/errors.ts";
import { type ChangePlan, change } from "../../changes/change.ts";
import type { ServerContext } from "../../context.ts";
import { type Precondition, preconditionOf } from "../../http/etag.ts";
import { unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import type { ViewTables } from "../../view/view-tables.ts";

/** What a change is planned with. */
export interface PutFacts {
  readonly precondition: Precondition;
  readonly by: string;
  readonly nowMs: number;
}

/** What differs between the kinds. */
export interface Wish<Resource extends object> {
  readonly has: (tables: ViewTables) => boolean;
  readonly plan: (tables: ViewTables, facts: PutFacts) => Result<ChangePlan, Problem>;
  /** What is there afterwards, and the answer's head with it. */
  readonly show: (tables: ViewTables, status: 200 | 201) => Resource;
}

/** Carries it out; the plan may be made several times, and the last one counts. */
export async function putWish<Resource extends object>(
  context: ServerContext,
  request: FastifyRequest,
  { has, plan, show }: Wish<Resource>,
): Promise<Resource & { readonly warnings?: string[] }> {
  const actor = actorOf(request);
  const facts = {
    precondition: unwrap(preconditionOf(request)),
    by: actor.identity.who,
    nowMs: context.clock.wallMs(),
  };
  let existed = false;
  let warnings: readonly string[] = [];
  const tables = await change(context, actor, (found) => {
    existed = has(found);
    const planned = plan(found, facts);
    warnings = planned.ok ? (planned.value.warnings ?? []) : [];
    return planned;
  });
  const resource = show(unwrap(tables), existed ? 200 : 201);
  return warnings.length === 0 ? resource : { ...resource, warnings: [...warnings] };
}
