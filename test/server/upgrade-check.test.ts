/** What `upgrade check` reads out of the tables: about agents and those who hold them back, and about services. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentCheckFacts } from "../../src/core/upgrade/agent-findings.ts";
import type { JsonValue } from "../../src/ports/store.ts";
import { jsonOf } from "../../src/runtime/manager-records.ts";
import { mayPass } from "../../src/server/upgrade/acts.ts";
import { boundIn } from "../../src/server/upgrade/bound.ts";
import { agentCheckFacts } from "../../src/server/upgrade/check-agents.ts";
import { stuckIn, transientsIn } from "../../src/server/upgrade/transients.ts";
import { createTables, type WritableTables } from "../../src/server/view/view-tables.ts";
import { type PolicyConfig, policySchema } from "../../src/wire/fleet/policies.ts";
import { keys } from "../../src/wire/records.ts";

type Entries = Readonly<Record<string, JsonValue>>;

const nowMs = 1_000_000;

function tablesOf(...entries: readonly Entries[]): WritableTables {
  const tables = createTables();
  for (const [key, value] of entries.flatMap((some) => Object.entries(some))) {
    tables.put({ key, value, createRevision: 1, modRevision: 1, leaseId: undefined });
  }
  return tables;
}

/** A node that is there, with an agent of 0.1.0. */
function node(name: string, change: Readonly<Record<string, JsonValue>> = {}): Entries {
  const record = {
    ...{
      version: 1,
      node: name,
      type: "device",
      properties: { zone: name },
      agentVersion: "0.1.0",
    },
    ...{ registeredAtMs: 1, confirmedOffEpoch: 0, ...change },
  };
  return { [`${keys.nodes}${name}`]: record, [`${keys.leases}${name}`]: lease };
}

const lease = { version: 1, epoch: 1, leaseId: "l", incarnation: "i" };

function away(name: string, change: Readonly<Record<string, JsonValue>> = {}): Entries {
  const { [`${keys.leases}${name}`]: _, ...rest } = node(name, change);
  return rest;
}

function policy(name: string, change: Partial<PolicyConfig> = {}): Entries {
  const config = policySchema.parse({ name, agentVersion: "0.1.0", ...change });
  const record = { version: 1, policy: config, generation: 1, startAtMs: 0, by: "ada" };
  return { [`${keys.policies}${name}`]: jsonOf({ ...record, addedAtMs: 0 }) };
}

function bundle(version: string, signature: string | undefined): Entries {
  const sha256 = version.replace(/\D/g, "").padStart(64, "a");
  const about = { version: 1, sha256, name: `holdfast-${version}.tgz`, sizeBytes: 1, by: "ada" };
  const record = { ...about, atMs: 1, package: { version }, signature };
  return { [`${keys.bundles}${sha256}`]: jsonOf(record) };
}

const kept: Entries = { ...bundle("0.1.0", "s"), ...bundle("0.2.0", "s") };
const disarmed: Entries = {
  [keys.arming]: { version: 1, mode: "ignore", by: "ada", sinceMs: 1 },
};
const nothing: AgentCheckFacts = {
  wayBackMissing: undefined,
  held: [],
  policies: [],
  leftBehind: { there: undefined, away: undefined },
  isDisarmed: false,
};

/** A word for the case, what is in the store, and what differs from nothing at all. */
const agentCases: readonly (readonly [string, readonly Entries[], Partial<AgentCheckFacts>])[] = [
  ["no node", [], {}],
  ["a node that is there", [kept, node("n1")], {}],
  ["one that has the version already", [node("n1", { agentVersion: "0.2.0" }), disarmed], {}],
  ["one that a person has made newer", [node("n1", { agentVersion: "0.2.1" })], {}],
  ["one that stands for another cluster", [node("n1", { type: "cluster" })], {}],
  ["no package of before", [bundle("0.2.0", "s"), node("n1")], { wayBackMissing: "0.1.0" }],
  [
    "a package of before that nobody has signed",
    [bundle("0.2.0", "s"), bundle("0.1.0", undefined), node("n1")],
    { wayBackMissing: "0.1.0" },
  ],
  [
    "nodes that are held back, in order of name",
    [
      kept,
      node("n3", { maintenance: true }),
      away("n2"),
      node("n1", { mode: "offline" }),
      node("n4", { mode: "disabled" }),
      node("n5", { mode: "flushed" }),
    ],
    {
      held: [
        { node: "n1", because: "offline" },
        { node: "n2", because: "away" },
        { node: "n3", because: "maintenance" },
      ],
    },
  ],
  ["a cluster that is disarmed", [kept, node("n1"), disarmed], { isDisarmed: true }],
  [
    "a policy that goes first, for the nodes that it chooses",
    [kept, node("n1"), node("n2"), policy("a", { constraint: "zone == n2" })],
    { policies: [{ name: "a", wants: "0.1.0", nodes: ["n2"] }] },
  ],
  [
    "two that go first: the first one counts",
    [kept, node("n1"), node("n2"), policy("b"), policy("a", { constraint: "zone == n2" })],
    {
      policies: [
        { name: "b", wants: "0.1.0", nodes: ["n1"] },
        { name: "a", wants: "0.1.0", nodes: ["n2"] },
      ],
    },
  ],
  ["one that goes later", [kept, node("n1"), policy("later")], {}],
  ["the upgrade's own", [kept, node("n1"), policy("control-plane-upgrade")], {}],
  ["one that is switched off", [kept, node("n1"), policy("a", { enabled: false })], {}],
  ["one that wants the same", [kept, node("n1"), policy("a", { agentVersion: "0.2.0" })], {}],
  ["one that wants the latest", [kept, node("n1"), policy("a", { agentVersion: "latest" })], {}],
  [
    "one that wants the same, and whose time is over",
    [kept, node("n1"), policy("a", { agentVersion: "0.2.0", windowMs: 1_000 })],
    { policies: [{ name: "a", wants: "0.2.0", nodes: ["n1"] }] },
  ],
  [
    "one that wants the latest, which is another one",
    [kept, bundle("0.2.1", "s"), node("n1"), policy("a", { agentVersion: "latest" })],
    { policies: [{ name: "a", wants: "0.2.1", nodes: ["n1"] }] },
  ],
];

for (const [words, entries, found] of agentCases) {
  test(`agentCheckFacts(): ${words}`, () => {
    const servers = [{ name: "s1", version: "0.1.0" }];
    const way = { from: "0.1.0", to: "0.2.0", servers, nowMs };
    assert.deepEqual(agentCheckFacts(tablesOf(...entries), way), { ...nothing, ...found });
  });
}

test("agentCheckFacts() tells agents that are too old and there from those that are away", () => {
  const tables = tablesOf(
    kept,
    node("n1", { agentVersion: "0.0.9" }),
    away("n2", { agentVersion: "0.0.9" }),
  );
  const servers = [{ name: "s1", version: "0.1.0" }];
  const { leftBehind } = agentCheckFacts(tables, { from: "0.1.0", to: "0.2.0", servers, nowMs });
  assert.match(leftBehind.there ?? "", /^the agent of n1 /);
  assert.match(leftBehind.away ?? "", /^the agent of n2 /);
});

test("agentCheckFacts() asks nothing about policies and versions before a version is named", () => {
  const tables = tablesOf(kept, node("n1", { agentVersion: "0.0.9" }), policy("a"));
  const way = { from: "0.1.0", to: undefined, servers: [{ name: "s1", version: "0.1.0" }], nowMs };
  assert.deepEqual(agentCheckFacts(tables, way), nothing);
});

function service(name: string, change: Readonly<Record<string, JsonValue>> = {}): Entries {
  const id = `process:${name}`;
  const config = { id, state: "started", process: { command: "/bin/true", arguments: [] } };
  const status = {
    ...{ version: 1, service: id, state: "started", uid: "u", node: "n1", nodeEpoch: 1 },
    ...{ survivesIsolation: false, mayOutliveLease: false, failedNodes: [], sinceMs: 1 },
    ...{ reason: { code: "ignored" }, ...change },
  };
  return {
    [`${keys.services}${id}`]: { version: 1, config, removing: false, addedAtMs: 1 },
    [`${keys.statuses}${id}`]: status,
  };
}

test("stuckIn() has what waits for a person, the longest first, and transientsIn() does not", () => {
  const tables = tablesOf(
    service("a"),
    service("b", { state: "error", sinceMs: 9 }),
    service("c", { state: "error", sinceMs: 5 }),
    service("d", { state: "request_stop" }),
  );
  assert.deepEqual(stuckIn(tables), [
    { subject: "process:c", state: "error", sinceMs: 5 },
    { subject: "process:b", state: "error", sinceMs: 9 },
  ]);
  assert.deepEqual(
    transientsIn(tables).map(({ subject }) => subject),
    ["process:d"],
  );
});

test("boundIn() has those that run together with a service whose volumes bind it", () => {
  const rule = {
    ...{ name: "together", type: "resource-affinity", affinity: "positive" },
    services: ["process:a", "process:b"],
  };
  const tables = tablesOf(
    node("n1"),
    node("n2"),
    service("a", { boundTo: "n1" }),
    service("b"),
    service("c"),
    { [`${keys.rules}together`]: { version: 1, rule } },
  );
  assert.deepEqual(boundIn(tables), [
    { service: "process:a", because: "its volumes are on node n1" },
    {
      service: "process:b",
      because: "it runs together with process:a, whose volumes are on node n1",
    },
  ]);
});

test("boundIn() looks at no node for a rule that forbids none", () => {
  const prefers = {
    ...{ name: "prefers", type: "node-affinity", strict: false },
    ...{ services: ["process:a"], nodes: [{ node: "n1", priority: 1 }] },
  };
  const tables = tablesOf(node("n1"), node("n2"), service("a"), {
    [`${keys.rules}prefers`]: { version: 1, rule: prefers },
  });
  assert.deepEqual(boundIn(tables), []);
  const strict = { ...prefers, strict: true };
  const key = `${keys.rules}prefers`;
  const value = { version: 1, rule: strict };
  tables.put({ key, value, createRevision: 1, modRevision: 2, leaseId: undefined });
  assert.deepEqual(boundIn(tables), [
    { service: "process:a", because: "prefers leaves it no other node that is online" },
  ]);
});

const passing: readonly (readonly [readonly string[], boolean])[] = [
  [["server-not-well", "server-behind"], true],
  [["launcher-lost"], true],
  [["launcher"], false],
  [["launcher-lost", "frozen"], false],
];

for (const [codes, expected] of passing) {
  test(`an upgrade's check ${expected ? "waits a while" : "fails at once"} for ${codes.join(" and ")}`, () => {
    assert.equal(mayPass(codes.map((code) => ({ code }))), expected);
  });
}
