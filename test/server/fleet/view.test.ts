/** What people see of instances and rollouts, from records as the manager writes them. */
import assert from "node:assert/strict";
import test from "node:test";
import { parseNodeId, parseServiceId } from "../../../src/core/ids.ts";
import type { JsonValue } from "../../../src/ports/store.ts";
import {
  deploymentResource,
  rolloutResources,
} from "../../../src/server/view/fleet/deployment-resource.ts";
import { fleetBeginning, fleetMessages } from "../../../src/server/view/fleet/fleet-messages.ts";
import { instanceResource } from "../../../src/server/view/fleet/instance-resource.ts";
import { createTables, type WritableTables } from "../../../src/server/view/view-tables.ts";

const release = { version: "1", inputsKey: "k" };
const node = parsedValue(parseNodeId("n1"));
const service = parsedValue(parseServiceId("process:web@n1"));
let revision = 0;

function parsedValue<T>(
  parsed: { readonly ok: true; readonly value: T } | { readonly ok: false },
): T {
  assert.ok(parsed.ok);
  return parsed.value;
}

function put(tables: WritableTables, key: string, value: JsonValue): void {
  revision += 1;
  const entry = { key, value, createRevision: revision, modRevision: revision };
  tables.put({ ...entry, leaseId: undefined });
}

function instanceRecord(more: Record<string, JsonValue> = {}): JsonValue {
  return {
    ...{ version: 1, deployment: "web", node: "n1", service, phase: "running", release },
    ...{
      rollout: 1,
      failedAttempts: 0,
      attemptSinceMs: 0,
      givenUp: [],
      isVerified: true,
      wasHealthy: true,
    },
    ...more,
  };
}

function rolloutRecord(more: Record<string, JsonValue> = {}): JsonValue {
  return {
    ...{ version: 1, deployment: "web", number: 2, generation: 2, state: "running" },
    ...{ to: { version: "2", inputsKey: "k" }, because: "", startedAtMs: 5 },
    ...{ total: 3, done: 1, failed: 0, offline: 0, withheld: [] },
    ...more,
  };
}

/** A deployment with an instance on n1 that runs, and is healthy. */
function running(more: Record<string, JsonValue> = {}): WritableTables {
  const tables = createTables();
  put(tables, "nodes/n1", {
    ...{ version: 1, node: "n1", type: "device", properties: {}, agentVersion: "1" },
    ...{ registeredAtMs: 0, confirmedOffEpoch: 0 },
  });
  put(tables, "leases/n1", { version: 1, epoch: 3, leaseId: "1", incarnation: "incarnation" });
  put(tables, "deployments/web", {
    ...{ version: 1, generation: 2, inputsKey: "k", by: "me", addedAtMs: 0, removing: false },
    deployment: { name: "web", service: "process:web", versions: [{ version: "2" }] },
  });
  put(tables, `services/${service}`, {
    ...{ version: 1, removing: false, addedAtMs: 0 },
    config: { id: service },
  });
  put(tables, `statuses/${service}`, {
    ...{ version: 1, service, state: "started", uid: "u", node: "n1", nodeEpoch: 3 },
    ...{ failedNodes: [], sinceMs: 0, reason: { code: "added" } },
  });
  report(tables, {});
  put(tables, "instances/web/n1", instanceRecord(more));
  return tables;
}

function report(tables: WritableTables, more: Record<string, JsonValue>): void {
  put(tables, `reports/${service}`, {
    ...{ version: 1, service, node: "n1", epoch: 3, uid: "u", result: "running", detail: "" },
    ...{ health: "healthy", stable: true, configRevision: revision, atMs: 0, ...more },
  });
}

test("an instance is healthy by its agent's word of this lease, about this content, and no other", () => {
  const cases: readonly (readonly [string, Record<string, JsonValue>, boolean])[] = [
    ["as it is", {}, true],
    ["without a health check", { health: "none" }, true],
    ["starting", { health: "starting" }, false],
    ["of an earlier lease", { epoch: 2 }, false],
    ["about earlier content", { configRevision: 1 }, false],
    ["about an earlier instruction", { uid: "before" }, false],
    ["failed", { result: "failed" }, false],
  ];
  for (const [what, more, isHealthy] of cases) {
    const tables = running();
    report(tables, more);
    const resource = instanceResource(tables, "web", node);
    assert.equal(resource?.isHealthy, isHealthy, what);
    const counts = deploymentResource(tables, "web")?.instances;
    const expected = isHealthy ? { healthy: 1, changing: 0 } : { healthy: 0, changing: 1 };
    assert.deepEqual(counts, { ...expected, failed: 0, offline: 0 }, what);
  }
});

test("an instance says what keeps it from being as it is to be", () => {
  const to = { version: "2", inputsKey: "k" };
  const upgrade = { rollout: 2, from: release, to, sinceMs: 7 };
  const gaveUp = [{ release: to, because: "it ended with code 1", atMs: 9, under: "1" }];
  const slot = {
    ...{ version: 1, group: "pair", node: "n2", sinceMs: 0 },
    use: { kind: "service", deployment: "web", from: "1", to: "2" },
  };
  const cases: readonly (readonly [
    string,
    Record<string, JsonValue>,
    readonly (readonly [string, JsonValue])[],
    RegExp | undefined,
  ])[] = [
    ["nothing", {}, [], undefined],
    ["its turn", {}, [["rollouts/web/0000000002", rolloutRecord()]], /version 2: its turn comes/],
    [
      "a paused rollout",
      {},
      [["rollouts/web/0000000002", rolloutRecord({ state: "paused", because: "bob paused it" })]],
      /version 2: rollout 2 is paused/,
    ],
    [
      "a rollout that is over",
      {},
      [["rollouts/web/0000000002", rolloutRecord({ state: "superseded" })]],
      undefined,
    ],
    [
      "the slot of its group",
      {},
      [
        ["rollouts/web/0000000002", rolloutRecord()],
        ["ha-members/n1", { version: 1, group: "pair" }],
        ["upgrade-slots/pair", slot],
      ],
      /version 2: .*slot of HA group "pair".*"n2"/,
    ],
    ["its upgrade", { phase: "upgrading", upgrade }, [], /from version 1 to/],
    ["its removal", { phase: "removing" }, [], /being stopped/],
    ["a person", { phase: "failed", givenUp: gaveUp }, [], /no version.*it ended with code 1/],
    [
      "nothing more of what it gave up",
      { givenUp: gaveUp },
      [["rollouts/web/0000000002", rolloutRecord()]],
      undefined,
    ],
  ];
  for (const [what, more, records, pattern] of cases) {
    const tables = running(more);
    for (const [key, value] of records) put(tables, key, value);
    const { because } = instanceResource(tables, "web", node) ?? {};
    if (pattern === undefined) assert.equal(because, undefined, what);
    else assert.match(because ?? "", pattern, what);
  }
  const tables = running();
  tables.delete("leases/n1");
  assert.match(instanceResource(tables, "web", node)?.because ?? "", /node "n1" to come back/);
  assert.equal(deploymentResource(tables, "web")?.instances.offline, 1);
});

test("an instance under an upgrade shows from what to what, and whether its node holds the slot", () => {
  const upgrade = { rollout: 2, from: release, to: { version: "2", inputsKey: "k" }, sinceMs: 7 };
  const tables = running({ phase: "upgrading", upgrade });
  put(tables, "ha-members/n1", { version: 1, group: "pair" });
  put(tables, "upgrade-slots/pair", {
    ...{ version: 1, group: "pair", node: "n1", sinceMs: 0 },
    use: { kind: "service", deployment: "web", from: "1", to: "2" },
  });
  const resource = instanceResource(tables, "web", node);
  assert.deepEqual(resource?.upgrade, { from: "1", to: "2", sinceMs: 7, goesBack: false });
  assert.deepEqual([resource?.haGroup, resource?.holdsSlot], ["pair", true]);
});

test("rollouts are told newest first, and are gone when their records are", () => {
  const tables = running();
  const key = (number: number): string => `rollouts/web/${String(number).padStart(10, "0")}`;
  for (const number of [2, 10, 9]) put(tables, key(number), rolloutRecord({ number }));
  put(tables, "rollouts/other/0000000001", rolloutRecord({ deployment: "other", number: 1 }));
  const numbers = rolloutResources(tables, "web").map(({ number }) => number);
  assert.deepEqual(numbers, [10, 9, 2]);
  assert.equal(deploymentResource(tables, "web")?.rollout?.number, 10);
  tables.delete(key(10));
  assert.equal(deploymentResource(tables, "web")?.rollout?.number, 9);
});

test("a watch begins with all, and tells an instance whatever of it changed", () => {
  const tables = running();
  put(tables, "rollouts/web/0000000002", rolloutRecord());
  const all = fleetBeginning(tables, new Set(["deployment", "rollout", "instance"]));
  assert.deepEqual(
    all.map(({ event }) => event),
    ["deployment", "rollout", "instance"],
  );
  const told = (services: readonly (typeof service)[], changedKeys: readonly string[]) =>
    fleetMessages(tables, { services: new Set(services), changedKeys }).map(
      ({ event, data }) => `${event} ${JSON.stringify(data).slice(0, 24)}`,
    );
  const instance = ['instance {"id":"web/n1","service"'];
  assert.deepEqual(told([service], []), instance, "its status or its agent's word");
  assert.deepEqual(told([], ["leases/n1"]), instance, "its node");
  assert.deepEqual(told([service], ["instances/web/n1", "leases/n1"]), instance, "told once");
  tables.delete("instances/web/n1");
  tables.delete("rollouts/web/0000000002");
  assert.deepEqual(told([], ["instances/web/n1"]), ['instance-deleted {"id":"web/n1"}']);
  assert.deepEqual(told([], ["rollouts/web/0000000002"]), ['rollout-deleted {"id":"web/2"}']);
  assert.deepEqual(told([], ["deployment-inputs/web/k"]), [], "of no concern to people");
});
