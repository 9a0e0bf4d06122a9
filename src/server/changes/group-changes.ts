/** The plans of people's changes to placement groups. */
import { isDeepStrictEqual } from "node:util";
import { compareIds, type ServiceId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import type { GroupConfig } from "../../wire/placement.ts";
import { keys } from "../../wire/records.ts";
import { brokenPrecondition, type Precondition } from "../http/etag.ts";
import { refuse } from "../http/problem-error.ts";
import { groupsMax } from "../limits.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged, withRelations } from "./change.ts";
import { checkReferences, referencesIn } from "./references.ts";
import { checkRules, ruleFactsOf, ruleNameOfGroup, withEntry } from "./rulebook.ts";

const namedMax = 10;

/** Adds the group, or replaces it. Nothing is written when it is the same already. */
export function planPutGroup(
  tables: ViewTables,
  group: GroupConfig,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const { name } = group;
  const row = tables.groups.get(name);
  const broken = brokenPrecondition(precondition, `group "${name}"`, row?.revision);
  if (broken !== undefined) return err(broken);
  if (row === undefined && tables.groups.size >= groupsMax) {
    return refuse("too-many", `there are ${groupsMax} groups already`);
  }
  const before = row?.value.group;
  if (isDeepStrictEqual(before, group)) return ok(nothingToDo);
  const nodes = group.nodes.map(({ node }) => node);
  const named = new Set(before?.nodes.map(({ node }) => node));
  const known = checkReferences(tables, { nodes: referencesIn("nodes", nodes, "node") }, named);
  if (!known.ok) return known;
  const facts = ruleFactsOf(tables);
  const groups = withEntry(facts.groups, name, group);
  const rules = checkRules(facts, { ...facts, groups }, ruleNameOfGroup(name));
  if (!rules.ok) return rules;
  const key = `${keys.groups}${name}`;
  const plan: ChangePlan = {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf({ version: 1, group }) }],
    action: row === undefined ? "group.add" : "group.replace",
    subject: name,
    detail: JSON.stringify(group),
  };
  return ok(withRelations(tables, plan));
}

/** Deletes a group that no service refers to. */
export function planRemoveGroup(
  tables: ViewTables,
  name: string,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const row = tables.groups.get(name);
  if (row === undefined) return refuse("not-found", `there is no group "${name}"`);
  const broken = brokenPrecondition(precondition, `group "${name}"`, row.revision);
  if (broken !== undefined) return err(broken);
  const services = servicesOf(tables, name);
  if (services.length > 0) {
    const more = services.length > namedMax ? ` and ${services.length - namedMax} more` : "";
    const listed = services.slice(0, namedMax).join(", ");
    return refuse("refused", `group "${name}" is in use by ${listed}${more}`);
  }
  const key = `${keys.groups}${name}`;
  const plan: ChangePlan = {
    compare: [unchanged(key, row)],
    operations: [{ kind: "delete", key }],
    action: "group.remove",
    subject: name,
    detail: "",
  };
  return ok(withRelations(tables, plan));
}

/** The services that refer to the group, in order of id. */
export function servicesOf(tables: ViewTables, group: string): readonly ServiceId[] {
  return [...tables.services.values()]
    .filter(({ value }) => value.config.group === group)
    .map(({ value }) => value.config.id)
    .sort(compareIds);
}
