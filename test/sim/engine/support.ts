/** Plans for the simulator's tests, and what a play of one has shown. */
import { type NodeId, parseNodeId, parseServiceId, type ServiceId } from "../../../src/core/ids.ts";
import type { CopyChange } from "../../../src/sim/engine/engine.ts";
import { isExecuting } from "../../../src/sim/node/copies.ts";
import type { Action, Pace, Plan, ServicePlan, TimedAction } from "../../../src/sim/plan.ts";
import type { TraceLine } from "../../../src/sim/trace.ts";
import { createWorld, type World } from "../../../src/sim/world.ts";
import { type SettingsInput, settingsSchema } from "../../../src/wire/settings.ts";

export function nodeOf(name: string): NodeId {
  const parsed = parseNodeId(name);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export function serviceOf(name: string): ServiceId {
  const parsed = parseServiceId(name);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** As in production: everything reacts at once. */
export const quickPace: Pace = {
  roundMs: 0,
  operationMs: 500,
  messageMs: 1,
  storeMs: 2,
  bootMs: 10_000,
  presence: false,
  watchdog: "guard",
  idleAfterMs: 600_000,
  electionTtlMs: 5_000,
};

export function servicePlan(name: string, changes: Partial<ServicePlan> = {}): ServicePlan {
  return {
    id: serviceOf(name),
    node: undefined,
    state: "started",
    group: undefined,
    failback: true,
    autoRebalance: true,
    maxRestart: 1,
    maxRelocate: 1,
    onIsolation: "stop",
    limits: undefined,
    mayOvercommit: false,
    after: [],
    requires: [],
    priority: 0,
    tolerations: [],
    volumes: [],
    moveBy: "stop",
    misbehaviour: undefined,
    lock: undefined,
    ...changes,
  };
}

export interface PlanWish {
  readonly nodeCount?: number;
  readonly services?: readonly ServicePlan[];
  readonly serviceCount?: number;
  readonly actions?: readonly TimedAction[];
  readonly pace?: Partial<Pace>;
  readonly settings?: SettingsInput;
  readonly seed?: number;
  readonly endAtMs?: number;
  readonly power?: "on" | "off";
}

export function planOf(wish: PlanWish = {}): Plan {
  const nodeCount = wish.nodeCount ?? 3;
  const names = Array.from({ length: wish.serviceCount ?? 6 }, (_, index) => `vm:${101 + index}`);
  return {
    name: "test",
    seed: wish.seed ?? 1,
    settings: settingsSchema.parse(wish.settings ?? {}),
    pace: { ...quickPace, ...wish.pace },
    nodes: Array.from({ length: nodeCount }, (_, index) => ({
      node: nodeOf(`node${index + 1}`),
      power: wish.power ?? "on",
      network: "on",
      capacity: undefined,
      taints: [],
      server: true,
    })),
    services: wish.services ?? names.map((name) => servicePlan(name)),
    groups: [],
    rules: [],
    usage: [],
    initial: undefined,
    actions: wish.actions ?? [],
    endAtMs: wish.endAtMs ?? 60_000,
  };
}

/** An action at so many seconds. */
export function at(seconds: number, action: Action): TimedAction {
  return { atMs: seconds * 1_000, action };
}

/** Adds the services at second 5, when all nodes are up: each is placed where it is configured. */
export function adding(services: readonly ServicePlan[]): readonly TimedAction[] {
  return services.map((service) => at(5, { kind: "add", service, running: false }));
}

export interface Play {
  readonly world: World;
  readonly trace: readonly TraceLine[];
  readonly changes: readonly (CopyChange & { readonly atMs: number })[];
  /** Moments at which a service had two executing copies. */
  readonly overlaps: readonly string[];
}

/** Plays a plan to its end, and looks for overlaps after every event. */
export function play(plan: Plan, until: number = plan.endAtMs): Play {
  const trace: TraceLine[] = [];
  const changes: (CopyChange & { readonly atMs: number })[] = [];
  const overlaps: string[] = [];
  let changed = false;
  let made: World | undefined; // what runs from the beginning is told before there is a world
  const world = createWorld(plan, {
    onTrace: (line) => trace.push(line),
    onCopy: (change) => {
      changes.push({ ...change, atMs: made?.nowMs ?? 0 });
      changed = true;
    },
    onEvent: () => {
      if (!changed) return;
      changed = false;
      const seen = new Set<ServiceId>();
      for (const copy of world.copies.values()) {
        if (!isExecuting(copy)) continue;
        if (seen.has(copy.service)) overlaps.push(`${copy.service} at ${world.nowMs}`);
        seen.add(copy.service);
      }
    },
  });
  made = world;
  world.runUntil(until);
  return { world, trace, changes, overlaps };
}

/** Where a service runs now. */
export function whereRuns(world: World, service: ServiceId): readonly NodeId[] {
  const found: NodeId[] = [];
  for (const copy of world.copies.values()) {
    if (copy.service === service && copy.state === "running") found.push(copy.node);
  }
  return found;
}
