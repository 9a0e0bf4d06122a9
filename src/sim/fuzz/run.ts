/** Plays a plan under all safety checks. */
import { createSafetyChecks } from "../checks/safety.ts";
import type { Violation } from "../checks/view.ts";
import type { Plan } from "../plan.ts";
import { createWorld } from "../world.ts";
import { type RandomPlanOptions, randomPlan } from "./plan.ts";

/** More events without a step of time, or in a virtual second on average, are an endless loop. */
const eventsAtOnceMax = 50_000;
const eventsPerSecondMax = 20_000;

export interface PlayOutcome {
  /** Empty: every rule was kept. The play ends with the event in which one was broken. */
  readonly violations: readonly Violation[];
  readonly eventCount: number;
  readonly simulatedMs: number;
}

/** Plays the plan to its end, or to the first violation. Throws only for a bug of the simulator itself. */
export function playChecked(plan: Plan): PlayOutcome {
  const checks = createSafetyChecks(plan);
  let eventCount = 0;
  let simulatedMs = 0;
  try {
    const world = createWorld(plan, checks.observer);
    checks.attach(world);
    let stillCount = 0;
    const eventsMax = eventsAtOnceMax + (plan.endAtMs / 1_000) * eventsPerSecondMax;
    while (world.nextAtMs <= plan.endAtMs && checks.violations.length === 0) {
      stillCount = world.nextAtMs === world.nowMs ? stillCount + 1 : 0;
      world.runNext();
      eventCount += 1;
      if (stillCount < eventsAtOnceMax && eventCount < eventsMax) continue;
      checks.accuse("bug", "the cluster is busy without end and nothing comes of it");
    }
    if (checks.violations.length === 0) {
      world.runUntil(plan.endAtMs);
      checks.end();
    }
    simulatedMs = world.nowMs;
  } catch (error: unknown) {
    checks.accuseOf(error);
  }
  return { violations: checks.violations, eventCount, simulatedMs };
}

/** Plays the random plan of a seed. */
export function runSeed(seed: number, options: RandomPlanOptions = {}): PlayOutcome {
  return playChecked(randomPlan(seed, options));
}
