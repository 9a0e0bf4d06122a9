/** The one organisation that there is: its name is a setting. */
import { ok, type Result } from "../../core/result.ts";
import type { ServerContext } from "../../server/context.ts";
import { refuse } from "../../server/http/problem-error.ts";
import type { Problem } from "../../wire/errors.ts";

/** Its name. */
export function organisationOf({ view }: Pick<ServerContext, "view">): string {
  return view.tables.settings.value.compat.organisation;
}

/** Refuses any other. */
export function checkOrganisation(
  name: string,
  context: Pick<ServerContext, "view">,
): Result<void, Problem> {
  if (name === organisationOf(context)) return ok(undefined);
  return refuse("not-found", `there is no organisation "${name}"`);
}

/** A name without the organisation in front, e.g. `node1` for `holdfast/node1`. */
export function withoutOrganisation(name: string, context: Pick<ServerContext, "view">): string {
  const prefix = `${organisationOf(context)}/`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}
