/** What of a file the server would refuse before any manager sees it: a freeze, unknown names, services that wait in a ring. */
import * as z from "zod";
import type { ClusterFacts } from "../../../sim/whatif/cluster-plan.ts";
import type { Forecast } from "../../../sim/whatif/forecast.ts";
import type { PlanStep } from "../../plan.ts";
import { wordsOfFreeze } from "../freeze.ts";

/** One sentence for each: a freeze first, then in the order of the steps; rules that contradict each other come last. */
export function refusalsOf(
  facts: ClusterFacts,
  steps: readonly PlanStep[],
  forecast: Forecast,
): readonly string[] {
  return [
    ...freezeOf(facts, steps),
    ...unknownNames(facts, steps),
    ...ringsOf(facts, steps),
    ...forecast.newlyRejected.map(
      ({ rule, because }) => `rule "${rule}" could not hold: ${because}`,
    ),
  ];
}

/** A frozen cluster takes no change at all. */
function freezeOf({ status }: ClusterFacts, steps: readonly PlanStep[]): readonly string[] {
  const { freeze } = status;
  if (freeze?.frozen !== true || steps.length === 0) return [];
  return [`the cluster is ${wordsOfFreeze(freeze)}; end that with: holdfast cluster unfreeze`];
}

type NameKind = "node" | "service" | "group";

interface Reference {
  readonly kind: NameKind;
  readonly name: string;
}

/** A step may name what is there, or what a step before it makes. */
function unknownNames(
  { status, groups }: ClusterFacts,
  steps: readonly PlanStep[],
): readonly string[] {
  const known: Readonly<Record<NameKind, Set<string>>> = {
    node: new Set(status.nodes.map(({ id }) => id)),
    service: new Set(status.services.map(({ id }) => id)),
    group: new Set(groups.map(({ name }) => name)),
  };
  return steps.flatMap((step) => {
    if (step.kind === "service") known.service.add(step.service.config.id);
    if (step.kind === "group") known.group.add(step.group.name);
    return referencesOf(step)
      .filter(({ kind, name }) => !known[kind].has(name))
      .map(({ kind, name }) => `${step.subject} names the ${kind} "${name}": there is none yet`);
  });
}

function referencesOf(step: PlanStep): readonly Reference[] {
  const named = (kind: NameKind, names: readonly string[]): readonly Reference[] =>
    names.map((name) => ({ kind, name }));
  const nodeNames = (nodes: readonly { readonly node: string }[]): readonly Reference[] =>
    named(
      "node",
      nodes.map(({ node }) => node),
    );
  switch (step.kind) {
    case "settings":
    case "definition":
    case "deployment":
      return [];
    case "group":
      return nodeNames(step.group.nodes);
    case "ha-group":
      return named("node", step.haGroup.members);
    case "service": {
      const { group, after, requires } = step.service.config;
      const groups = group === undefined ? [] : [group];
      return [...named("group", groups), ...named("service", [...after, ...requires])];
    }
    case "rule": {
      const { rule } = step;
      const nodes = rule.type === "node-affinity" ? nodeNames(rule.nodes) : [];
      return [...named("service", rule.services), ...nodes];
    }
  }
}

/** Services of the file that would wait for themselves, by `after` and `requires`. */
function ringsOf({ status }: ClusterFacts, steps: readonly PlanStep[]): readonly string[] {
  const before = new Map<string, unknown>(status.services.map(({ id, config }) => [id, config]));
  const changed = steps.flatMap((step) => (step.kind === "service" ? [step.service.config] : []));
  for (const config of changed) before.set(config.id, config);
  return changed
    .filter(({ id }) => waitsForItself(id, (other) => predecessorsIn(before.get(other))))
    .map(({ id }) => `${id} would wait for itself (after, requires)`);
}

function waitsForItself(id: string, predecessors: (id: string) => readonly string[]): boolean {
  const seen = new Set<string>();
  const waiting = [...predecessors(id)];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next === id) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    waiting.push(...predecessors(next));
  }
  return false;
}

const orderSchema = z.looseObject({
  after: z.array(z.string()).default([]),
  requires: z.array(z.string()).default([]),
});

function predecessorsIn(config: unknown): readonly string[] {
  const order = orderSchema.safeParse(config);
  return order.success ? [...order.data.after, ...order.data.requires] : [];
}
