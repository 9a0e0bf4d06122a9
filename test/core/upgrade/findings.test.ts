/** Everything that may speak against an upgrade, each as a line: what blocks, what warns, and what says nothing. */
import assert from "node:assert/strict";
import test from "node:test";
import type { AgentCheckFacts } from "../../../src/core/upgrade/agent-findings.ts";
import {
  type CheckedServer,
  type CheckFacts,
  findingsOf,
} from "../../../src/core/upgrade/findings.ts";

const hourMs = 3_600_000;
const well: CheckedServer = {
  name: "s1",
  version: "0.1.0",
  fault: undefined,
  behind: 0,
  clockOffMs: 3,
  diskFreeBytes: 10 * 2 ** 30,
  neededBytes: 2 ** 29,
  launcher: "alive",
  certificateLeftMs: 300 * 24 * hourMs,
};
const calmAgents: AgentCheckFacts = {
  wayBackMissing: undefined,
  held: [],
  policies: [],
  leftBehind: { there: undefined, away: undefined },
  isDisarmed: false,
};
const calm: CheckFacts = {
  servers: [well, { ...well, name: "s2" }, { ...well, name: "s3" }],
  transients: [],
  stuck: [],
  groups: [{ name: "cameras", memberCount: 3, healthyCount: 3 }],
  bound: [],
  skew: [],
  agents: calmAgents,
  agentPolicy: "control-plane-upgrade",
  to: "0.2.0",
  frozenBy: undefined,
  noWay: undefined,
  silenceFault: undefined,
  stopsAll: undefined,
};

test("findingsOf() finds nothing where all is well", () => {
  assert.deepEqual(findingsOf(calm), []);
  const silent = {
    ...{ clockOffMs: undefined, diskFreeBytes: undefined, certificateLeftMs: undefined },
    launcher: undefined,
  };
  assert.deepEqual(findingsOf({ ...calm, servers: [{ ...well, ...silent }] }), []);
});

test("findingsOf() is stopped where all servers stop by what they alone can bear", () => {
  const far = [well, { ...well, name: "s2", clockOffMs: -60_000 }];
  const facts = { ...calm, servers: far, silenceFault: "agents would stop their services" };
  const codesOf = (change: Partial<CheckFacts>) =>
    findingsOf({ ...facts, ...change })
      .filter(({ level }) => level === "blocks")
      .map(({ code, subject }) => [code, subject]);
  assert.deepEqual(codesOf({}), []);
  assert.deepEqual(codesOf({ stopsAll: { from: 1, to: 2 } }), [
    ["clock", "s2"],
    ["lease-times", ""],
  ]);
});

function withAgents(change: Partial<AgentCheckFacts>): Partial<CheckFacts> {
  return { agents: { ...calmAgents, ...change } };
}

function withServer(change: Partial<CheckedServer>): Partial<CheckFacts> {
  return { servers: [well, { ...well, name: "s2", ...change }] };
}

const table: readonly [string, Partial<CheckFacts>, "blocks" | "warns", string, string, RegExp][] =
  [
    [
      "a server that is away",
      withServer({ fault: "no answer" }),
      "blocks",
      "server-not-well",
      "s2",
      /no answer/,
    ],
    [
      "a store that is behind",
      withServer({ behind: 1_001 }),
      "blocks",
      "server-behind",
      "s2",
      /1001 entries behind/,
    ],
    [
      "a full disk",
      withServer({ diskFreeBytes: 2 ** 20 }),
      "blocks",
      "disk",
      "s2",
      /1 MiB are free.*512 MiB/,
    ],
    [
      "a disk that a large store fills",
      withServer({ neededBytes: 20 * 2 ** 30 }),
      "blocks",
      "disk",
      "s2",
      /10240 MiB are free.*20480 MiB/,
    ],
    [
      "a server without a launcher",
      withServer({ launcher: "none" }),
      "blocks",
      "launcher",
      "s2",
      /runs without a launcher; start it by its unit .*holdfast server launch/,
    ],
    [
      "a launcher that has died",
      withServer({ launcher: "lost" }),
      "blocks",
      "launcher-lost",
      "s2",
      /launcher has died/,
    ],
    ["a clock ahead", withServer({ clockOffMs: 90_000 }), "warns", "clock", "s2", /90 s off/],
    ["a clock behind", withServer({ clockOffMs: -2_001 }), "warns", "clock", "s2", /off/],
    [
      "a certificate near its end",
      withServer({ certificateLeftMs: hourMs }),
      "warns",
      "certificate",
      "s2",
      /ends in 1 h/,
    ],
    [
      "a certificate that is over",
      withServer({ certificateLeftMs: -1 }),
      "blocks",
      "certificate",
      "s2",
      /is over/,
    ],
    [
      "servers that run the new version already",
      withServer({ version: "0.2.0" }),
      "warns",
      "versions",
      "",
      /0\.1\.0 and 0\.2\.0: those of 0\.2\.0 are done already/,
    ],
    [
      "two versions that would both become a third one",
      withServer({ version: "0.1.1" }),
      "blocks",
      "versions",
      "",
      /0\.1\.0 and 0\.1\.1: bring them to one/,
    ],
    [
      "two versions, before anything is named",
      { ...withServer({ version: "0.2.0" }), to: undefined },
      "warns",
      "versions",
      "",
      /0\.1\.0 and 0\.2\.0: upgrade them to one of these first/,
    ],
    [
      "three versions",
      { servers: ["0.1.0", "0.1.1", "0.2.0"].map((version) => ({ ...well, version })) },
      "blocks",
      "versions",
      "",
      /0\.1\.0 and 0\.1\.1 and 0\.2\.0: bring them to one/,
    ],
    [
      "agents that the new servers would not work with",
      withAgents({ leftBehind: { there: "n1 is too old", away: undefined } }),
      "blocks",
      "agent-skew",
      "",
      /n1 is too old/,
    ],
    [
      "such agents of nodes that are away",
      withAgents({ leftBehind: { there: undefined, away: "n1 is too old" } }),
      "warns",
      "agent-skew",
      "",
      /n1 is too old/,
    ],
    [
      "a policy that goes first",
      withAgents({ policies: [{ name: "a", wants: "0.1.0", nodes: ["n1", "n2"] }] }),
      "warns",
      "policy",
      "a",
      /before the upgrade's own, "control-plane-upgrade", and wants holdfast 0\.1\.0 for n1, n2: .*holdfast policy remove a$/,
    ],
    [
      "a policy that goes first for many nodes, and finds no version",
      withAgents({
        policies: [
          { name: "a", wants: undefined, nodes: ["n1", "n2", "n3", "n4", "n5", "n6", "n7"] },
        ],
      }),
      "warns",
      "policy",
      "a",
      /knows no version for n1, n2, n3, n4, n5 and 2 more:/,
    ],
    [
      "a node that is held back",
      withAgents({ held: [{ node: "n1", because: "maintenance" }] }),
      "warns",
      "agent-held",
      "n1",
      /^it is in maintenance/,
    ],
    [
      "a node that is offline",
      withAgents({ held: [{ node: "n1", because: "offline" }] }),
      "warns",
      "agent-held",
      "n1",
      /^it was put offline by a person: .*: holdfast node enable n1$/,
    ],
    [
      "a fleet that sleeps, in one line",
      withAgents({
        held: Array.from({ length: 3_000 }, (_, index) => ({ node: `n${index}`, because: "away" })),
      }),
      "warns",
      "agent-held",
      "",
      /^n0, n1, n2, n3, n4 and 2995 more: each is away/,
    ],
    [
      "a cluster that is disarmed",
      withAgents({ isDisarmed: true }),
      "warns",
      "disarmed",
      "",
      /holdfast cluster arm/,
    ],
    [
      "no package to go back to",
      withAgents({ wayBackMissing: "0.1.0" }),
      "warns",
      "way-back",
      "",
      /no signed package of holdfast 0\.1\.0 .*holdfast bundle push FILE/,
    ],
    ["versions that do not fit", { skew: ["node n1 is old"] }, "warns", "skew", "", /n1 is old/],
    ["no such package", { noWay: "no package" }, "blocks", "target", "", /no package/],
    ["a freeze", { frozenBy: "ada" }, "blocks", "frozen", "", /frozen by ada/],
    [
      "something under way",
      { transients: [{ subject: "process:api", words: "process:api is in migrate" }] },
      "warns",
      "transient",
      "process:api",
      /migrate/,
    ],
    [
      "a service in error",
      { stuck: [{ subject: "process:api", words: "process:api is in error" }] },
      "warns",
      "needs-person",
      "process:api",
      /in error/,
    ],
    [
      "a group of one",
      { groups: [{ name: "cameras", memberCount: 1, healthyCount: 1 }] },
      "warns",
      "ha-group",
      "cameras",
      /has one member, .*its services run on/,
    ],
    [
      "a group of one that is away",
      { groups: [{ name: "cameras", memberCount: 1, healthyCount: 0 }] },
      "warns",
      "ha-group",
      "cameras",
      /0 of its 1 members/,
    ],
    [
      "a group with one healthy member",
      { groups: [{ name: "cameras", memberCount: 3, healthyCount: 1 }] },
      "warns",
      "ha-group",
      "cameras",
      /1 of its 3 members/,
    ],
    [
      "a service that is bound",
      { bound: [{ service: "vm:1", because: "its volumes are on node n1" }] },
      "warns",
      "bound",
      "vm:1",
      /cannot move away.*n1/,
    ],
    ["another schema", { stopsAll: { from: 1, to: 2 } }, "warns", "schema", "", /schema 1 to 2/],
  ];

for (const [what, change, level, code, subject, detail] of table) {
  test(`findingsOf() ${level === "blocks" ? "is stopped by" : "warns of"} ${what}`, () => {
    const found = findingsOf({ ...calm, ...change });
    assert.deepEqual(
      found.map((finding) => [finding.level, finding.code, finding.subject]),
      [[level, code, subject]],
    );
    assert.match(found[0]?.detail ?? "", detail);
  });
}

test("findingsOf() says nothing of groups that have nobody, or two that are healthy", () => {
  const groups = [
    { name: "empty", memberCount: 0, healthyCount: 0 },
    { name: "pair", memberCount: 2, healthyCount: 2 },
    { name: "three", memberCount: 3, healthyCount: 2 },
  ];
  assert.deepEqual(findingsOf({ ...calm, groups }), []);
});

test("findingsOf() has one line for each reason to hold nodes back", () => {
  const held: AgentCheckFacts["held"] = [
    { node: "n1", because: "maintenance" },
    { node: "n2", because: "offline" },
    { node: "n3", because: "offline" },
  ];
  const found = findingsOf({ ...calm, ...withAgents({ held }) });
  assert.deepEqual(
    found.map(({ subject, detail }) => `${subject}|${detail}`),
    [
      "|n2, n3: each was put offline by a person: its agent is upgraded once it is enabled, with: holdfast node enable NODE",
      "n1|it is in maintenance: its agent is upgraded when that ends",
    ],
  );
});

test("findingsOf() has first what blocks", () => {
  const found = findingsOf({
    ...calm,
    skew: ["old"],
    frozenBy: "ada",
    ...withServer({ clockOffMs: 9_000 }),
  });
  assert.deepEqual(
    found.map(({ level }) => level),
    ["blocks", "warns", "warns"],
  );
});
