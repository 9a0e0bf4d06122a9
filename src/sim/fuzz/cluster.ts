/** The random cluster that a random plan plays with: nodes, services, groups, rules, settings and pace. */
import { assert } from "../../core/assert.ts";
import { type NodeId, parseNodeId, parseServiceId, type ServiceId } from "../../core/ids.ts";
import type { Capacity } from "../../core/model/capacity.ts";
import type { NodePriority, PlacementGroup, Rule } from "../../core/model/rule.ts";
import type { RequestedState } from "../../core/model/service.ts";
import { schedulers, shutdownPolicies } from "../../core/model/settings.ts";
import { type Settings, settingsSchema } from "../../wire/settings.ts";
import type { Misbehaviour, NodePlan, Pace, ServicePlan } from "../plan.ts";
import type { Dice } from "./dice.ts";

const gibibyte = 1024 ** 3;

/** What the caller fixes; the rest is random. */
export interface ClusterSize {
  readonly nodes: number | undefined;
  readonly services: number | undefined;
}

/** Taints that nodes may have. */
export const taintNames = ["control-plane", "old"] as const;

/** Nodes `n1`, `n2` and so on; the first ones have servers. */
export function randomNodes(dice: Dice, size: ClusterSize): readonly NodePlan[] {
  const count =
    size.nodes ??
    dice.weighted([
      [1, 1],
      [2, 2],
      [8, 3],
      [3, 4],
      [4, 5],
      [1, 6],
      [1, 7],
    ]);
  const servers = Math.min(
    count,
    dice.weighted([
      [3, 1],
      [1, 2],
      [8, 3],
      [2, 5],
    ]),
  );
  const isBig = dice.chance(60);
  return Array.from({ length: count }, (_, index) => ({
    node: nodeIdOf(`n${index + 1}`),
    power: dice.chance(95) || index < servers ? "on" : "off",
    network: "on",
    capacity: dice.chance(85) ? capacityOf(dice, isBig) : undefined,
    taints: dice.some(taintNames, 8),
    server: index < servers,
  }));
}

function capacityOf(dice: Dice, isBig: boolean): Capacity {
  const memory = isBig ? dice.pick([64, 128]) : dice.pick([4, 8, 16]);
  return { cpuCores: dice.pick([4, 8, 24]), memoryBytes: memory * gibibyte };
}

/** A node's id. */
export function nodeIdOf(name: string): NodeId {
  const parsed = parseNodeId(name);
  assert(parsed.ok, `"${name}" is a node's name`);
  return parsed.value;
}

function serviceIdOf(name: string): ServiceId {
  const parsed = parseServiceId(name);
  assert(parsed.ok, `"${name}" is a service's id`);
  return parsed.value;
}

/** What a service can be made with. */
export interface ServiceWorld {
  readonly nodes: readonly NodePlan[];
  readonly groups: readonly PlacementGroup[];
  /** Those that are there already: only they can be waited for, so that nobody waits for itself. */
  readonly before: readonly ServicePlan[];
}

const requestedStates: readonly (readonly [number, RequestedState])[] = [
  [20, "started"],
  [2, "stopped"],
  [1, "disabled"],
  [1, "ignored"],
];

/** Services `vm:s1`, `vm:s2` and so on. */
export function randomServices(
  dice: Dice,
  size: ClusterSize,
  world: Omit<ServiceWorld, "before">,
): readonly ServicePlan[] {
  const count =
    size.services ??
    dice.weighted([
      [2, 1],
      [3, 2],
      [6, dice.between(3, 6)],
      [4, dice.between(7, 25)],
    ]);
  const services: ServicePlan[] = [];
  for (let index = 1; index <= count; index += 1) {
    services.push(randomService(dice, index, { ...world, before: services }));
  }
  return services;
}

/** One service. */
export function randomService(dice: Dice, index: number, world: ServiceWorld): ServicePlan {
  const { nodes, groups, before } = world;
  const moveBy = dice.weighted([
    [3, "live"],
    [3, "cold"],
    [4, "stop"],
  ] as const);
  const earlier = before.map(({ id }) => id);
  const isOrdered = earlier.length > 0 && dice.chance(15);
  return {
    id: serviceIdOf(`${moveBy === "live" ? "vm" : "ct"}:s${index}`),
    node: dice.chance(40) ? dice.pick(nodes).node : undefined,
    state: dice.weighted(requestedStates),
    group: groups.length > 0 && dice.chance(30) ? dice.pick(groups).name : undefined,
    failback: dice.chance(75),
    autoRebalance: dice.chance(80),
    maxRestart: dice.between(0, 3),
    maxRelocate: dice.between(0, 3),
    onIsolation: dice.chance(85) ? "stop" : "keep",
    limits: dice.chance(50)
      ? { cpuCores: dice.between(0, 4), memoryBytes: dice.between(0, 6) * gibibyte }
      : undefined,
    mayOvercommit: dice.chance(20),
    after: isOrdered ? [dice.pick(earlier)] : [],
    requires: isOrdered && dice.chance(50) ? [dice.pick(earlier)] : [],
    priority: dice.between(-2, 2),
    tolerations: dice.some(taintNames, 30),
    volumes: dice.chance(15) ? ["data"] : [],
    moveBy,
    misbehaviour: dice.chance(10) ? randomMisbehaviour(dice, nodes) : undefined,
    lock: dice.chance(2) ? dice.pick(["backup", "migrate", "held"]) : undefined,
  };
}

/** A way to fail. */
export function randomMisbehaviour(dice: Dice, nodes: readonly NodePlan[]): Misbehaviour {
  return {
    failingStarts: dice.chance(60) ? dice.between(1, 6) : 0,
    failingMoves: dice.chance(40) ? dice.between(1, 4) : 0,
    cannotStop: dice.chance(10),
    missing: dice.chance(5),
    onlyOn: dice.chance(40) ? dice.pick(nodes).node : undefined,
  };
}

function randomPriorities(dice: Dice, nodes: readonly NodePlan[]): readonly NodePriority[] {
  const listed = dice.some(nodes, 60);
  const chosen = listed.length === 0 ? [dice.pick(nodes)] : listed;
  return chosen.map(({ node }) => ({ node, priority: dice.pick([0, 0, 1, 2]) }));
}

/** A placement group of this name. */
export function randomGroup(dice: Dice, name: string, nodes: readonly NodePlan[]): PlacementGroup {
  return {
    name,
    nodes: randomPriorities(dice, nodes),
    restricted: dice.chance(50),
    nofailback: dice.chance(30),
  };
}

/** A rule of this name; it may contradict another one. */
export function randomRule(
  dice: Dice,
  name: string,
  {
    nodes,
    services,
  }: { readonly nodes: readonly NodePlan[]; readonly services: readonly ServicePlan[] },
): Rule {
  const ids = services.map(({ id }) => id);
  const disabled = dice.chance(10);
  if (dice.chance(45)) {
    const some = dice.some(ids, 40);
    return {
      kind: "node-affinity",
      name,
      services: some.length === 0 ? [dice.pick(ids)] : some,
      nodes: randomPriorities(dice, nodes),
      strict: dice.chance(50),
      disabled,
    };
  }
  const affinity = dice.pick(["positive", "negative"] as const);
  const first = dice.pick(ids);
  const others = dice.some(ids, 25).filter((id) => id !== first);
  const members = [first, ...others.slice(0, Math.max(1, nodes.length - 1))];
  return { kind: "resource-affinity", name, services: members, affinity, disabled };
}

/** Settings of a cluster; leases are short most of the time, so that more happens. */
export function randomSettings(dice: Dice): Settings {
  return settingsSchema.parse({
    profile: dice.weighted([
      [5, "fast"],
      [6, "balanced"],
      [1, "patient"],
    ] as const),
    suspectMs: dice.weighted([
      [8, 0],
      [1, dice.between(1, 5) * 1_000],
      [1, 20_000],
    ]),
    shutdownPolicy: dice.pick(shutdownPolicies),
    scheduler: dice.pick(schedulers),
    rebalanceOnStart: dice.chance(30),
    autoRebalance: dice.chance(30)
      ? {
          method: dice.pick(["bruteforce", "topsis"]),
          threshold: dice.pick([0.1, 0.3]),
          holdRounds: dice.between(0, 3),
          margin: dice.pick([0.05, 0.1]),
        }
      : undefined,
    roundMs: dice.pick([1_000, 5_000, 10_000]),
    operationsPerNode: dice.pick([1, 2, 4, 4, 8]),
    purgeAfterMs: dice.weighted([
      [3, 3_600_000],
      [1, 0],
      [1, dice.between(5, 120) * 1_000],
    ]),
    goneAfterMs: dice.weighted([
      [4, 3_600_000],
      [1, dice.between(1, 60) * 1_000],
    ]),
    brake: dice.chance(50)
      ? { lostShare: dice.pick([0.2, 0.5, 1]), recoveriesAtOnce: dice.between(1, 10) }
      : {},
  });
}

/** How quickly everything goes. */
export function randomPace(dice: Dice): Pace {
  return {
    roundMs: dice.weighted([
      [12, 0],
      [1, dice.pick([2_000, 10_000])],
    ]),
    operationMs: dice.spread(20, 5_000),
    messageMs: dice.between(1, 10),
    storeMs: dice.between(1, 10),
    bootMs: dice.spread(500, 30_000),
    presence: dice.chance(30),
    watchdog: dice.chance(60) ? "guard" : "reset",
    idleAfterMs: dice.spread(1_000, 600_000),
    electionTtlMs: 5_000,
  };
}
