/** What the store's records mean to the fleet: what it loads, what is news, and what is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseServiceId } from "../../../src/core/ids.ts";
import { instantMs } from "../../../src/core/time.ts";
import type { JsonValue, StoredEntry } from "../../../src/ports/store.ts";
import { FleetMirror } from "../../../src/runtime/fleet/fleet-mirror.ts";
import { Office, officeLoaded } from "../../../src/runtime/office.ts";
import { keys } from "../../../src/wire/records.ts";

function entry(key: string, value: JsonValue, revision = 7): StoredEntry {
  return { key, value, createRevision: revision, modRevision: revision, leaseId: undefined };
}

const nodeRecord = {
  version: 1,
  node: "n1",
  type: "device",
  properties: { zone: "a", architecture: "x64" },
  setProperties: { zone: "b", architecture: "arm64" },
  constraint: 'service == "process:web"',
  agentVersion: "1.2.3",
  registeredAtMs: 1,
  confirmedOffEpoch: 0,
};

test("a node has its agent's properties, those that people set, and the built-in ones of Holdfast", () => {
  const [event] = new FleetMirror().load(entry(`${keys.nodes}n1`, nodeRecord));
  assert(event?.kind === "fleet-node-changed");
  assert.deepEqual(event.node.properties, {
    zone: "b",
    architecture: "x64",
    node: "n1",
    agentVersion: "1.2.3",
  });
  assert.equal(event.node.constraint?.kind, "clause");
});

const instanceService = {
  version: 1,
  config: { id: "process:front@n1", process: { command: "/bin/web" } },
  removing: false,
  addedAtMs: 1,
  instance: { deployment: "front", release: { version: "1", inputsKey: "k" } },
};

test("only services of instances are the fleet's matter", () => {
  const mirror = new FleetMirror();
  const own = { ...instanceService, config: { ...instanceService.config, id: "process:web" } };
  const { instance: _none, ...ordinary } = own;
  assert.deepEqual(
    mirror.apply({ kind: "put", entry: entry(`${keys.services}process:web`, ordinary) }),
    [],
  );
  const key = `${keys.services}process:front@n1`;
  const [event] = mirror.apply({ kind: "put", entry: entry(key, instanceService, 21) });
  assert.partialDeepStrictEqual(event, {
    kind: "instance-service",
    service: { revision: 21, requested: "started", release: { version: "1" } },
  });
  const service = parseServiceId("process:front@n1");
  assert(service.ok);
  assert.equal(mirror.service(service.value)?.revision, 21);
  const [gone] = mirror.apply({ kind: "delete", key, previous: instanceService });
  assert.equal(gone?.kind, "instance-service-removed");
  assert.equal(mirror.service(service.value), undefined);
});

test("an epoch was raised by fencing when no agent was granted it", () => {
  const mirror = new FleetMirror();
  const key = `${keys.epochs}n1`;
  const raised = mirror.load(entry(key, { version: 1, epoch: 2 }));
  const granted = mirror.load(entry(key, { version: 1, epoch: 3, incarnation: "x" }));
  assert.deepEqual(
    [...raised, ...granted].map((event) => event.kind === "fleet-epoch" && event.fenced),
    [true, false],
  );
});

test("what only the manager writes is told while loading, and is no news afterwards", () => {
  const slot = {
    version: 1,
    group: "g",
    node: "n1",
    use: { kind: "agent", policy: "p", from: "1", to: "2" },
    sinceMs: 5,
  };
  const mirror = new FleetMirror();
  const stored = entry(`${keys.upgradeSlots}g`, slot);
  assert.equal(mirror.load(stored)[0]?.kind, "slot-loaded");
  assert.deepEqual(mirror.apply({ kind: "put", entry: stored }), []);
  assert.equal(mirror.slot("g")?.value.node, "n1");
});

test("a bundle is a package of Holdfast only when the cluster's authority vouches for it", () => {
  const mirror = new FleetMirror();
  const sha256 = "0".repeat(64);
  const bundle = { version: 1, sha256, name: "h.tgz", sizeBytes: 1, by: "admin", atMs: 1 };
  const contents = { package: { version: "2.0.0" } };
  const key = `${keys.bundles}${sha256}`;
  assert.deepEqual(mirror.load(entry(key, bundle)), []);
  assert.deepEqual(mirror.load(entry(key, { ...bundle, ...contents })), []);
  const [event] = mirror.load(entry(key, { ...bundle, ...contents, signature: "s" }));
  assert.equal(event?.kind, "package-added");
});

test("an office decides nothing before all is loaded, then both of its machines do", () => {
  const office = new Office({ uidPrefix: "1" });
  const { constraint: _none, ...anyService } = nodeRecord;
  const now = instantMs(1_000);
  const records = [
    entry(`${keys.nodes}n1`, anyService),
    entry(`${keys.epochs}n1`, { version: 1, epoch: 1, incarnation: "x" }),
    entry(`${keys.leases}n1`, { version: 1, epoch: 1, leaseId: "l", incarnation: "x" }),
    entry(`${keys.definitions}process:web/1`, {
      version: 1,
      definition: { service: "process:web", version: "1", process: { command: "/bin/web" } },
      by: "admin",
      addedAtMs: 1,
    }),
    entry(`${keys.deployments}front`, {
      version: 1,
      deployment: { name: "front", service: "process:web", versions: [{ version: "1" }] },
      generation: 1,
      inputsKey: "k",
      by: "admin",
      addedAtMs: 1,
      removing: false,
    }),
  ];
  const before = records.flatMap((record) => office.step(office.load(record), now).effects);
  assert.deepEqual(before, []);
  const kinds = office.step(officeLoaded, now).effects.map(({ kind }) => kind);
  assert(kinds.includes("put-node-state"), "the manager has seen the node");
  assert(kinds.includes("fleet"), "the fleet installs the instance");
});
