/** Which node is chosen, case by case. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { refusalsOf, selectNode } from "../../../src/core/placement/select-node.ts";
import {
  apart,
  compiled,
  node,
  prefers,
  type Situation,
  service,
  situation,
  together,
} from "./placement-samples.ts";

interface Case extends Situation {
  readonly title: string;
  /** `"n1 because"`, or undefined: nowhere. */
  readonly chosen: string | undefined;
}

const onTwo = compiled([prefers("r", "a", "n2")]);
const onlyTwo = compiled([prefers("r", "a", "n2", { strict: true })]);
const graded = compiled([prefers("r", "a", "n1:1 n2:2", { strict: true })]);
const company = compiled([together("t", "a b c d")]);
const separate = compiled([apart("s", "a b c")]);
const separateOnTwo = compiled([apart("s", "a b"), prefers("r", "a", "n2")]);
const companyOnTwo = compiled([together("t", "a b"), prefers("r", "b", "n2")]);

const cases: readonly Case[] = [
  { title: "stays where it is", current: "n2", chosen: "n2 current-is-fine" },
  {
    title: "takes the best score when its node is offline",
    current: "n9",
    scores: { n1: 3, n2: 1, n3: 1 },
    chosen: "n2 best-score",
  },
  { title: "takes the first by name of equals", chosen: "n1 best-score" },
  { title: "takes the only node", online: "n3", chosen: "n3 only-one-left" },
  { title: "has nowhere to go", online: "", chosen: undefined },
  {
    title: "looks for the best although it is somewhere",
    current: "n1",
    preference: "best-score",
    scores: { n1: 2, n2: 1, n3: 2 },
    chosen: "n2 best-score",
  },
  {
    title: "goes back after maintenance",
    current: "n1",
    maintenance: "n3",
    chosen: "n3 maintenance-over",
  },
  {
    title: "stays while its maintenance node is away",
    current: "n1",
    maintenance: "n3",
    online: "n1 n2",
    chosen: "n1 current-is-fine",
  },
  { title: "moves to the node it prefers", rulebook: onTwo, current: "n1", chosen: "n2 affinity" },
  {
    title: "falls back to any node when the preferred one is offline",
    rulebook: onTwo,
    online: "n1 n3",
    scores: { n1: 1, n3: 0 },
    chosen: "n3 best-score",
  },
  {
    title: "stays on the fallback while the preferred node is offline",
    rulebook: onTwo,
    current: "n3",
    online: "n1 n3",
    chosen: "n3 current-is-fine",
  },
  {
    title: "does not move to the node it prefers without failback",
    rulebook: onTwo,
    current: "n1",
    failback: false,
    chosen: "n1 no-failback",
  },
  {
    title: "never leaves the nodes of a strict rule",
    rulebook: onlyTwo,
    current: "n1",
    online: "n1 n3",
    chosen: undefined,
  },
  {
    title: "leaves a node that a strict rule forbids, failback or not",
    rulebook: onlyTwo,
    current: "n1",
    failback: false,
    chosen: "n2 affinity",
  },
  { title: "takes the highest priority", rulebook: graded, current: "n1", chosen: "n2 affinity" },
  {
    title: "takes the highest priority that is online",
    rulebook: graded,
    online: "n1 n3",
    chosen: "n1 affinity",
  },
  {
    title: "goes where most of its company is",
    rulebook: company,
    others: { b: "n1", c: "n3", d: "n3" },
    chosen: "n3 affinity",
  },
  {
    title: "goes to the first by name when its company is split evenly",
    rulebook: company,
    others: { b: "n3", c: "n2" },
    chosen: "n2 affinity",
  },
  {
    title: "counts its company where it is heading, not where it leaves",
    rulebook: company,
    current: "n1",
    others: { b: "n1>n2", c: "n1>n2", d: "n1" },
    chosen: "n2 affinity",
  },
  {
    title: "joins its company without failback too",
    rulebook: company,
    current: "n1",
    failback: false,
    others: { b: "n2" },
    chosen: "n2 affinity",
  },
  {
    title: "stays with its company rather than go back alone without failback",
    rulebook: companyOnTwo,
    current: "n1",
    failback: false,
    others: { b: "n1" },
    chosen: "n1 no-failback",
  },
  {
    title: "leads its company to the preferred node",
    rulebook: companyOnTwo,
    current: "n1",
    others: { b: "n1" },
    chosen: "n2 affinity",
  },
  {
    title: "goes anywhere when its company is nowhere",
    rulebook: company,
    scores: { n1: 1 },
    chosen: "n2 best-score",
  },
  {
    title: "avoids nodes that counterparts are on and heading to",
    rulebook: separate,
    others: { b: "n1>n2" },
    chosen: "n3 affinity",
  },
  {
    title: "leaves a node that a counterpart is on, failback or not",
    rulebook: separate,
    current: "n1",
    failback: false,
    others: { b: "n1" },
    scores: { n2: 1 },
    chosen: "n3 best-score",
  },
  {
    title: "waits when counterparts are everywhere",
    rulebook: separate,
    online: "n1 n2",
    others: { b: "n1", c: "n2" },
    chosen: undefined,
  },
  {
    title: "waits for the preferred node rather than go elsewhere when a counterpart is there",
    rulebook: separateOnTwo,
    others: { b: "n2" },
    chosen: undefined,
  },
  {
    title: "is not pulled back to its maintenance node where a counterpart is",
    rulebook: separate,
    current: "n1",
    maintenance: "n3",
    others: { b: "n3" },
    chosen: "n1 current-is-fine",
  },
  {
    title: "tries the next node in the order of scores",
    current: "n2",
    preference: "try-next",
    scores: { n1: 3, n2: 1, n3: 2 },
    chosen: "n3 next-untried",
  },
  {
    title: "tries the first node when the current one is dropped",
    current: "n2",
    preference: "try-next",
    failed: "n2",
    scores: { n1: 3, n2: 1, n3: 2 },
    chosen: "n3 next-untried",
  },
  {
    title: "begins anew behind the last node",
    current: "n1",
    preference: "try-next",
    scores: { n1: 3, n2: 1, n3: 2 },
    chosen: "n2 next-untried",
  },
  {
    title: "has no node left to try",
    current: "n1",
    preference: "try-next",
    failed: "n1 n2 n3",
    chosen: undefined,
  },
  {
    title: "leaves its company for a node where it was not tried",
    rulebook: company,
    current: "n2",
    preference: "try-next",
    failed: "n2",
    others: { b: "n2", c: "n2" },
    chosen: "n1 next-untried",
  },
  {
    title: "avoids nodes without room",
    full: "n1 n2",
    scores: { n3: 9 },
    chosen: "n3 only-one-left",
  },
  {
    title: "stays on its node however full it is",
    current: "n1",
    full: "n1",
    chosen: "n1 current-is-fine",
  },
  {
    title: "takes a node it likes less when the preferred one has no room",
    rulebook: onTwo,
    full: "n1 n2",
    chosen: "n3 only-one-left",
  },
  {
    title: "waits for room rather than break a strict rule",
    rulebook: onlyTwo,
    full: "n2",
    chosen: undefined,
  },
  {
    title: "waits for room where its company is",
    rulebook: company,
    others: { b: "n2" },
    full: "n2",
    chosen: undefined,
  },
  {
    title: "does not go back after maintenance to a node without room",
    current: "n1",
    maintenance: "n3",
    full: "n3",
    chosen: "n1 current-is-fine",
  },
];

for (const { title, chosen, ...said } of cases) {
  test(`selectNode() ${title}`, () => {
    const selection = selectNode(situation(said));
    assert.equal(selection && `${selection.node} ${selection.because}`, chosen);
  });
}

test("selectNode() does not look at other nodes when nothing asks for a move", () => {
  const input = situation({ current: "n2" });
  const selection = selectNode({
    ...input,
    get online(): never {
      throw new Error("the nodes were gone through");
    },
    score: () => {
      throw new Error("the nodes were scored");
    },
  });
  assert.deepEqual(selection, { node: node("n2"), because: "current-is-fine" });
});

function sentences(refusals: ReturnType<typeof refusalsOf>) {
  return Object.fromEntries([...refusals].map(([id, refusal]) => [id, refusal?.sentence]));
}

test("refusalsOf() names the rule, the counterpart, the company, the failure or the lack of room", () => {
  const refused = (said: Situation) => sentences(refusalsOf(situation(said)));
  const best = { preference: "best-score" } as const;
  assert.deepEqual(refused({ ...best, rulebook: onlyTwo }), {
    n1: 'rule "r" allows only "n2"',
    n2: undefined,
    n3: 'rule "r" allows only "n2"',
  });
  assert.deepEqual(refused({ ...best, rulebook: onTwo, online: "n1 n2" }), {
    n1: 'rule "r" prefers "n2"',
    n2: undefined,
  });
  assert.deepEqual(refused({ ...best, rulebook: separate, others: { b: "n1>n2" }, full: "n3" }), {
    n1: "vm:b is there or on its way there, and a rule keeps them apart",
    n2: "vm:b is there or on its way there, and a rule keeps them apart",
    n3: "it is full",
  });
  assert.deepEqual(refused({ ...best, rulebook: company, others: { b: "n2" }, online: "n1 n2" }), {
    n1: 'the services that it runs together with are on node "n2"',
    n2: undefined,
  });
  assert.deepEqual(refused({ preference: "try-next", failed: "n1", online: "n1 n2" }), {
    n1: "it failed to start there",
    n2: undefined,
  });
});

test("refusalsOf() allows less preferred nodes once the preferred ones have no room", () => {
  const refusals = refusalsOf(situation({ rulebook: onTwo, full: "n2" }));
  assert.deepEqual(sentences(refusals), {
    n1: undefined,
    n2: "it is full",
    n3: undefined,
  });
});

test("refusalsOf() calls a node less preferred only if nothing else is against it", () => {
  const table: readonly (readonly [Situation, string, boolean | undefined])[] = [
    [{ rulebook: onTwo }, "n1", true],
    [{ rulebook: onTwo }, "n2", undefined],
    [{ rulebook: onlyTwo }, "n1", false],
    [{ rulebook: onTwo, full: "n1" }, "n1", false],
    [{ rulebook: onTwo, full: "n1", current: "n1" }, "n1", true],
    [{ rulebook: onTwo, preference: "try-next", failed: "n1" }, "n1", false],
  ];
  for (const [said, id, expected] of table) {
    const refusal = refusalsOf(situation({ preference: "best-score", ...said })).get(node(id));
    assert.equal(refusal?.isLessPreferred, expected, `${JSON.stringify(said)} ${id}`);
  }
});

test("selectNode() and refusalsOf() see a rulebook for another service as none", () => {
  const input = situation({ rulebook: onlyTwo, service: "z", current: "n1" });
  assert.equal(input.service, service("z"));
  assert.equal(selectNode(input)?.node, node("n1"));
  assert.ok([...refusalsOf(input).values()].every((refusal) => refusal === undefined));
});

test("selectNode() sorts two mixed companies out, each to a node of its own", () => {
  const rulebook = compiled([
    together("t1", "a1 a2 a3"),
    together("t2", "b1 b2 b3"),
    apart("s", "a1 b1"),
  ]);
  const at: Record<string, string> = { a1: "n1", a2: "n2", a3: "n1", b1: "n1", b2: "n2", b3: "n1" };
  const members = Object.keys(at).sort();
  for (let round = 0; round < 3; round += 1) {
    const heading: Record<string, string> = {};
    for (const member of members) {
      const others = Object.fromEntries(
        members.map((id) => [id, id in heading ? `${at[id]}>${heading[id]}` : (at[id] ?? "")]),
      );
      const current = at[member] ?? "";
      const chosen = selectNode(situation({ rulebook, service: member, current, others }))?.node;
      if (chosen !== undefined && chosen !== current) heading[member] = chosen;
    }
    Object.assign(at, heading);
  }
  assert.deepEqual(at, { a1: "n3", a2: "n3", a3: "n3", b1: "n2", b2: "n2", b3: "n2" });
});
