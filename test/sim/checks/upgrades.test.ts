/** The checks of upgrades say that S7 is broken when it is, and nothing when it is kept. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { JsonValue, Operation } from "../../../src/ports/store.ts";
import type { FleetPlan } from "../../../src/sim/fleet-plan.ts";
import { CheckedScene, report, status } from "./harness.ts";

const noFleet: FleetPlan = {
  haGroups: [],
  definitions: [],
  deployments: [],
  packages: [],
  policies: [],
};
const one = { version: "1.0.0", inputsKey: "k" };
const two = { version: "2.0.0", inputsKey: "k" };

function put(key: string, value: JsonValue): Operation {
  return { kind: "put", key, value };
}

function drop(key: string): Operation {
  return { kind: "delete", key };
}

const serviceOn = (node: string): string => `process:api@${node}`;

function record(node: string, release: typeof one, state = "started"): Operation {
  const config = { id: serviceOn(node), state, node, onIsolation: "keep" };
  const instance = { deployment: "api", release };
  const value = { version: 1, config, removing: false, addedAtMs: 0, instance };
  return put(`services/${serviceOn(node)}`, value);
}

function instance(node: string, fields: Readonly<Record<string, JsonValue>> = {}): Operation {
  return put(`instances/api/${node}`, {
    version: 1,
    deployment: "api",
    node,
    service: serviceOn(node),
    phase: "running",
    release: one,
    rollout: 1,
    failedAttempts: 0,
    attemptSinceMs: 0,
    givenUp: [],
    isVerified: true,
    wasHealthy: true,
    ...fields,
  });
}

const upgrade = { rollout: 1, from: one, to: two, sinceMs: 60_000 };
const under = { phase: "upgrading", release: two, upgrade };

function slot(node: string, use: JsonValue = serviceUse): Operation {
  return put("upgrade-slots/pair", { version: 1, group: "pair", node, use, sinceMs: 0 });
}
const serviceUse = { kind: "service", deployment: "api", from: "1.0.0", to: "2.0.0" };

function running(node: string, fields: Readonly<Record<string, JsonValue>> = {}): Operation {
  const told = report(serviceOn(node), { node, epoch: 1, uid: "1.1-1", result: "running" });
  if (told.kind !== "put") throw new Error("a report is put");
  const value = { ...Object(told.value), stable: true, configRevision: 15, ...fields };
  return put(told.key, value);
}

/** Two members, each with a healthy instance, for a while. */
function pair(): CheckedScene {
  const scene = new CheckedScene(noFleet);
  const deployment = {
    name: "api",
    service: "process:api",
    versions: [{ version: "2.0.0" }],
    rollout: { healthyForMs: 1_000 },
  };
  scene.put("ha-groups/pair", {
    version: 1,
    name: "pair",
    description: "",
    whenMembersOffline: "continue",
    owner: "person",
    createdAtMs: 0,
    updatedAtMs: 0,
  });
  scene.put("deployments/api", {
    version: 1,
    deployment,
    generation: 1,
    inputsKey: "k",
    by: "person",
    addedAtMs: 0,
    removing: false,
  });
  for (const name of ["n1", "n2"]) {
    scene.put(`nodes/${name}`, {
      version: 1,
      node: name,
      type: "device",
      properties: {},
      agentVersion: "",
      registeredAtMs: 0,
      confirmedOffEpoch: 0,
    });
    scene.put(`ha-members/${name}`, { version: 1, group: "pair" });
    scene.grant(name, 1);
    scene.manage([record(name, one), instance(name)]);
    scene.manage([status(serviceOn(name), { state: "started", node: name, nodeEpoch: 1 })]);
    scene.commit([running(name)]);
  }
  scene.nowMs = 60_000;
  return scene;
}

/** n1 is under its upgrade, as it is to be. */
function begun(): CheckedScene {
  const scene = pair();
  scene.manage([slot("n1"), instance("n1", under), record("n1", two)]);
  return scene;
}

function isKept(scene: CheckedScene): void {
  assert.deepEqual(scene.broken, []);
}

function breaks(scene: CheckedScene, what: RegExp): void {
  assert.equal(scene.rule, "S7");
  assert.match(scene.broken[0] ?? "", what);
}

test("S7 is kept by an upgrade with its slot, from its beginning to its end in health", () => {
  const scene = begun();
  isKept(scene);
  scene.nowMs = 61_000;
  scene.commit([running("n1", { configRevision: 2_000 })]);
  scene.nowMs = 62_000;
  scene.manage([instance("n1", { release: two, outcome: "done" }), drop("upgrade-slots/pair")]);
  isKept(scene);
});

test("S7 sees an upgrade that begins without the slot", () => {
  const scene = pair();
  scene.manage([instance("n1", under), record("n1", two)]);
  breaks(scene, /without the slot/);
});

test("S7 sees a second member's upgrade", () => {
  const scene = begun();
  scene.manage([slot("n2"), instance("n2", under), record("n2", two)]);
  breaks(scene, /begins while n1 holds the slot/);
});

test("S7 sees a slot that is taken away in the middle of its upgrade", () => {
  const scene = begun();
  scene.manage([drop("upgrade-slots/pair")]);
  breaks(scene, /loses the slot .* in the middle/);
});

test("S7 sees a slot that outlives its upgrade", () => {
  const scene = begun();
  scene.nowMs = 61_000;
  scene.commit([running("n1", { configRevision: 2_000 })]);
  scene.nowMs = 70_000;
  scene.manage([instance("n1", { release: two, outcome: "done" })]);
  breaks(scene, /keeps the slot/);
});

test("S7 sees a slot that somebody takes without an upgrade", () => {
  const scene = pair();
  scene.manage([slot("n1")]);
  breaks(scene, /without an upgrade/);
});

test("S7 sees an upgrade that is done before it is healthy, or healthy for long enough", () => {
  const end = [instance("n1", { release: two, outcome: "done" }), drop("upgrade-slots/pair")];
  const never = begun();
  never.manage(end);
  breaks(never, /has not been healthy/);
  const early = begun();
  early.commit([running("n1", { configRevision: 2_000 })]);
  early.nowMs = 60_300;
  early.manage(end);
  breaks(early, /after 300 ms of health, not 1000/);
});

test("S7 sees the last healthy copy being taken down, unless the other member is gone", () => {
  const scene = pair();
  scene.commit([running("n2", { result: "failed" })]);
  scene.nowMs = 120_000;
  scene.manage([slot("n1"), instance("n1", under), record("n1", two)]);
  breaks(scene, /is healthy and is taken down/);
  const alone = pair();
  alone.end("leases/n2");
  alone.nowMs = 120_000;
  alone.manage([slot("n1"), instance("n1", under), record("n1", two)]);
  isKept(alone);
});

test("S7 sees an agent that installs while another member is under upgrade", () => {
  const order = {
    version: 1,
    node: "n2",
    policy: "agents",
    generation: 1,
    id: "u1",
    from: "1.0.0",
    to: "2.0.0",
    order: "install",
    state: "initiated",
    detail: "",
    healthyWithinMs: 1_000,
    sinceMs: 60_000,
  };
  const scene = begun();
  scene.manage([put("agent-upgrades/n2", order)]);
  breaks(scene, /the upgrade of n2 .* begins while n1 holds the slot/);
  const free = pair();
  const use = { kind: "agent", policy: "agents", from: "1.0.0", to: "2.0.0" };
  free.manage([put("agent-upgrades/n2", order), slot("n2", use)]);
  isKept(free);
});

test("S7 leaves a member that came with its upgrade to go on, without the slot", () => {
  const scene = pair();
  scene.commit([drop("ha-members/n1")]);
  scene.nowMs = 120_000;
  scene.manage([instance("n1", under), record("n1", two)]);
  scene.commit([put("ha-members/n1", { version: 1, group: "pair" })]);
  isKept(scene);
});
