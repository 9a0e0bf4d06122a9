/** What rules mean together, and which of them are ignored. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rule } from "../../../src/core/model/rule.ts";
import type { Rulebook } from "../../../src/core/placement/rulebook.ts";
import {
  apart,
  compiled,
  group,
  prefers,
  service,
  services,
  together,
} from "./placement-samples.ts";

function rejectedRules(rulebook: Rulebook): readonly string[] {
  return [...new Set(rulebook.rejections.map(({ rule }) => rule))];
}

function neighbours(map: Rulebook["together"], id: string): readonly string[] {
  return map.get(service(id)) ?? [];
}

test("compileRulebook() gives a service its own node affinity", () => {
  const rulebook = compiled([prefers("r", "a b", "n2:2 n1", { strict: true })]);
  const affinity = rulebook.nodeAffinity.get(service("b"));
  assert.deepEqual(affinity, {
    rule: "r",
    priorities: new Map([
      ["n1", 0],
      ["n2", 2],
    ]),
    strict: true,
  });
  assert.equal(rulebook.nodeAffinity.get(service("c")), undefined);
});

test("compileRulebook() turns a placement group into a rule for its members", () => {
  const rulebook = compiled([], {
    groups: [group("web", "n1 n9:3", { restricted: true }), group("db", "n2")],
    members: { web: "a", db: "b", nobody: "c" },
  });
  assert.equal(rulebook.nodeAffinity.get(service("a"))?.rule, "group web");
  assert.equal(rulebook.nodeAffinity.get(service("a"))?.strict, true);
  assert.equal(rulebook.nodeAffinity.get(service("a"))?.priorities.size, 2);
  assert.equal(rulebook.nodeAffinity.get(service("b"))?.strict, false);
  assert.equal(rulebook.nodeAffinity.get(service("c")), undefined);
});

test("compileRulebook() leaves disabled rules out, of merging and of contradictions too", () => {
  const rulebook = compiled([
    prefers("r1", "a", "n1"),
    prefers("r2", "a", "n2", { disabled: true }),
    together("t", "a b", true),
    apart("s", "b c", true),
  ]);
  assert.equal(rulebook.nodeAffinity.get(service("a"))?.rule, "r1");
  assert.equal(rulebook.together.size, 0);
  assert.equal(rulebook.apart.size, 0);
  assert.deepEqual(rulebook.rejections, []);
});

test("compileRulebook() merges positive rules that share services, over several steps", () => {
  const rulebook = compiled([
    together("t3", "e f"),
    together("t1", "a b"),
    together("t4", "x y"),
    together("t2", "b d e"),
  ]);
  assert.deepEqual(neighbours(rulebook.together, "d"), services("a b e f"));
  assert.deepEqual(neighbours(rulebook.together, "a"), services("b d e f"));
  assert.deepEqual(neighbours(rulebook.together, "y"), services("x"));
});

test("compileRulebook() keeps a service apart from the whole company of one that it is apart from", () => {
  const rulebook = compiled([together("t1", "a b"), together("t2", "x y"), apart("s", "a x")]);
  assert.deepEqual(neighbours(rulebook.apart, "a"), services("x y"));
  assert.deepEqual(neighbours(rulebook.apart, "x"), services("a b"));
  assert.deepEqual(neighbours(rulebook.apart, "b"), services("x"), "company follows its own");
});

test("compileRulebook() gives a whole group the node affinity of one member", () => {
  const rulebook = compiled([together("t", "a b c"), prefers("r", "b", "n1 n2")]);
  for (const id of services("a b c")) assert.equal(rulebook.nodeAffinity.get(id)?.rule, "r");
});

test("compileRulebook() leaves services out that do not exist", () => {
  const rulebook = compiled([together("t", "a b c"), apart("s", "a x y z")], { missing: "c y" });
  assert.deepEqual(neighbours(rulebook.together, "a"), services("b"));
  assert.deepEqual(neighbours(rulebook.apart, "a"), services("x z"));
  assert.deepEqual(rulebook.rejections, []);
});

interface Contradiction {
  readonly title: string;
  readonly rules: readonly Rule[];
  readonly rejected: readonly string[];
  /** The reason for the first of them. */
  readonly because: string;
  readonly options?: Parameters<typeof compiled>[1];
}

const contradictions: readonly Contradiction[] = [
  {
    title: "a service in two node-affinity rules",
    rules: [prefers("r1", "a b", "n1"), prefers("r2", "b", "n2"), prefers("r3", "c", "n3")],
    rejected: ["r1", "r2"],
    because: 'vm:b is also in "r2", and a service may be in one node-affinity rule only',
  },
  {
    title: "a service with a group and a node-affinity rule",
    rules: [prefers("r", "a", "n1")],
    options: { groups: [group("web", "n2")], members: { web: "a" } },
    rejected: ["group web", "r"],
    because: 'vm:a is also in "r", and a service may be in one node-affinity rule only',
  },
  {
    title: "a resource-affinity rule with one service that exists",
    rules: [together("t", "a b"), apart("s", "c")],
    options: { missing: "b" },
    rejected: ["s", "t"],
    because: "vm:c is the only one of its services that exists, and it needs two",
  },
  {
    title: "more services to keep apart than nodes",
    rules: [apart("s", "a b c d")],
    rejected: ["s"],
    because: "its 4 services (vm:a, vm:b, vm:c and vm:d) need a node each, and the cluster has 3",
  },
  {
    title: "two services both together and apart, through merged rules",
    rules: [together("t1", "a b"), together("t2", "b c"), together("t3", "x y"), apart("s", "a c")],
    rejected: ["s", "t1", "t2"],
    because: 'it keeps vm:a and vm:c apart, and they are to run together by "t1" and "t2"',
  },
  {
    title: "several priorities for services of a resource-affinity rule",
    rules: [apart("s", "a b"), prefers("r1", "a", "n1:2 n2:1"), prefers("r2", "b", "n3")],
    rejected: ["r1", "r2", "s"],
    because: 'it gives nodes different priorities, and its services are also in "s"',
  },
  {
    title: "different node-affinity rules inside one merged positive group",
    rules: [
      together("t1", "a b"),
      together("t2", "b c"),
      prefers("r1", "a", "n1"),
      prefers("r2", "c", "n1"),
    ],
    rejected: ["r1", "r2", "t1", "t2"],
    because:
      'vm:a, vm:b and vm:c run together, and they are in different node-affinity rules: "r1" and "r2"',
  },
  {
    title: "services to keep apart that have too few nodes",
    rules: [apart("s", "a b c"), prefers("r", "a b", "n1", { strict: true })],
    rejected: ["r", "s"],
    because: '"s" keeps vm:a and vm:b apart, and by "r" they have 1 node: n1',
  },
];

for (const { title, rules, options, rejected, because } of contradictions) {
  test(`compileRulebook() ignores ${title}, and says why`, () => {
    const rulebook = compiled(rules, options);
    assert.deepEqual(rejectedRules(rulebook), rejected);
    assert.equal(rulebook.rejections[0]?.because, because);
    for (const affinity of rulebook.nodeAffinity.values()) {
      assert.ok(!rejected.includes(affinity.rule));
    }
    const alone = compiled(
      rules.filter((rule) => !rejected.includes(rule.name)),
      { ...options, groups: [] },
    );
    assert.deepEqual(
      { ...rulebook, rejections: [] },
      alone,
      "as if the ignored rules were not there",
    );
  });
}

test("compileRulebook() allows as many services apart as there are nodes", () => {
  const rulebook = compiled([apart("s", "a b c"), prefers("r", "a b", "n1 n2")]);
  assert.deepEqual(rulebook.rejections, []);
  assert.deepEqual(neighbours(rulebook.apart, "c"), services("a b"));
});

test("compileRulebook() keeps a rule whose nodes are unknown", () => {
  const rulebook = compiled([prefers("r", "a", "elsewhere", { strict: true })]);
  assert.deepEqual(rulebook.rejections, []);
  assert.equal(rulebook.nodeAffinity.get(service("a"))?.strict, true);
});
