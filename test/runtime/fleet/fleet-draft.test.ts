/** What effects of the fleet become in the store: conditions, writes, and what may share a transaction. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetEffect, FleetWrite } from "../../../src/core/fleet/effect.ts";
import type { UpgradeSlot } from "../../../src/core/fleet/model/instance.ts";
import { epochOf, instanceIdOf, parseNodeId, parseServiceId } from "../../../src/core/ids.ts";
import { instantMs } from "../../../src/core/time.ts";
import type { JsonValue, StoredEntry } from "../../../src/ports/store.ts";
import { FleetMirror } from "../../../src/runtime/fleet/fleet-mirror.ts";
import { draftOf } from "../../../src/runtime/manager-draft.ts";
import { createManagerMirror } from "../../../src/runtime/manager-mirror.ts";
import { keys } from "../../../src/wire/records.ts";

const node = okOf(parseNodeId("n1"));
const other = okOf(parseNodeId("n2"));
const web = okOf(parseServiceId("process:web"));
const service = instanceIdOf("process", "front", node);
const release = { version: "1.0.0", inputsKey: "k" };
const now = instantMs(5_000);

function okOf<T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  assert(result.ok);
  return result.value;
}

function entry(key: string, value: JsonValue, revision = 7): StoredEntry {
  return { key, value, createRevision: revision, modRevision: revision, leaseId: undefined };
}

/** With a definition, a deployment and its inputs. */
function mirrorOf(...more: readonly StoredEntry[]): FleetMirror {
  const mirror = new FleetMirror();
  const definition = {
    service: web,
    version: "1.0.0",
    inputs: [
      { name: "PORT", type: "number" },
      { name: "MODE", default: "plain" },
    ],
    process: { command: "/bin/web", environment: { PORT: "1", HOME: "/" } },
  };
  const deployment = { name: "front", service: web, versions: [{ version: "1.0.0" }] };
  const common = { version: 1, by: "admin", addedAtMs: 1 };
  const records = [
    entry(`${keys.definitions}process:web/1.0.0`, { ...common, definition }, 3),
    entry(
      `${keys.deployments}front`,
      { ...common, deployment, generation: 1, inputsKey: "k", removing: false },
      4,
    ),
    entry(`${keys.deploymentInputs}front/k`, { version: 1, inputs: { PORT: 8_080 } }, 4),
    ...more,
  ];
  for (const record of records) mirror.load(record);
  return mirror;
}

function effectOf(...writes: readonly FleetWrite[]): FleetEffect {
  return { kind: "fleet", writes };
}

function draft(
  effects: readonly FleetEffect[],
  fleet: FleetMirror,
  epochs: readonly StoredEntry[] = [],
) {
  let sequence = 0;
  const mirror = createManagerMirror();
  for (const epoch of epochs) mirror.load(epoch);
  return draftOf(effects, {
    mirror,
    fleet,
    createRevision: 2,
    now,
    nextSequence: () => {
      sequence += 1;
      return sequence;
    },
  });
}

function slotOf(holder = node): UpgradeSlot {
  const use = { kind: "service", deployment: "front", from: "1", to: "2" } as const;
  return { group: "g", node: holder, use, sinceMs: now };
}

function memberEntry(of = node, group = "g"): StoredEntry {
  return entry(`${keys.haMembers}${of}`, { version: 1, group }, 5);
}

function slotEntry(holder = node): StoredEntry {
  return entry(`${keys.upgradeSlots}g`, { version: 1, ...slotOf(holder) }, 9);
}

const putService: FleetWrite = {
  kind: "put-service",
  deployment: "front",
  node,
  service,
  release,
  requested: "started",
};

test("put-service makes the record of definition and inputs, conditional on both", () => {
  const made = draft([effectOf(putService)], mirrorOf());
  assert(made.kind === "write");
  assert.deepEqual(made.txn.compare, [
    { kind: "created-at", key: keys.manager, revision: 2 },
    { kind: "absent", key: `${keys.services}${service}` },
    { kind: "modified-at", key: `${keys.definitions}process:web/1.0.0`, revision: 3 },
  ]);
  const [put] = made.txn.then;
  assert(put?.kind === "put" && put.key === `${keys.services}${service}`);
  assert.partialDeepStrictEqual(put.value, {
    addedAtMs: now,
    removing: false,
    instance: { deployment: "front", release },
    config: {
      id: "process:front@n1",
      state: "started",
      onIsolation: "keep",
      process: {
        command: "/bin/web",
        environment: { PORT: "8080", MODE: "plain", HOME: "/" },
      },
    },
  });
});

test("a release whose definition or inputs are gone is decided about anew", () => {
  for (const gone of [
    { version: "2.0.0", inputsKey: "k" },
    { version: "1.0.0", inputsKey: "other" },
  ]) {
    const made = draft([effectOf({ ...putService, release: gone })], mirrorOf());
    assert.equal(made.kind, "stale");
  }
});

test("take-slot is conditional on nobody holding it, and is not tried while the mirror shows a holder (S7)", () => {
  const take = effectOf({ kind: "take-slot", slot: slotOf(), members: [] });
  const made = draft([take], mirrorOf(memberEntry()));
  assert(made.kind === "write");
  assert.deepEqual(made.txn.compare.slice(-2), [
    { kind: "absent", key: `${keys.upgradeSlots}g` },
    { kind: "modified-at", key: `${keys.haMembers}${node}`, revision: 5 },
  ]);
  assert.equal(draft([take], mirrorOf(memberEntry(), slotEntry(other))).kind, "stale");
});

test("take-slot is conditional on its node being in the group still (S7)", () => {
  const take = effectOf({ kind: "take-slot", slot: slotOf(), members: [] });
  assert.equal(draft([take], mirrorOf()).kind, "stale");
  assert.equal(draft([take], mirrorOf(memberEntry(node, "h"))).kind, "stale");
});

test("take-slot is conditional on nobody of the others having come or gone (S7)", () => {
  const seen = { node: other, epoch: epochOf(3) };
  const take = effectOf({ kind: "take-slot", slot: slotOf(), members: [seen] });
  const epoch = (value: number) => entry(`${keys.epochs}${other}`, { version: 1, epoch: value });
  const made = draft([take], mirrorOf(memberEntry()), [epoch(3)]);
  assert(made.kind === "write");
  const key = `${keys.epochs}${other}`;
  assert.deepEqual(made.txn.compare.at(-1), { kind: "modified-at", key, revision: 7 });
  assert.equal(draft([take], mirrorOf(memberEntry()), [epoch(4)]).kind, "stale");
  assert.equal(draft([take], mirrorOf(memberEntry())).kind, "stale");
});

test("give-slot-back names the holder that it takes it from (S7)", () => {
  const back = effectOf({ kind: "give-slot-back", group: "g", node });
  const made = draft([back], mirrorOf(slotEntry()));
  assert(made.kind === "write");
  assert.deepEqual(made.txn.compare.at(-1), {
    kind: "modified-at",
    key: `${keys.upgradeSlots}g`,
    revision: 9,
  });
  assert.equal(draft([back], mirrorOf(slotEntry(other))).kind, "stale");
  assert.equal(draft([back], mirrorOf()).kind, "stale");
});

test("a slot that is given back and taken again needs two transactions", () => {
  const effects = [
    effectOf({ kind: "give-slot-back", group: "g", node }),
    effectOf({ kind: "take-slot", slot: slotOf(other), members: [] }),
  ];
  const mirror = mirrorOf(memberEntry(other), slotEntry());
  const first = draft(effects, mirror);
  assert(first.kind === "write");
  assert.equal(first.effectCount, 1);
  mirror.apply({
    kind: "delete",
    key: `${keys.upgradeSlots}g`,
    previous: slotEntry().value,
  });
  const second = draft(effects.slice(1), mirror);
  assert(second.kind === "write");
  assert.equal(second.effectCount, 1);
});

test("effects that rest on different things share a transaction", () => {
  const otherService = instanceIdOf("process", "front", other);
  const effects = [
    effectOf(putService),
    effectOf({ ...putService, node: other, service: otherService }),
  ];
  const made = draft(effects, mirrorOf());
  assert(made.kind === "write");
  assert.equal(made.effectCount, 2);
});

test("remove-service marks what is there, and does nothing about what is not", () => {
  const remove = effectOf({ kind: "remove-service", service });
  const record = {
    version: 1,
    config: { id: service, process: { command: "/bin/web" } },
    removing: false,
    addedAtMs: 1,
    instance: { deployment: "front", release },
  };
  const key = `${keys.services}${service}`;
  const made = draft([remove], mirrorOf(entry(key, record, 11)));
  assert(made.kind === "write");
  assert.deepEqual(made.txn.compare.at(-1), { kind: "modified-at", key, revision: 11 });
  const [put] = made.txn.then;
  assert(put?.kind === "put");
  assert.partialDeepStrictEqual(put.value, { removing: true, instance: { deployment: "front" } });
  const nothing = draft([remove], mirrorOf());
  assert(nothing.kind === "write");
  assert.deepEqual(nothing.txn.then, []);
});

test("forget-deployment takes all that belongs to it, and never one that is wanted again", () => {
  const forget = effectOf({ kind: "forget-deployment", deployment: "front" });
  assert.equal(draft([forget], mirrorOf()).kind, "stale");
  const mirror = mirrorOf();
  const { value } = mirror.deployment("front") ?? {};
  assert(value !== undefined);
  mirror.load(entry(`${keys.deployments}front`, jsonOf({ ...value, removing: true }), 12));
  const made = draft([forget], mirror);
  assert(made.kind === "write");
  assert.deepEqual(
    made.txn.then.map(({ kind, key }) => [kind, key]),
    [
      ["delete", `${keys.deployments}front`],
      ["delete", `${keys.deploymentInputs}front/k`],
      ["delete", `${keys.rolloutOrders}front`],
    ],
  );
});

test("finish-rollout-order deletes that order, and never a newer one", () => {
  const order = (id: string) => ({ version: 1, id, order: "pause", by: "admin" });
  const key = `${keys.rolloutOrders}front`;
  const finish = effectOf({ kind: "finish-rollout-order", deployment: "front", id: "a" });
  const made = draft([finish], mirrorOf(entry(key, order("a"), 13)));
  assert(made.kind === "write");
  assert.deepEqual(made.txn.then, [{ kind: "delete", key }]);
  const newer = draft([finish], mirrorOf(entry(key, order("b"), 14)));
  assert(newer.kind === "write");
  assert.deepEqual(newer.txn.then, []);
});

function jsonOf(value: object): JsonValue {
  return JSON.parse(JSON.stringify(value));
}
