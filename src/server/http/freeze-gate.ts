/**
 * Which calls go on in a frozen cluster. The guard refuses the others before their bodies are read; what counts is the
 * condition in each change's own transaction (`changes/change.ts`), which nothing can slip past.
 */
import type { FastifyRequest } from "fastify";
import { type Permission, permissionLine } from "../../core/access/permissions-table.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Problem } from "../../wire/errors.ts";
import type { Access, PersonAccess, PersonCall } from "../access/route-access.ts";
import type { ServerContext } from "../context.ts";
import { refusalWhileFrozen } from "../view/freeze.ts";
import { freshTables } from "../view/fresh.ts";

/** `body`: only the call's body says which of the two it is. */
export type WhileFrozen = "goes-on" | "refused" | "body";

/** What becomes of a person's call, by what it needs; the body counts once it is read. */
export function whileFrozenOf(
  access: PersonAccess,
  call: PersonCall,
  body: "read" | "to-come",
): WhileFrozen {
  const { permissions } = access;
  if (permissions.every(goesOn)) return "goes-on";
  if (!permissions.some(goesOn)) return "refused";
  if (access.known === "with-body" && body === "to-come") return "body";
  const needs = access.needs(call);
  const isFree = needs.length > 0 && needs.every(({ permission }) => goesOn(permission));
  return isFree ? "goes-on" : "refused";
}

function goesOn(permission: Permission): boolean {
  return permissionLine(permission).whileFrozen === "goes-on";
}

/** Whether the request only reads, or is a machine's that goes on whatever people have said. */
export function isExempt({ method }: FastifyRequest, access: Access): boolean {
  if (method === "GET" || method === "HEAD") return true;
  return access.kind !== "person" && access.whileFrozen !== "refused";
}

/**
 * Refuses while the cluster is frozen. A view that lags behind is not believed: whoever has just ended the freeze at
 * another server is not refused here.
 */
export async function refuseWhileFrozen(
  context: Pick<ServerContext, "view" | "store" | "clock">,
): Promise<Result<void, Problem>> {
  const known = refusalWhileFrozen(context.view.tables, context.clock.wallMs());
  if (known === undefined) return ok(undefined);
  const fresh = await freshTables(context);
  if (!fresh.ok) return fresh;
  const refusal = refusalWhileFrozen(fresh.value, context.clock.wallMs());
  return refusal === undefined ? ok(undefined) : err(refusal);
}
