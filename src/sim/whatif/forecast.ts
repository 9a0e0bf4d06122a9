/**
 * Plays what would become of a cluster: lets it come to rest, does something to it at one moment, lets it come to rest
 * again, and tells what changed. All decisions are the production core's; only the times are estimates.
 */
import { assert } from "../../core/assert.ts";
import type { ServiceId } from "../../core/ids.ts";
import type { ManagerState } from "../../core/manager/state.ts";
import type { RuleRejection } from "../../core/placement/rulebook.ts";
import { type Settings, timesOf } from "../../wire/settings.ts";
import type { Action, Plan } from "../plan.ts";
import { createWorld, type World } from "../world.ts";
import {
  type DownService,
  downServices,
  type HeldService,
  stuckServices,
  type TouchedService,
  touchedServices,
} from "./outcome.ts";
import { Recorder } from "./recorder.ts";

/** What would happen. */
export interface Forecast {
  /** In the order in which they run again; those that stop come last. */
  readonly touched: readonly TouchedService[];
  /** To run, and not running in the end; by id. */
  readonly down: readonly DownService[];
  /** On a node in maintenance, because no other one may take them; by id. */
  readonly stuck: readonly HeldService[];
  /** Services that stay as they are. */
  readonly untouchedCount: number;
  /** What the manager says of the cluster as a whole, e.g. that the brake acts. */
  readonly notes: readonly string[];
  /** Rules that are ignored from then on, and were not before. */
  readonly newlyRejected: readonly RuleRejection[];
  /** False: something was on its way before; the moment comes after it has arrived. */
  readonly wasAtRest: boolean;
  /** False: things were still moving when the play was broken off. */
  readonly settled: boolean;
  /** From the moment to the last change. */
  readonly lastsMs: number;
}

/** What is played. */
export interface ForecastInput {
  readonly plan: Plan;
  /** All done at one moment. */
  readonly actions: readonly Action[];
  /** Why services are as they are before the play, each as a sentence. */
  readonly reasons: ReadonlyMap<ServiceId, string>;
}

/** Longest virtual time that is played before and after the moment. */
const settleMsMax = 6 * 3_600_000;
/** Nothing happens for so long at least before the cluster counts as at rest. */
const quietMsMin = 45_000;

/** Plays the plan, does the actions, and tells what becomes of it. */
export function forecast({ plan, actions, reasons }: ForecastInput): Forecast {
  let world: World | undefined;
  const recorder = new Recorder(() => world?.nowMs ?? 0);
  world = createWorld(plan, recorder);
  settle(world, recorder, quietMsOf(plan, plan.settings));
  const wasAtRest = recorder.deedCount === 0;
  const momentMs = world.nowMs;
  const rejectedBefore = namesOf(managerOf(world).rulebook.rejections);
  recorder.begin();
  for (const action of actions) world.act(action);
  const settled = settle(world, recorder, quietMsOf(plan, settingsAfter(plan, actions)));
  const manager = managerOf(world);
  const end = { plan, manager, recorder, momentMs, reasons };
  const down = downServices(end);
  const stuck = stuckServices(end);
  const held = new Set([...down, ...stuck].map(({ service }) => service));
  const touched = touchedServices(end).filter(({ service }) => !held.has(service));
  return {
    touched,
    down,
    stuck,
    untouchedCount: manager.services.size - held.size - presentCount(manager, touched),
    notes: recorder.notes,
    newlyRejected: manager.rulebook.rejections.filter(({ rule }) => !rejectedBefore.has(rule)),
    wasAtRest,
    settled,
    lastsMs: recorder.changedAtMs - momentMs,
  };
}

function namesOf(rejections: readonly RuleRejection[]): ReadonlySet<string> {
  return new Set(rejections.map(({ rule }) => rule));
}

/** One that was removed is touched, and no longer there. */
function presentCount(manager: ManagerState, touched: readonly TouchedService[]): number {
  return touched.filter(({ service }) => manager.services.has(service)).length;
}

/** Plays until nothing changes any more; false: something still did after the longest time. */
function settle(world: World, recorder: Recorder, quietMs: number): boolean {
  const endAtMs = world.nowMs + settleMsMax;
  let goalMs = world.nowMs + quietMs;
  while (world.nowMs < goalMs && world.nowMs < endAtMs) {
    world.runUntil(Math.min(goalMs, endAtMs));
    goalMs = recorder.changedAtMs + quietMs;
  }
  return world.nowMs >= goalMs;
}

/** Longer than anything that the manager waits for: leases, rounds, operations. */
function quietMsOf(plan: Plan, settings: Settings): number {
  const { ttlMs } = timesOf(settings);
  const { suspectMs, roundMs, autoRebalance } = settings;
  const roundCount = 2 + (autoRebalance?.holdRounds ?? 0);
  const { operationMs } = plan.pace;
  return Math.max(quietMsMin, 3 * ttlMs + suspectMs, roundCount * roundMs, 2 * operationMs + ttlMs);
}

function settingsAfter(plan: Plan, actions: readonly Action[]): Settings {
  const changes = actions.flatMap((one) => (one.kind === "settings" ? [one.settings] : []));
  return changes.at(-1) ?? plan.settings;
}

function managerOf(world: World): ManagerState {
  const state = world.managers().find((one) => one.state !== undefined)?.state;
  assert(state !== undefined, "the play's server is manager when all is at rest");
  return state;
}
