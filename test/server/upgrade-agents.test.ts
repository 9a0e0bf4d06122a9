/** What an upgrade knows of agents, and what it asks of them: whom it waits for, who follows later, and by whose word. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentFacts } from "../../src/core/upgrade/facts.ts";
import type { JsonValue } from "../../src/ports/store.ts";
import {
  agentsOf,
  askAgents,
  holdAgents,
  upgradePolicyName,
} from "../../src/server/upgrade/agents.ts";
import { createTables, type WritableTables } from "../../src/server/view/view-tables.ts";
import { upgradeRecordSchema } from "../../src/wire/control-plane/upgrades.ts";
import { policyRecordSchema } from "../../src/wire/fleet/policies.ts";
import { keys } from "../../src/wire/records.ts";
import { upgradeRecord } from "./schema/support/waiting.ts";

const [from, to] = ["0.1.0", "0.2.0"] as const;
const nowMs = 10_000_000;
const running = { state: "running", from, to: { version: to } } as const;
const aborting = { ...running, state: "aborting" } as const;

type Entries = Readonly<Record<string, JsonValue>>;

function tablesOf(entries: Entries): WritableTables {
  const tables = createTables();
  for (const [key, value] of Object.entries(entries)) {
    tables.put({ key, value, createRevision: 1, modRevision: 1, leaseId: undefined });
  }
  return tables;
}

function node(name: string, agentVersion: string, more: object = {}): Entries {
  const fixed = { version: 1, type: "device", properties: {}, registeredAtMs: 0 };
  const record = { ...fixed, node: name, agentVersion, confirmedOffEpoch: 0, ...more };
  const lease = { version: 1, epoch: 1, leaseId: "l", incarnation: "i" };
  return { [`${keys.nodes}${name}`]: record, [`${keys.leases}${name}`]: lease };
}

function away(name: string, agentVersion: string): Entries {
  const { [`${keys.nodes}${name}`]: record = null } = node(name, agentVersion);
  return { [`${keys.nodes}${name}`]: record };
}

function policy(name: string, agentVersion: string, more: object = {}): Entries {
  const fixed = { version: 1, generation: 1, startAtMs: 0, by: "ada", addedAtMs: 0 };
  return { [`${keys.policies}${name}`]: { ...fixed, policy: { name, agentVersion }, ...more } };
}

function upgrading(name: string, more: object): Entries {
  const fixed = { version: 1, node: name, policy: upgradePolicyName, generation: 1, id: "1" };
  const times = { healthyWithinMs: 1, sinceMs: 0 };
  const record = { ...fixed, ...times, from, to, order: "none", detail: "", ...more };
  return { [`${keys.agentUpgrades}${name}`]: record };
}

const sha256 = "a".repeat(64);
const kept: Entries = {
  [`${keys.bundles}${sha256}`]: {
    ...{ version: 1, sha256, name: "holdfast.tgz", sizeBytes: 1, by: "ada", atMs: 0 },
    ...{ package: { version: to }, signature: "signed" },
  },
};
const ours = policy(upgradePolicyName, to, { order: "u1/1/0.2.0" });

/** What is in the tables beside the package and the upgrade's own policy, and what is known then. */
const cases: readonly [words: string, entries: Entries, wanted: Partial<AgentFacts>][] = [
  ["nothing is there", {}, { order: "u1/1/0.2.0", isHeld: false, total: 0, there: 0 }],
  ["one is there, one waits", { ...node("n1", to), ...node("n2", from) }, { total: 2, there: 1 }],
  ["one that a person made newer is there", node("n1", "0.3.0"), { total: 1, there: 1, later: [] }],
  [
    "what others wait for is said",
    {
      ...node("n1", from),
      ...upgrading("n1", { state: "waiting", detail: "the cluster is frozen" }),
    },
    { total: 1, there: 0, waits: ["n1: the cluster is frozen"] },
  ],
  [
    "one is at it",
    { ...node("n1", from), ...upgrading("n1", { state: "initiated", order: "install" }) },
    { total: 1, there: 0, underWay: 1, waits: [] },
  ],
  [
    "one has failed",
    { ...node("n1", from), ...upgrading("n1", { state: "failed", detail: "no room" }) },
    { total: 1, there: 0, failed: ["n1: no room"] },
  ],
  [
    "what failed under an earlier order is past",
    {
      ...node("n1", from),
      ...upgrading("n1", { state: "failed", detail: "no room", generation: 0 }),
    },
    { total: 1, failed: [] },
  ],
  [
    "a failure is not hidden by a policy that goes first",
    {
      ...node("n1", from),
      ...upgrading("n1", { state: "failed", detail: "no room" }),
      ...policy("a-fleet", from),
    },
    { total: 1, failed: ["n1: no room"], later: [] },
  ],
  [
    "one that only waits for its turn is not at it",
    { ...node("n1", from), ...upgrading("n1", { state: "downloaded", order: "fetch" }) },
    { total: 1, underWay: 0 },
  ],
  [
    "what failed under another version is past",
    { ...node("n1", from), ...upgrading("n1", { state: "failed", to: "0.1.9" }) },
    { total: 1, failed: [] },
  ],
  [
    "one in maintenance follows later",
    node("n1", from, { maintenance: true }),
    { total: 0, later: ["n1 (it is in maintenance)"] },
  ],
  [
    "one that a person has put offline follows later",
    node("n1", from, { mode: "offline" }),
    { total: 0, later: ["n1 (a person has put it offline)"] },
  ],
  ["a closed one is upgraded like any other", node("n1", from, { mode: "disabled" }), { total: 1 }],
  ["one that is away follows later", away("n1", from), { total: 0, later: ["n1 (it is away)"] }],
  [
    "one that a person's own policy rules is left to that",
    { ...node("n1", from), ...policy("a-fleet", from) },
    { total: 0, later: ['n1 (policy "a-fleet" goes first)'] },
  ],
  [
    "a policy that comes after ours, or is switched off, does not count",
    {
      ...node("n1", from),
      ...policy("zoo", from),
      ...policy("a-fleet", from, {
        policy: { name: "a-fleet", agentVersion: from, enabled: false },
      }),
    },
    { total: 1, later: [] },
  ],
];

for (const [words, entries, wanted] of cases) {
  test(`agentsOf(): ${words}`, () => {
    const known = agentsOf(tablesOf({ ...kept, ...ours, ...entries }), running, nowMs);
    assert.deepEqual({ ...known, ...wanted }, known);
  });
}

test("agentsOf(): without a signed package of it nobody can become it", () => {
  const known = agentsOf(tablesOf({ ...ours, ...node("n1", from) }), running, nowMs);
  assert.deepEqual(known.failed, ["n1: no server keeps the package of holdfast 0.2.0"]);
});

test("agentsOf(): on the way back a newer agent is waited for, whatever holds it, unless it is away", () => {
  const entries = {
    ...kept,
    ...node("n1", to, { maintenance: true }),
    ...node("n2", from),
    ...away("n3", to),
  };
  const known = agentsOf(tablesOf(entries), aborting, nowMs);
  assert.deepEqual([known.total, known.there, known.later], [2, 1, ["n3 (it is away)"]]);
});

test("agentsOf(): an upgrade to an older version makes newer agents older", () => {
  const older = { state: "running", from: to, to: { version: from } } as const;
  const known = agentsOf(
    tablesOf({ ...kept, ...node("n1", to), ...node("n2", from) }),
    older,
    nowMs,
  );
  assert.deepEqual([known.total, known.there], [2, 1]);
});

test("the policy carries its order, is switched off by what fails, and lets nobody be made older but on the way back", () => {
  const upgrade = {
    ...upgradeRecordSchema.parse(upgradeRecord("running")),
    from,
    to: { version: to, sha256 },
  };
  const written = (version: string) => {
    const { operations } = askAgents(tablesOf({}), upgrade, { version, order: "o1", nowMs });
    const [put] = operations;
    assert.ok(put?.kind === "put");
    return policyRecordSchema.parse(put.value);
  };
  const forth = written(to);
  assert.deepEqual(
    [forth.order, forth.policy.allowDowngrade, forth.policy.enabled],
    ["o1", false, true],
  );
  assert.equal(written(from).policy.allowDowngrade, true);
  const [held] = holdAgents(tablesOf(ours), nowMs).operations;
  assert.ok(held?.kind === "put");
  const off = policyRecordSchema.parse(held.value);
  assert.deepEqual([off.policy.enabled, off.order, off.generation], [true, "u1/1/0.2.0", 1]);
  const isOver = off.startAtMs + (off.policy.windowMs ?? Number.POSITIVE_INFINITY) <= nowMs;
  assert.ok(isOver, "it still counts before other policies, and begins nothing");
});
