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
import { Script } from "./moment.ts";
import { orders } from "./orders.ts";

export interface RandomPlanOptions {
  /** Undefined: random. */
  readonly nodes?: number | undefined;
  readonly services?: number | undefined;
  /** Virtual minutes of the whole plan, if the calm leaves time for faults in them. Default: 30. */
  readonly minutes?: number | undefined;
}

/** The time of faults is at least so long, however short the plan is to be. */
const faultsMsMin = 60_000;
/** Nothing happens before the cluster is up. */
const firstMs = 3_000;
/** On top of the bound, so that it is over at the end. */
const calmSpareMs = 10_000;

/** A plan that depends on nothing but the seed and the options. */
export function randomPlan(seed: number, options: RandomPlanOptions = {}): Plan {
  const still = stillPlan(seed, { nodes: options.nodes, services: options.services });
  const wholeMs = (options.minutes ?? 30) * 60_000;
  const calmMs = livenessBoundMs(still) + calmSpareMs;
  const untilMs = Math.max(faultsMsMin, wholeMs - calmMs);
  const actions = randomActions(seed, still, untilMs);
  const whole = { ...still, actions };
  const lastMs = actions.at(-1)?.atMs ?? untilMs;
  // What was asked on the way, such as other settings or more services, can make the bound longer.
  return { ...whole, endAtMs: lastMs + livenessBoundMs(whole) + calmSpareMs };
}

function stillPlan(seed: number, size: ClusterSize): Plan {
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
  const cast = { nodes, pace, services: [...still.services], times: timesOf(settings) };
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
  const sorted = [...script.actions].sort((left, right) => left.atMs - right.atMs);
  // A kernel watchdog may still reset a node for what was before; it is switched on once more.
  const lastMs = untilMs + longestLeaseMs(still, sorted) + 1_000;
  return [
    ...sorted,
    ...calm(still, cast.services, sorted).map((action) => ({ atMs: untilMs, action })),
    ...nodes.map(
      ({ node }) => ({ atMs: lastMs, action: { kind: "power", node, on: true } }) as const,
    ),
  ];
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
