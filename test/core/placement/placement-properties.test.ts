/** Placement under random rules: what must hold whatever people write and whatever is online. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { NodeId, ServiceId } from "../../../src/core/ids.ts";
import type { PlacementGroup, Rule } from "../../../src/core/model/rule.ts";
import { compileRulebook, type RulebookInput } from "../../../src/core/placement/rulebook.ts";
import {
  refusalsOf,
  type SelectInput,
  selectNode,
  type Whereabouts,
} from "../../../src/core/placement/select-node.ts";
import { nodes, services } from "./placement-samples.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_000);
const numRuns = Number(process.env["HOLDFAST_RUNS"] ?? 1_500);

const allNodes = nodes("n1 n2 n3 n4");
const allServices = services("a b c d e f");

const aNode = fc.constantFrom(...allNodes, ...nodes("gone"));
const nodeList = fc.uniqueArray(fc.record({ node: aNode, priority: fc.nat({ max: 2 }) }), {
  selector: (listed) => listed.node,
  maxLength: 3,
});
const rarely = fc.nat({ max: 5 }).map((chance) => chance === 0);

const aNodeAffinity = (name: string): fc.Arbitrary<Rule> =>
  fc.record({
    kind: fc.constant("node-affinity" as const),
    name: fc.constant(name),
    services: fc.subarray([...allServices, ...services("missing")], { maxLength: 3 }),
    nodes: nodeList,
    disabled: rarely,
    strict: fc.boolean(),
  });

const aResourceAffinity = (name: string): fc.Arbitrary<Rule> =>
  fc.record({
    kind: fc.constant("resource-affinity" as const),
    name: fc.constant(name),
    services: fc.subarray([...allServices], { minLength: 1, maxLength: 3 }),
    affinity: fc.constantFrom("positive" as const, "negative" as const),
    disabled: rarely,
  });

const aRule = (name: string): fc.Arbitrary<Rule> =>
  fc.oneof(
    { weight: 1, arbitrary: aNodeAffinity(name) },
    { weight: 3, arbitrary: aResourceAffinity(name) },
  );

const aGroup: fc.Arbitrary<PlacementGroup> = fc.record({
  name: fc.constant("web"),
  nodes: nodeList,
  restricted: fc.boolean(),
  nofailback: fc.boolean(),
});

const ruleSet: fc.Arbitrary<RulebookInput> = fc.record({
  rules: fc.nat({ max: 5 }).chain((count) => fc.tuple(...ruleNames(count).map(aRule))),
  groups: fc.array(aGroup, { maxLength: 1 }),
  members: fc.subarray([...allServices], { maxLength: 2 }).map(membersOfWeb),
  nodes: fc.constant(new Set(allNodes)),
  services: fc.constant(new Set(allServices)),
});

function ruleNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `r${index}`);
}

function membersOfWeb(members: readonly ServiceId[]): { service: ServiceId; group: string }[] {
  return members.map((service) => ({ service, group: "web" }));
}

/** A choice in which everything that may vary does. */
const choice: fc.Arbitrary<SelectInput> = fc
  .record({
    rules: ruleSet,
    service: fc.constantFrom(...allServices),
    current: fc.option(fc.constantFrom(...allNodes), { nil: undefined }),
    preference: fc.constantFrom("stay" as const, "best-score" as const, "try-next" as const),
    failback: fc.boolean(),
    failedNodes: fc.subarray([...allNodes]),
    maintenanceNode: fc.option(fc.constantFrom(...allNodes), { nil: undefined }),
    online: fc.subarray([...allNodes]),
    full: fc.subarray([...allNodes]),
    places: fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 })), {
      minLength: allServices.length,
      maxLength: allServices.length,
    }),
    scores: fc.array(fc.nat({ max: 2 }), { minLength: 4, maxLength: 4 }),
  })
  .map(({ rules, full, places, scores, ...rest }) => ({
    ...rest,
    rulebook: compileRulebook(rules),
    isOnline: (node: NodeId) => rest.online.includes(node),
    whereabouts: (service: ServiceId) => whereaboutsOf(service, places, rest.online),
    refusal: (node: NodeId) => (full.includes(node) ? "it is full" : undefined),
    score: (asked: readonly NodeId[]) =>
      new Map(asked.map((node) => [node, scores[allNodes.indexOf(node)] ?? 0])),
  }));

function whereaboutsOf(
  service: ServiceId,
  places: readonly (readonly [number, number])[],
  online: readonly NodeId[],
): Whereabouts {
  const [at = 4, to = 4] = places[allServices.indexOf(service)] ?? [];
  const node = allNodes[at];
  const isUp = node !== undefined && online.includes(node);
  return { node: isUp ? node : undefined, target: allNodes[to] };
}

function holds(check: (input: SelectInput) => void): void {
  fc.assert(fc.property(choice, check), { seed, numRuns });
}

test(`compileRulebook() does not depend on the order of anything (HOLDFAST_SEED=${seed})`, () => {
  const reversed = (input: RulebookInput): RulebookInput => ({
    ...input,
    rules: input.rules
      .map((rule) => ({ ...rule, services: rule.services.toReversed() }))
      .toReversed(),
    members: [...input.members].toReversed(),
    nodes: new Set([...input.nodes].toReversed()),
  });
  const bySubject = (input: RulebookInput) => {
    const { nodeAffinity, together, apart, rejections } = compileRulebook(input);
    const sorted = (map: ReadonlyMap<ServiceId, unknown>) => [...map].sort();
    return [sorted(nodeAffinity), sorted(together), sorted(apart), rejections];
  };
  fc.assert(
    fc.property(ruleSet, (input) => {
      assert.deepEqual(bySubject(reversed(input)), bySubject(input));
    }),
    { seed, numRuns },
  );
});

test(`compileRulebook() is even-handed and free of contradictions (HOLDFAST_SEED=${seed})`, () => {
  fc.assert(
    fc.property(ruleSet, (input) => {
      const { together, apart, nodeAffinity, rejections } = compileRulebook(input);
      for (const [service, others] of together) {
        for (const other of others) {
          assert.ok(together.get(other)?.includes(service));
          assert.ok(!apart.get(service)?.includes(other), "together and apart");
          assert.equal(nodeAffinity.get(other)?.rule, nodeAffinity.get(service)?.rule);
        }
      }
      const ignored = new Set(rejections.map(({ rule }) => rule));
      for (const rule of input.rules) {
        if (rule.kind !== "resource-affinity" || rule.affinity !== "negative") continue;
        if (rule.disabled || ignored.has(rule.name)) continue;
        for (const [one, other] of pairsOf(rule.services)) {
          for (const companion of [one, ...(together.get(one) ?? [])]) {
            assert.ok(apart.get(companion)?.includes(other), "one for all");
          }
        }
      }
      for (const [service, others] of apart) {
        assert.ok(!others.includes(service));
        for (const other of others) assert.ok(apart.get(other)?.includes(service));
      }
    }),
    { seed, numRuns },
  );
});

function pairsOf(services: readonly ServiceId[]): readonly (readonly [ServiceId, ServiceId])[] {
  return services.flatMap((one) =>
    services.filter((other) => other !== one).map((other) => [one, other] as const),
  );
}

test(`selectNode() takes an online node with room or the present one (HOLDFAST_SEED=${seed})`, () => {
  holds((input) => {
    const selection = selectNode(input);
    if (selection === undefined) return;
    assert.ok(input.online.includes(selection.node));
    if (selection.node !== input.current) {
      assert.equal(input.refusal(selection.node), undefined);
    }
  });
});

test(`selectNode() never breaks a strict rule, S8 (HOLDFAST_SEED=${seed})`, () => {
  holds((input) => {
    const selection = selectNode(input);
    const affinity = input.rulebook.nodeAffinity.get(input.service);
    if (selection === undefined || affinity?.strict !== true) return;
    assert.ok(affinity.priorities.has(selection.node));
  });
});

test(`selectNode() never takes a counterpart's node (HOLDFAST_SEED=${seed})`, () => {
  holds((input) => {
    const selection = selectNode(input);
    if (selection === undefined) return;
    for (const counterpart of input.rulebook.apart.get(input.service) ?? []) {
      const { node, target } = input.whereabouts(counterpart);
      assert.notEqual(selection.node, node);
      assert.notEqual(selection.node, target);
    }
  });
});

test(`selectNode() tries no node twice (HOLDFAST_SEED=${seed})`, () => {
  holds((input) => {
    if (input.preference !== "try-next") return;
    const selection = selectNode(input);
    assert.ok(selection === undefined || !input.failedNodes.includes(selection.node));
  });
});

test(`refusalsOf() refuses every online node but those selectNode() chooses from (HOLDFAST_SEED=${seed})`, () => {
  holds((input) => {
    const selection = selectNode(input);
    const refusals = refusalsOf(input);
    assert.deepEqual([...refusals.keys()], input.online);
    const open = [...refusals].filter(([, refusal]) => refusal === undefined);
    if (selection === undefined) assert.deepEqual(open, []);
    else assert.equal(refusals.get(selection.node), undefined);
  });
});

test(`selectNode() agrees with the plain reading of the rules where all have room (HOLDFAST_SEED=${seed})`, () => {
  holds((input) => {
    const roomy: SelectInput = { ...input, failback: true, refusal: () => undefined };
    assert.equal(selectNode(roomy)?.node, plainlySelected(roomy));
  });
});

/** The same decision by sets that are made smaller step by step: slow and simple. */
function plainlySelected(input: SelectInput): NodeId | undefined {
  const { rulebook, service, current, preference } = input;
  const affinity = rulebook.nodeAffinity.get(service);
  const ranked = input.online.flatMap((node) => {
    const listed = affinity?.priorities.get(node);
    if (listed !== undefined) return [{ node, priority: listed }];
    return affinity?.strict === true ? [] : [{ node, priority: -1 }];
  });
  const highest = Math.max(...ranked.map(({ priority }) => priority));
  let left = ranked.filter(({ priority }) => priority === highest).map(({ node }) => node);
  if (preference === "try-next") left = left.filter((node) => !input.failedNodes.includes(node));
  for (const other of rulebook.apart.get(service) ?? []) {
    const { node, target } = input.whereabouts(other);
    left = left.filter((one) => one !== node && one !== target);
  }
  const places = (rulebook.together.get(service) ?? []).map((other) => {
    const { node, target } = input.whereabouts(other);
    return target ?? node;
  });
  const populations = left.map((node) => places.filter((place) => place === node).length);
  const most = Math.max(0, ...populations);
  if (most > 0)
    left = left
      .filter((_, index) => populations[index] === most)
      .sort()
      .slice(0, 1);
  if (input.maintenanceNode !== undefined && left.includes(input.maintenanceNode)) {
    return input.maintenanceNode;
  }
  if (preference === "stay" && current !== undefined && left.includes(current)) return current;
  const scores = input.score(left);
  const order = left.sort().sort((one, other) => (scores.get(one) ?? 0) - (scores.get(other) ?? 0));
  if (preference !== "try-next" || current === undefined) return order[0];
  return order[order.indexOf(current) + 1] ?? order[0];
}
