/** The plans of people's changes to rules: one that contradicts another is refused with the reason. */
import { isDeepStrictEqual } from "node:util";
import { err, ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import type { RuleConfig } from "../../wire/placement.ts";
import { keys } from "../../wire/records.ts";
import { brokenPrecondition, type Precondition } from "../http/etag.ts";
import { refuse } from "../http/problem-error.ts";
import { rulesMax } from "../limits.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged, withRelations } from "./change.ts";
import { checkReferences, type References, referencesIn } from "./references.ts";
import { checkRules, ruleFactsOf, withEntry } from "./rulebook.ts";

/** Adds the rule, or replaces it. Nothing is written when it is the same already. */
export function planPutRule(
  tables: ViewTables,
  rule: RuleConfig,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const { name } = rule;
  const row = tables.rules.get(name);
  const broken = brokenPrecondition(precondition, `rule "${name}"`, row?.revision);
  if (broken !== undefined) return err(broken);
  if (row === undefined && tables.rules.size >= rulesMax) {
    return refuse("too-many", `there are ${rulesMax} rules already`);
  }
  const before = row?.value.rule;
  if (isDeepStrictEqual(before, rule)) return ok(nothingToDo);
  const known = checkReferences(tables, referencesOf(rule), namesIn(before));
  if (!known.ok) return known;
  const facts = ruleFactsOf(tables);
  const rules = checkRules(facts, { ...facts, rules: withEntry(facts.rules, name, rule) }, name);
  if (!rules.ok) return rules;
  const key = `${keys.rules}${name}`;
  const plan: ChangePlan = {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf({ version: 1, rule }) }],
    action: row === undefined ? "rule.add" : "rule.replace",
    subject: name,
    detail: JSON.stringify(rule),
  };
  return ok(withRelations(tables, plan));
}

/** Deletes a rule. */
export function planRemoveRule(
  tables: ViewTables,
  name: string,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const row = tables.rules.get(name);
  if (row === undefined) return refuse("not-found", `there is no rule "${name}"`);
  const broken = brokenPrecondition(precondition, `rule "${name}"`, row.revision);
  if (broken !== undefined) return err(broken);
  const key = `${keys.rules}${name}`;
  const plan: ChangePlan = {
    compare: [unchanged(key, row)],
    operations: [{ kind: "delete", key }],
    action: "rule.remove",
    subject: name,
    detail: "",
  };
  return ok(withRelations(tables, plan));
}

function referencesOf(rule: RuleConfig): References {
  const services = referencesIn("services", rule.services);
  if (rule.type === "resource-affinity") return { services };
  const nodes = rule.nodes.map(({ node }) => node);
  return { services, nodes: referencesIn("nodes", nodes, "node") };
}

function namesIn(rule: RuleConfig | undefined): ReadonlySet<string> {
  if (rule === undefined) return new Set();
  const nodes = rule.type === "node-affinity" ? rule.nodes.map(({ node }) => node) : [];
  return new Set<string>([...rule.services, ...nodes]);
}
