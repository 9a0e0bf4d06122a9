/** Finds what a person means by a name: written in full, without its type, or by a beginning that only one has. */
import { err, ok, type Result } from "../../../core/result.ts";

/** The one that `typed` means; the error names those that there are. */
export function findName<Id extends string>(
  kind: "node" | "service",
  ids: readonly Id[],
  typed: string,
): Result<Id, string> {
  const exact = ids.find((id) => id === typed) ?? onlyOne(ids.filter((id) => nameOf(id) === typed));
  if (exact !== undefined) return ok(exact);
  const begun = ids.filter((id) => id.startsWith(typed) || nameOf(id).startsWith(typed));
  const found = onlyOne(begun);
  if (found !== undefined) return ok(found);
  const known = (begun.length > 0 ? begun : ids).join(", ");
  const what =
    begun.length > 0 ? `"${typed}" could be` : `there is no ${kind} "${typed}"; there are:`;
  return err(ids.length === 0 ? `there is no ${kind}` : `${what} ${known}`);
}

function onlyOne<Id>(ids: readonly Id[]): Id | undefined {
  return ids.length === 1 ? ids[0] : undefined;
}

function nameOf(id: string): string {
  return id.slice(id.indexOf(":") + 1);
}
