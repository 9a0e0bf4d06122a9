/** Placement groups and rules as people see them: what was written, and whether it is in force. */
import { compareIds } from "../../core/ids.ts";
import type { Rulebook } from "../../core/placement/rulebook.ts";
import type { GroupResource, RuleResource } from "../../wire/api.ts";
import { servicesOf } from "../changes/group-changes.ts";
import { compile, rejectionOf, ruleFactsOf, ruleNameOfGroup } from "../changes/rulebook.ts";
import type { ViewTables } from "./view-tables.ts";

/** A group; undefined: there is none of this name. */
export function groupResource(
  tables: ViewTables,
  name: string,
  rulebook: Rulebook = compile(ruleFactsOf(tables)),
): GroupResource | undefined {
  const row = tables.groups.get(name);
  if (row === undefined) return undefined;
  const because = rejectionOf(rulebook, ruleNameOfGroup(name));
  return {
    name,
    revision: row.revision,
    config: row.value.group,
    services: [...servicesOf(tables, name)],
    ...(because === undefined ? { inForce: true } : { inForce: false, because }),
  };
}

/** All groups, in order of name. */
export function groupResources(tables: ViewTables): GroupResource[] {
  const rulebook = compile(ruleFactsOf(tables));
  return [...tables.groups.keys()]
    .sort(compareIds)
    .map((name) => groupResource(tables, name, rulebook))
    .filter((resource) => resource !== undefined);
}

/** A rule; undefined: there is none of this name. */
export function ruleResource(
  tables: ViewTables,
  name: string,
  rulebook: Rulebook = compile(ruleFactsOf(tables)),
): RuleResource | undefined {
  const row = tables.rules.get(name);
  if (row === undefined) return undefined;
  const config = row.value.rule;
  const because = config.disabled ? "it is disabled" : rejectionOf(rulebook, name);
  return {
    name,
    revision: row.revision,
    config,
    ...(because === undefined ? { inForce: true } : { inForce: false, because }),
  };
}

/** All rules, in order of name. */
export function ruleResources(tables: ViewTables): RuleResource[] {
  const rulebook = compile(ruleFactsOf(tables));
  return [...tables.rules.keys()]
    .sort(compareIds)
    .map((name) => ruleResource(tables, name, rulebook))
    .filter((resource) => resource !== undefined);
}
