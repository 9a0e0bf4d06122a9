/** What placement groups and rules come to, as the manager compiles them, and what a change of them would break. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import { compileRulebook, type Rulebook } from "../../core/placement/rulebook.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { ruleOf } from "../../runtime/manager-records.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import type { GroupConfig, RuleConfig } from "../../wire/placement.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** All that the compiled rules rest on. */
export interface RuleFacts {
  readonly rules: ReadonlyMap<string, RuleConfig>;
  readonly groups: ReadonlyMap<string, GroupConfig>;
  /** Every service, with the name of its group. */
  readonly services: ReadonlyMap<ServiceId, string | undefined>;
  readonly nodes: ReadonlySet<NodeId>;
}

/** The facts as they are. */
export function ruleFactsOf(tables: ViewTables): RuleFacts {
  return {
    rules: new Map([...tables.rules].map(([name, row]) => [name, row.value.rule])),
    groups: new Map([...tables.groups].map(([name, row]) => [name, row.value.group])),
    services: new Map([...tables.services].map(([id, row]) => [id, row.value.config.group])),
    nodes: new Set(tables.nodes.keys()),
  };
}

/** The map with one more, or another, entry. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

/** Compiles them exactly as the manager does. */
export function compile(facts: RuleFacts): Rulebook {
  return compileRulebook({
    rules: [...facts.rules.values()].map(ruleOf),
    groups: [...facts.groups.values()],
    members: membersOf(facts),
    nodes: facts.nodes,
    services: facts.services,
  });
}

function* membersOf(facts: RuleFacts): Iterable<{ service: ServiceId; group: string }> {
  for (const [service, group] of facts.services) {
    if (group !== undefined) yield { service, group };
  }
}

/**
 * Refuses a change by which a rule would be ignored from then on that is in force now, or that is itself ignored.
 * Rules that are ignored already stand in nobody's way. `changed` is the rule that the change is about: if that one
 * could not hold, its own reasons say it all, for the others only tell the same from their side.
 */
export function checkRules(
  before: RuleFacts,
  after: RuleFacts,
  changed?: string,
): Result<void, Problem> {
  if (after.rules.size === 0 && after.groups.size === 0) return ok(undefined);
  const known = new Set(compile(before).rejections.map(({ rule }) => rule));
  const broken = compile(after).rejections.filter(({ rule }) => !known.has(rule));
  if (broken.length === 0) return ok(undefined);
  const own = broken.filter(({ rule }) => rule === changed);
  return err(problemOf("refused", sentencesOf(own.length > 0 ? own : broken).join("; ")));
}

/** One sentence a rule, with all its reasons. */
function sentencesOf(rejections: Rulebook["rejections"]): readonly string[] {
  const reasons = new Map<string, string[]>();
  for (const { rule, because } of rejections) {
    reasons.set(rule, [...(reasons.get(rule) ?? []), because]);
  }
  return [...reasons].map(
    ([rule, because]) => `${subjectOf(rule)} could not hold: ${because.join("; and ")}`,
  );
}

function subjectOf(rule: string): string {
  const [group] = /(?<=^group ).*/.exec(rule) ?? [];
  return group === undefined ? `rule "${rule}"` : `group "${group}"`;
}

/** Why the rule (of a group: `group <name>`) is ignored; undefined: it is in force. */
export function rejectionOf(rulebook: Rulebook, rule: string): string | undefined {
  const reasons = rulebook.rejections.filter((rejection) => rejection.rule === rule);
  return reasons.length === 0 ? undefined : reasons.map(({ because }) => because).join("; ");
}

/** The name under which a group is compiled. */
export function ruleNameOfGroup(group: string): string {
  return `group ${group}`;
}
