/**
 * Random plans: a random cluster with random faults and orders, each fault with its end, and a calm at last that is
 * longer than the bound within which everything has to run again (S9). The same seed makes the same plan.
 */
import type { PlacementGroup } from "../../core/model/rule.ts";
import { timesOf } from "../../wire/settings.ts";
import { livenessBoundMs } from "../checks/bound.ts";
import type { Action, Plan, TimedAction } from "../plan.ts";
import {
  type ClusterSize,
  randomGroup,
  randomNodes,
  randomPace,
  randomRule,
  randomServices,
  randomSettings,
} from "./cluster.ts";
import { Dice } from "./dice.ts";
import { faults } from "./faults.ts";
import { randomFleet } from "./fleet.ts";
import { fleetOrders, fleetZone } from "./fleet-orders.ts";
import { type Cast, Script } from "./moment.ts";
import { nodeMode, orders } from "./orders.ts";

export interface RandomPlanOptions {
  /** Undefined: random. */
  readonly nodes?: number | undefined;
  readonly services?: number | undefined;
  /** Virtual minutes of the whole plan, if the calm leaves time for faults in them. Default: 30. */
  readonly minutes?: number | undefined;
  /** Whether it has HA groups and deployments. Default: random. */
  readonly fleet?: FleetChoice | undefined;
}

type FleetChoice = "yes" | "no" | "random";

/** The time of faults is at least so long, however short the plan is to be; with a fleet, where all goes in turn. */
const faultsMsMin = 60_000;
const fleetFaultsMsMin = 150_000;
/** Nothing happens before the cluster is up. */
const firstMs = 3_000;
/** On top of the bound, so that it is over at the end. */
const calmSpareMs = 10_000;

/** A plan that depends on nothing but the seed and the options. */
export function randomPlan(seed: number, options: RandomPlanOptions = {}): Plan {
  const size = { nodes: options.nodes, services: options.services };
  const still = stillPlan(seed, size, options.fleet ?? "random");
  const wholeMs = (options.minutes ?? 30) * 60_000;
  const calmMs = livenessBoundMs(still) + calmSpareMs;
  const leastMs = still.fleet === undefined ? faultsMsMin : fleetFaultsMsMin;
  const untilMs = Math.max(leastMs, wholeMs - calmMs);
  const actions = randomActions(seed, still, untilMs);
  const whole = { ...still, actions };
  const lastMs = actions.at(-1)?.atMs ?? untilMs;
  // What was asked on the way, such as other settings or more services, can make the bound longer.
  return { ...whole, endAtMs: lastMs + livenessBoundMs(whole) + calmSpareMs };
}

/** In so many of 100 plans nodes are disabled, flushed or put offline. */
const modesPercent = 40;
/** So many of 100 plans have a fleet beside their services. */
const fleetPercent = 33;

function stillPlan(seed: number, size: ClusterSize, withFleet: FleetChoice): Plan {
  const plain = plainPlan(seed, size);
  // Dice of their own: whether there is a fleet changes nothing else of a seed's plan.
  const dice = new Dice(seed, "fleet");
  const isChosen = withFleet === "random" ? dice.chance(fleetPercent) : withFleet === "yes";
  return isChosen ? { ...plain, fleet: randomFleet(dice, plain) } : plain;
}

function plainPlan(seed: number, size: ClusterSize): Plan {
  const dice = new Dice(seed, "cluster");
  const nodes = randomNodes(dice, size);
  const groups: PlacementGroup[] = [];
  for (const name of ["g1", "g2"]) {
    if (dice.chance(35)) groups.push(randomGroup(dice, name, nodes));
  }
  const services = randomServices(dice, size, { nodes, groups });
  const rules = ["r1", "r2"].flatMap((name) =>
    dice.chance(30) ? [randomRule(dice, name, { nodes, services })] : [],
  );
  return {
    name: `seed ${seed}`,
    seed,
    settings: randomSettings(dice),
    pace: randomPace(dice),
    nodes,
    services,
    groups,
    rules,
    usage: [],
    initial: undefined,
    actions: [],
    endAtMs: 0,
  };
}

function randomActions(seed: number, still: Plan, untilMs: number): readonly TimedAction[] {
  const dice = new Dice(seed, "actions");
  const { nodes, pace, settings } = still;
  const { deployments = [], definitions = [] } = still.fleet ?? {};
  const cast = {
    nodes,
    pace,
    services: [...still.services],
    deployments: deployments.map(({ name }) => name),
    definitions: [...definitions],
    times: timesOf(settings),
  };
  const script = new Script(dice, cast, untilMs);
  for (const { node } of dice.some(nodes, 50)) {
    script.at(0, { kind: "clock", node, ppm: dice.between(-1_000, 1_000) });
  }
  // Some plans are mostly calm, so that what happens is seen to its end; others are a storm.
  const meanPauseMs = dice.weighted([
    [3, 4_000],
    [4, 12_000],
    [2, 40_000],
  ]);
  let atMs = firstMs;
  while (atMs < untilMs) {
    const event = dice.chance(65) ? dice.weighted(faults) : dice.weighted(orders);
    event(script, atMs);
    // Every now and then the next thing happens in the middle of this one.
    atMs += dice.chance(30)
      ? dice.between(0, 2 * pace.operationMs)
      : dice.between(1, 2 * meanPauseMs);
  }
  addModeActions(seed, { script, cast, untilMs, meanPauseMs });
  if (still.fleet !== undefined) addFleetActions(seed, { script, cast, untilMs, meanPauseMs });
  const sorted = [...script.actions].sort((left, right) => left.atMs - right.atMs);
  // A kernel watchdog may still reset a node for what was before; it is switched on once more.
  const lastMs = untilMs + longestLeaseMs(still, sorted) + 1_000;
  return [
    ...sorted,
    ...calm(still, cast.services, sorted).map((action) => ({ atMs: untilMs, action })),
    ...nodes.map(
      ({ node }) => ({ atMs: lastMs, action: { kind: "power", node, on: true } }) as const,
    ),
    // One that was to be paused at the very last is paused only now.
    ...cast.deployments.map(
      (deployment) =>
        ({ atMs: lastMs, action: { kind: "rollout", deployment, order: "resume" } }) as const,
    ),
  ];
}

/** What people want of whole nodes, in some plans, by dice of their own: nothing else of a seed's plan hangs on it. */
function addModeActions(
  seed: number,
  whole: {
    readonly script: Script;
    readonly cast: Cast;
    readonly untilMs: number;
    readonly meanPauseMs: number;
  },
): void {
  const dice = new Dice(seed, "node modes");
  if (!dice.chance(modesPercent)) return;
  const { cast, untilMs, meanPauseMs } = whole;
  const script = new Script(dice, cast, untilMs);
  for (let atMs = firstMs; atMs < untilMs; atMs += dice.between(1, 6 * meanPauseMs)) {
    nodeMode(script, atMs);
  }
  for (const { atMs, action } of script.actions) whole.script.at(atMs, action);
}

/** What happens to the fleet, by dice of its own, among all that happens to the rest. */
function addFleetActions(
  seed: number,
  whole: {
    readonly script: Script;
    readonly cast: Cast;
    readonly untilMs: number;
    readonly meanPauseMs: number;
  },
): void {
  const dice = new Dice(seed, "fleet actions");
  const { cast, untilMs, meanPauseMs } = whole;
  const script = new Script(dice, cast, untilMs);
  for (const { node } of cast.nodes) {
    if (dice.chance(70)) fleetZone(script, node);
  }
  for (let atMs = firstMs; atMs < untilMs; atMs += dice.between(1, 3 * meanPauseMs)) {
    const event = dice.weighted(fleetOrders);
    event(script, atMs);
  }
  for (const { atMs, action } of script.actions) whole.script.at(atMs, action);
}

function longestLeaseMs(still: Plan, actions: readonly TimedAction[]): number {
  const settings = [
    still.settings,
    ...actions.flatMap(({ action }) => (action.kind === "settings" ? [action.settings] : [])),
  ];
  return Math.max(...settings.map((one) => timesOf(one).ttlMs));
}

/** Ends everything that may still be wrong. Which faults there were does not matter: what is well stays well. */
function calm(
  still: Plan,
  services: Plan["services"],
  actions: readonly TimedAction[],
): readonly Action[] {
  const ends: Action[] = [
    { kind: "store", mode: "ok", server: undefined },
    { kind: "crash-manager", afterWrites: 0, restartAfterMs: 0 },
  ];
  ends.push({ kind: "unfreeze" }); // people's other words are heard again
  for (const { node } of still.nodes) {
    for (const { node: other } of still.nodes) {
      if (other !== node) ends.push({ kind: "cut", from: node, to: other, on: false });
    }
    ends.push({ kind: "link", node, delayMs: 0, lossShare: 0, jitterMs: 0 });
    for (const part of ["agent", "server", "guard"] as const) {
      ends.push({ kind: "pause", node, part, on: false });
    }
    // Who was on its way down, or has no server any more, begins anew.
    const isLeaving = actions.some(({ action }) => leaves(action) && action.node === node);
    if (isLeaving) ends.push({ kind: "power", node, on: false });
    ends.push({ kind: "power", node, on: true }, { kind: "network", node, on: true });
    ends.push({ kind: "maintenance", node, on: false });
  }
  for (const { id: service } of services) {
    ends.push({ kind: "driver", service, misbehaviour: undefined, hangs: false });
    ends.push({ kind: "lock", service, name: undefined });
  }
  ends.push({ kind: "arming", mode: "armed" });
  return ends;
}

type Leaving = Extract<
  Action,
  { readonly kind: "reboot" | "shutdown" | "stop-server" | "restart-agent" }
>;

function leaves(action: Action): action is Leaving {
  return (
    action.kind === "reboot" ||
    action.kind === "shutdown" ||
    action.kind === "stop-server" ||
    action.kind === "restart-agent"
  );
}
