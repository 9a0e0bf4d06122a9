/** What stored records mean to the manager: while loading, when they change, and when they go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultSettings } from "../../src/core/model/settings.ts";
import type { JsonValue, StoredEntry } from "../../src/ports/store.ts";
import { createManagerMirror, managerPrefixes } from "../../src/runtime/manager-mirror.ts";
import { keys } from "../../src/wire/records.ts";

function entryOf(key: string, value: JsonValue): StoredEntry {
  return { key, value, createRevision: 1, modRevision: 1, leaseId: undefined };
}

interface Case {
  readonly name: string;
  readonly key: string;
  readonly value: JsonValue;
  readonly put: unknown;
  /** Undefined: nothing is told. */
  readonly deleted: unknown;
}

const group = {
  name: "left",
  nodes: [{ node: "node1", priority: 2 }],
  restricted: true,
  nofailback: false,
};

const cases: readonly Case[] = [
  {
    name: "a group",
    key: "groups/left",
    value: { version: 1, group },
    put: { kind: "group-changed", group },
    deleted: { kind: "group-removed", name: "left" },
  },
  {
    name: "a node-affinity rule",
    key: "rules/place",
    value: {
      version: 1,
      rule: {
        type: "node-affinity",
        name: "place",
        services: ["vm:101"],
        nodes: [{ node: "node1" }],
        strict: true,
      },
    },
    put: {
      kind: "rule-changed",
      rule: {
        kind: "node-affinity",
        name: "place",
        services: ["vm:101"],
        nodes: [{ node: "node1", priority: 0 }],
        strict: true,
        disabled: false,
      },
    },
    deleted: { kind: "rule-removed", name: "place" },
  },
  {
    name: "a resource-affinity rule",
    key: "rules/apart",
    value: {
      version: 1,
      rule: {
        type: "resource-affinity",
        name: "apart",
        services: ["vm:101", "vm:102"],
        affinity: "negative",
        disabled: true,
      },
    },
    put: {
      kind: "rule-changed",
      rule: {
        kind: "resource-affinity",
        name: "apart",
        services: ["vm:101", "vm:102"],
        affinity: "negative",
        disabled: true,
      },
    },
    deleted: { kind: "rule-removed", name: "apart" },
  },
  {
    name: "disarming",
    key: keys.arming,
    value: { version: 1, mode: "freeze", by: "admin", sinceMs: 1 },
    put: { kind: "arming-changed", mode: "freeze" },
    deleted: { kind: "arming-changed", mode: "armed" },
  },
  {
    name: "an agent's mode",
    key: "agent-modes/node1",
    value: { version: 1, mode: "restart", epoch: 3 },
    put: { kind: "agent-mode", node: "node1", mode: "restart" },
    deleted: undefined,
  },
  {
    name: "what a service uses",
    key: "usages/vm:101",
    value: { version: 1, cpuCores: 1.5, memoryBytes: 1024 },
    put: { kind: "usage", service: "vm:101", use: { cpuCores: 1.5, memoryBytes: 1024 } },
    deleted: undefined,
  },
  {
    name: "a node as an older version has stored it",
    key: "nodes/node1",
    value: {
      version: 1,
      node: "node1",
      type: "device",
      properties: {},
      agentVersion: "0.1.0",
      registeredAtMs: 1,
      confirmedOffEpoch: 2,
    },
    put: {
      kind: "node-changed",
      node: {
        id: "node1",
        confirmedOffEpoch: 2,
        maintenance: false,
        mode: "enabled",
        capacity: undefined,
        taints: [],
      },
    },
    deleted: { kind: "node-removed", node: "node1" },
  },
  {
    name: "a service as an older version has stored it",
    key: "services/process:api",
    value: {
      version: 1,
      config: {
        id: "process:api",
        state: "started",
        maxRestart: 1,
        maxRelocate: 1,
        onIsolation: "stop",
        process: { command: "/bin/true" },
      },
      removing: false,
      addedAtMs: 1,
    },
    put: {
      kind: "service-changed",
      service: {
        id: "process:api",
        requested: "started",
        maxRestart: 1,
        maxRelocate: 1,
        onIsolation: "stop",
        home: undefined,
        removing: false,
        group: undefined,
        failback: true,
        autoRebalance: true,
        limits: undefined,
        mayOvercommit: false,
        after: [],
        requires: [],
        priority: 0,
        movesLive: false,
        tolerations: [],
        volumes: [],
      },
    },
    deleted: { kind: "service-removed", service: "process:api" },
  },
  {
    name: "a lease of a node that its watchdog resets",
    key: "leases/node1",
    value: { version: 1, epoch: 4, leaseId: "7", incarnation: "x", resetsOnLoss: true },
    put: { kind: "lease-granted", node: "node1", epoch: 4, resetsOnLoss: true },
    deleted: { kind: "lease-gone", node: "node1", epoch: 4 },
  },
  {
    name: "settings as an older version has stored them",
    key: "settings",
    value: { version: 1, settings: { profile: "balanced" } },
    put: { kind: "settings-changed", settings: defaultSettings },
    deleted: { kind: "settings-changed", settings: defaultSettings },
  },
];

for (const { name, key, value, put, deleted } of cases) {
  test(`the mirror tells of ${name} when it is loaded, changed and deleted`, () => {
    const mirror = createManagerMirror();
    const entry = entryOf(key, value);
    assert.deepEqual(mirror.load(entry), [put]);
    assert.deepEqual(mirror.apply({ kind: "put", entry }), [put]);
    const told = mirror.apply({ kind: "delete", key, previous: value });
    assert.deepEqual(told, deleted === undefined ? [] : [deleted]);
  });
}

test("a service of a type without driver is read, moves as it says, and keeps what is not known here", () => {
  const mirror = createManagerMirror();
  const config = { id: "vm:101", moveBy: "live", vm: { disk: "a" }, limits: { memoryBytes: 512 } };
  const value = { version: 1, config, removing: false, addedAtMs: 1 };
  const [event] = mirror.load(entryOf("services/vm:101", value));
  assert.ok(event?.kind === "service-changed");
  assert.equal(event.service.movesLive, true);
  assert.deepEqual(event.service.limits, { cpuCores: 0, memoryBytes: 512 });
  const id = event.service.id;
  assert.deepEqual(mirror.serviceOf(id)?.record.config["vm"], { disk: "a" });
});

test("a status keeps the way back from maintenance, suspension and locks", () => {
  const mirror = createManagerMirror();
  const value = {
    version: 1,
    service: "vm:101",
    state: "started",
    uid: "u1",
    node: "node2",
    nodeEpoch: 3,
    maintenanceNode: "node1",
    suspended: true,
    clearLocks: true,
    failedNodes: [],
    sinceMs: 5,
    reason: { code: "added" },
  };
  const [event] = mirror.load(entryOf("statuses/vm:101", value));
  assert.ok(event?.kind === "status-loaded" && event.status.state === "started");
  const { maintenanceNode, suspended, clearLocks } = event.status;
  assert.deepEqual([maintenanceNode, suspended, clearLocks], ["node1", true, true]);
});

test("no key is the beginning of another, so that each belongs to one kind of record", () => {
  const all = Object.values(keys);
  for (const one of all) {
    assert.deepEqual(
      all.filter((other) => other.startsWith(one)),
      [one],
    );
  }
});

test("what services rest on is loaded before them", () => {
  const place = (key: string): number => {
    assert.ok(managerPrefixes.includes(key), key);
    return managerPrefixes.indexOf(key);
  };
  for (const key of [keys.settings, keys.groups, keys.rules, keys.arming, keys.nodes]) {
    assert.ok(place(key) < place(keys.services), key);
  }
  assert.ok(place(keys.nodes) < place(keys.agentModes));
  assert.ok(place(keys.services) < place(keys.statuses));
});
