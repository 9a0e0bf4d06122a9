/** Random plans for tests of the written form: every kind of action, and every field with and without a value. */
import { epochOf, instructionUidOf, type NodeId, type ServiceId } from "../../../src/core/ids.ts";
import { nodeModes, nodeOrders } from "../../../src/core/model/node-mode.ts";
import type { PlacementGroup, Rule } from "../../../src/core/model/rule.ts";
import type {
  Action,
  InitialState,
  Misbehaviour,
  Pace,
  Plan,
  ServicePlan,
} from "../../../src/sim/plan.ts";
import { defaultPace, defaultService } from "../../../src/sim/scenario/defaults.ts";
import { type Settings, settingsSchema } from "../../../src/wire/settings.ts";
import { type Dice, nodeNamed, serviceNamed } from "./dice.ts";
import { fleetMakers, fleetOf } from "./random-fleet.ts";

interface Names {
  readonly nodes: readonly NodeId[];
  readonly services: readonly ServiceId[];
  readonly groups: readonly string[];
}

/** Also names that YAML could take for something else. */
const nodePool = ["node1", "node2", "on", "7", "1", "null", "a-b", "10"].map(nodeNamed);
const servicePool = ["vm:101", "ct:7", "process:web", "fa:1", "x1:no", "vm:web"].map(serviceNamed);
const groupPool = ["fast", "3", "yes", "G.1"];

/** A plan that is well formed; whether it makes sense to play it is another matter. */
export function randomPlan(dice: Dice): Plan {
  const nodes = nodePool.slice(0, 1 + dice.below(nodePool.length));
  const all = servicePool.slice(0, 1 + dice.below(servicePool.length));
  const groups = groupPool.slice(0, dice.below(groupPool.length + 1));
  const names: Names = { nodes, services: all, groups };
  const actions = actionsOf(dice, names);
  const added = new Set(
    actions.flatMap(({ action }) => (action.kind === "add" ? [action.service.id] : [])),
  );
  const services = all.filter((id) => !added.has(id));
  return {
    name: dice.pick(["plain", "with: colon", "7", "a 'quoted' \"name\" #1"]),
    seed: dice.below(1_000_000),
    settings: settingsOf(dice),
    pace: paceOf(dice),
    nodes: nodes.map((node) => ({
      node,
      power: dice.pick(["on", "off"]),
      network: dice.pick(["on", "off"]),
      capacity: dice.maybe(() => ({ cpuCores: dice.below(64) / 2, memoryBytes: bytesOf(dice) })),
      taints: dice.some(["control-plane", "old"]),
      server: dice.flag(),
      ...(dice.flag() ? { properties: { zone: "a", slots: 4 } } : {}),
      ...(dice.flag() ? { constraint: "tier >= 2" } : {}),
    })),
    services: services.map((id) => serviceOf(dice, id, names)),
    groups: groups.map((name) => groupOf(dice, name, names)),
    rules: ["r1", "2", "true"].slice(0, dice.below(4)).map((name) => ruleOf(dice, name, names)),
    usage: dice.some(services).map((service) => ({
      service,
      use: { cpuCores: dice.share() * 8, memoryBytes: bytesOf(dice) },
    })),
    initial: dice.maybe(() => initialOf(dice, { ...names, services })),
    ...(dice.flag() ? { fleet: fleetOf(dice, names) } : {}),
    actions,
    endAtMs: 86_400_000 + dice.below(1_000_000),
  };
}

function bytesOf(dice: Dice): number {
  return dice.pick([0, 1, 512, 1_024, 1_000_000, 3 * 1_024 ** 2, 128 * 1_024 ** 3, 2 ** 45 + 1]);
}

function msOf(dice: Dice): number {
  return dice.pick([0, 1, 250, 999, 1_000, 1_001, 20_000, 90_000, 3_600_000, 5_400_500, 12.5]);
}

function paceOf(dice: Dice): Pace {
  return {
    roundMs: dice.pick([0, 20_000]),
    operationMs: msOf(dice),
    messageMs: msOf(dice),
    storeMs: msOf(dice),
    bootMs: msOf(dice),
    presence: dice.flag(),
    watchdog: dice.pick(["guard", "reset"]),
    idleAfterMs: dice.pick([defaultPace.idleAfterMs, 1]),
    electionTtlMs: dice.pick([defaultPace.electionTtlMs, 120_000]),
  };
}

function settingsOf(dice: Dice): Settings {
  return settingsSchema.parse({
    profile: dice.pick(["fast", "balanced", "patient"]),
    ...(dice.flag() ? { times: { ttlMs: 9_000, watchdogMs: 6_000, renewEveryMs: 500 } } : {}),
    suspectMs: dice.below(10_000),
    shutdownPolicy: dice.pick(["freeze", "failover", "conditional", "migrate"]),
    scheduler: dice.pick(["basic", "static", "dynamic"]),
    rebalanceOnStart: dice.flag(),
    ...(dice.flag() ? { autoRebalance: { method: "topsis", threshold: dice.share() } } : {}),
    operationsPerNode: 1 + dice.below(9),
    brake: { lostShare: dice.share() },
    purgeAfterMs: dice.pick([0, 60_000, 3_600_000]),
    readyServersMin: 1 + dice.below(3),
    ...(dice.flag() ? { admission: { losses: dice.below(3), action: "warn" } } : {}),
  });
}

function misbehaviourOf(dice: Dice, names: Names): Misbehaviour {
  return {
    failingStarts: dice.below(3),
    failingMoves: dice.below(3),
    cannotStop: dice.flag(),
    missing: dice.flag(),
    onlyOn: dice.maybe(() => dice.pick(names.nodes)),
  };
}

/** It never waits for others: that could be in a circle. */
function serviceOf(dice: Dice, id: ServiceId, names: Names): ServicePlan {
  const before = names.services.filter((other) => other < id);
  return {
    ...defaultService(id, id.slice(0, id.indexOf(":"))),
    node: dice.maybe(() => dice.pick(names.nodes)),
    state: dice.pick(["started", "stopped", "disabled", "ignored"]),
    group: names.groups.length === 0 ? undefined : dice.maybe(() => dice.pick(names.groups)),
    failback: dice.flag(),
    autoRebalance: dice.flag(),
    maxRestart: dice.below(4),
    maxRelocate: dice.below(4),
    onIsolation: dice.pick(["stop", "keep"]),
    limits: dice.maybe(() => ({ cpuCores: dice.below(8), memoryBytes: bytesOf(dice) })),
    mayOvercommit: dice.flag(),
    after: dice.some(before),
    requires: dice.some(before),
    priority: dice.below(200) - 100,
    tolerations: dice.some(["old", "control-plane"]),
    volumes: dice.some(["data", "logs"]),
    moveBy: dice.pick(["live", "cold", "stop"]),
    misbehaviour: dice.maybe(() => misbehaviourOf(dice, names)),
    lock: dice.maybe(() => "backup"),
  };
}

function groupOf(dice: Dice, name: string, names: Names): PlacementGroup {
  return {
    name,
    nodes: prioritiesOf(dice, names),
    restricted: dice.flag(),
    nofailback: dice.flag(),
  };
}

function prioritiesOf(dice: Dice, names: Names): PlacementGroup["nodes"] {
  const nodes = dice.some(names.nodes);
  const isPlain = dice.flag();
  return (nodes.length === 0 ? names.nodes.slice(0, 1) : nodes).map((node) => ({
    node,
    priority: isPlain ? 0 : dice.below(5),
  }));
}

function ruleOf(dice: Dice, name: string, names: Names): Rule {
  const services = dice.some(names.services);
  const disabled = dice.flag();
  if (dice.flag()) {
    const affinity = dice.pick(["positive", "negative"] as const);
    return { kind: "resource-affinity", name, services, affinity, disabled };
  }
  const nodes = prioritiesOf(dice, names);
  return { kind: "node-affinity", name, services, nodes, strict: dice.flag(), disabled };
}

function initialOf(dice: Dice, names: Names): InitialState {
  const node = dice.pick(names.nodes);
  return {
    statuses: dice.some(names.services).map((service) => ({
      version: 1,
      service,
      state: dice.pick(["started", "stopped", "error"]),
      uid: instructionUidOf(`u/${dice.below(1_000)}`),
      node,
      nodeEpoch: epochOf(dice.below(9)),
      failedNodes: [...dice.some(names.nodes)],
      sinceMs: dice.below(1_000),
      reason: { code: "home", node },
    })),
    nodeStates: dice
      .some(names.nodes)
      .map((one) => ({ node: one, state: dice.pick(["online", "unknown"]) })),
    running: dice.some(names.services).map((service) => ({ service, node })),
    ...(dice.flag() ? { maintenance: dice.some(names.nodes) } : {}),
    ...(dice.flag() ? { modes: [{ node, mode: dice.pick(nodeModes) }] } : {}),
    ...(dice.flag() ? { arming: dice.pick(["armed", "freeze", "ignore"]) } : {}),
    ...(dice.flag() ? { removing: dice.some(names.services) } : {}),
  };
}

type Make = (dice: Dice, names: Names) => Action;
const node = (dice: Dice, names: Names): NodeId => dice.pick(names.nodes);
const service = (dice: Dice, names: Names): ServiceId => dice.pick(names.services);

/** One maker for each kind: a kind that is new does not compile here until it has one. */
const makers: Readonly<Record<Action["kind"], Make>> = {
  power: (dice, names) => ({ kind: "power", node: node(dice, names), on: dice.flag() }),
  network: (dice, names) => ({ kind: "network", node: node(dice, names), on: dice.flag() }),
  cut: (dice, names) => ({
    kind: "cut",
    from: node(dice, names),
    to: node(dice, names),
    on: dice.flag(),
  }),
  link: (dice, names) => ({
    kind: "link",
    node: node(dice, names),
    delayMs: msOf(dice),
    lossShare: dice.pick([0, 0.25, dice.share()]),
    jitterMs: msOf(dice),
  }),
  pause: (dice, names) => ({
    kind: "pause",
    node: node(dice, names),
    part: dice.pick(["agent", "server", "guard"]),
    on: dice.flag(),
  }),
  crash: (dice, names) => ({
    kind: "crash",
    node: node(dice, names),
    part: dice.pick(["agent", "server"]),
    restartAfterMs: msOf(dice),
  }),
  "crash-manager": (dice) => ({
    kind: "crash-manager",
    afterWrites: 1 + dice.below(5),
    restartAfterMs: msOf(dice),
  }),
  clock: (dice, names) => ({
    kind: "clock",
    node: node(dice, names),
    ppm: dice.below(2_001) - 1_000,
  }),
  store: (dice, names) => ({
    kind: "store",
    mode: dice.pick(["ok", "unavailable", "slow", "read-only"]),
    server: dice.maybe(() => node(dice, names)),
  }),
  driver: (dice, names) => ({
    kind: "driver",
    service: service(dice, names),
    misbehaviour: dice.maybe(() => misbehaviourOf(dice, names)),
    hangs: dice.flag(),
  }),
  "workload-exit": (dice, names) => ({ kind: "workload-exit", service: service(dice, names) }),
  reboot: (dice, names) => ({ kind: "reboot", node: node(dice, names) }),
  shutdown: (dice, names) => ({ kind: "shutdown", node: node(dice, names) }),
  "restart-agent": (dice, names) => ({ kind: "restart-agent", node: node(dice, names) }),
  "stop-server": (dice, names) => ({ kind: "stop-server", node: node(dice, names) }),
  "skip-rounds": (dice, names) => ({
    kind: "skip-rounds",
    part: dice.pick(["manager", "agents"]),
    node: dice.maybe(() => node(dice, names)),
    count: 1 + dice.below(5),
  }),
  maintenance: (dice, names) => ({ kind: "maintenance", node: node(dice, names), on: dice.flag() }),
  taint: (dice, names) => ({
    kind: "taint",
    node: node(dice, names),
    name: dice.pick(["control-plane", "old"]),
    on: dice.flag(),
  }),
  "remove-node": (dice, names) => ({ kind: "remove-node", node: node(dice, names) }),
  "node-mode": (dice, names) => ({
    kind: "node-mode",
    node: node(dice, names),
    order: dice.pick(nodeOrders),
  }),
  "confirm-off": (dice, names) => ({ kind: "confirm-off", node: node(dice, names) }),
  freeze: (dice) => ({
    kind: "freeze",
    failover: dice.pick(["goes-on", "held"]),
    forMs: dice.flag() ? 10_000 : undefined,
  }),
  unfreeze: () => ({ kind: "unfreeze" }),
  arming: (dice) => ({ kind: "arming", mode: dice.pick(["armed", "freeze", "ignore"]) }),
  request: (dice, names) => ({
    kind: "request",
    service: service(dice, names),
    state: dice.pick(["started", "stopped", "disabled", "ignored"]),
  }),
  move: (dice, names) => ({
    kind: "move",
    service: service(dice, names),
    by: dice.pick(["migrate", "relocate"]),
    target: node(dice, names),
  }),
  stop: (dice, names) => ({ kind: "stop", service: service(dice, names), timeoutMs: msOf(dice) }),
  located: (dice, names) => ({
    kind: "located",
    service: service(dice, names),
    node: node(dice, names),
  }),
  add: (dice, names) => ({
    kind: "add",
    service: serviceOf(dice, service(dice, names), names),
    running: dice.flag(),
  }),
  remove: (dice, names) => ({
    kind: "remove",
    service: service(dice, names),
    release: dice.flag(),
  }),
  lock: (dice, names) => ({
    kind: "lock",
    service: service(dice, names),
    name: dice.maybe(() => "snapshot"),
  }),
  limits: (dice, names) => ({ kind: "limits", service: service(dice, names), ...figuresOf(dice) }),
  usage: (dice, names) => ({ kind: "usage", service: service(dice, names), ...figuresOf(dice) }),
  "put-group": (dice, names) => ({
    kind: "put-group",
    group: groupOf(dice, dice.pick(["new", "5"]), names),
  }),
  "put-rule": (dice, names) => ({
    kind: "put-rule",
    rule: ruleOf(dice, dice.pick(["new", "5"]), names),
  }),
  "remove-group": (dice) => ({ kind: "remove-group", name: dice.pick(["fast", "5"]) }),
  "remove-rule": (dice) => ({ kind: "remove-rule", name: dice.pick(["r1", "5"]) }),
  settings: (dice) => ({ kind: "settings", settings: settingsOf(dice) }),
  ...fleetMakers,
};

function figuresOf(dice: Dice): {
  readonly cpuCores: number | undefined;
  readonly memoryBytes: number | undefined;
} {
  return {
    cpuCores: dice.maybe(() => dice.share() * 4),
    memoryBytes: dice.maybe(() => bytesOf(dice)),
  };
}

/** Every kind of action. */
export const actionKinds: readonly string[] = Object.keys(makers);

function actionsOf(dice: Dice, names: Names): Plan["actions"] {
  let atMs = 0;
  return Array.from({ length: dice.below(25) }, () => {
    atMs += msOf(dice);
    return { atMs, action: dice.pick(Object.values(makers))(dice, names) };
  });
}
