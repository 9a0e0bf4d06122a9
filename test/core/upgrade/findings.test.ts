/** Everything that may speak against an upgrade, each as a line: what blocks, what warns, and what says nothing. */
import assert from "node:assert/strict";
import test from "node:test";
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
  certificateLeftMs: 300 * 24 * hourMs,
};
const calm: CheckFacts = {
  servers: [well, { ...well, name: "s2" }, { ...well, name: "s3" }],
  neededBytes: 2 ** 29,
  transients: [],
  groups: [{ name: "cameras", memberCount: 3, healthyCount: 3 }],
  bound: [],
  skew: [],
  frozenBy: undefined,
  noWay: undefined,
  stopsAll: undefined,
};

test("findingsOf() finds nothing where all is well", () => {
  assert.deepEqual(findingsOf(calm), []);
  const silent = { clockOffMs: undefined, diskFreeBytes: undefined, certificateLeftMs: undefined };
  assert.deepEqual(findingsOf({ ...calm, servers: [{ ...well, ...silent }] }), []);
});

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
      "two versions",
      withServer({ version: "0.2.0" }),
      "blocks",
      "versions",
      "",
      /0\.1\.0 and 0\.2\.0/,
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
      /nowhere else.*n1/,
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

test("findingsOf() says nothing of groups that have nobody, or all that they have", () => {
  const groups = [
    { name: "empty", memberCount: 0, healthyCount: 0 },
    { name: "single", memberCount: 1, healthyCount: 1 },
    { name: "pair", memberCount: 2, healthyCount: 2 },
  ];
  assert.deepEqual(findingsOf({ ...calm, groups }), []);
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
