/**
 * How long it may take, at most, until everything that is to run runs again, once all faults are over: the bound of
 * S9. It follows from the configured times:
 *
 *   lease     2 x TTL                       an old lease ends; a node whose renewals failed asks for a new one
 *   election  2 x election TTL + 2 s        an old election ends, the next manager is elected and loads
 *   fencing   suspect time + 2 rounds       the manager looks at lost nodes
 *   start     cold start              services without a node wait for known nodes
 *   boot      boot time + 3 s               nodes and processes come back and find a server
 *   work      waves x batches x (3 x operation + 1.5 s) + restart pause
 *   brake     services / recoveries at once x 1 operation
 *   fleet     rollouts and upgrades of agents, see fleet-bound.ts
 *
 * A wave is one link of the longest order that services name, or a move (stop and start) before it; a batch is what
 * one node does at a time. 1.5 s is what asking, telling and deciding cost in each; a pause after a failure is 30 s.
 */
import { coldStartOf, timesOf } from "../../wire/settings.ts";
import type { Plan, ServicePlan } from "../plan.ts";
import { fleetBoundMs } from "./fleet-bound.ts";

/** Longest pause of an agent before it tries again what failed. */
const restartPauseMsMax = 30_000;

/** The bound of S9 for a plan, in milliseconds of virtual time. */
export function livenessBoundMs(plan: Plan): number {
  const { pace } = plan;
  const allSettings = [
    plan.settings,
    ...plan.actions.flatMap(({ action }) => (action.kind === "settings" ? [action.settings] : [])),
  ];
  const most = (figureOf: (settings: Plan["settings"]) => number): number =>
    Math.max(...allSettings.map(figureOf));
  const ttlMs = most((settings) => timesOf(settings).ttlMs);
  const suspectMs = most((settings) => settings.suspectMs);
  const coldStartMs = most(coldStartOf);
  const roundMs = Math.max(
    pace.roundMs,
    most((settings) => settings.roundMs),
  );
  const services = servicesOf(plan);
  const operations = Math.min(...allSettings.map((settings) => settings.operationsPerNode));
  const recoveries = Math.min(...allSettings.map((settings) => settings.brake.recoveriesAtOnce));
  const batches = Math.ceil(services.length / operations);
  const waves = depthOf(services) + 2;
  const stepMs = 3 * pace.operationMs + 1_500 + 2 * pace.roundMs;
  const brakeMs = Math.ceil(services.length / recoveries) * (pace.operationMs + stepMs);
  return (
    2 * ttlMs +
    2 * pace.electionTtlMs +
    2_000 +
    suspectMs +
    coldStartMs +
    2 * roundMs +
    pace.bootMs +
    3_000 +
    waves * batches * stepMs +
    restartPauseMsMax +
    brakeMs +
    fleetBoundMs(plan)
  );
}

function servicesOf(plan: Plan): readonly ServicePlan[] {
  const added = plan.actions.flatMap(({ action }) =>
    action.kind === "add" ? [action.service] : [],
  );
  return [...plan.services, ...added];
}

/** Links of the longest chain of services that wait for each other. */
function depthOf(services: readonly ServicePlan[]): number {
  const byId = new Map(services.map((service) => [service.id, service]));
  const depths = new Map<string, number>();
  const depth = (id: ServicePlan["id"]): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    depths.set(id, 0); // a cycle ends here
    const service = byId.get(id);
    const before = service === undefined ? [] : [...service.after, ...service.requires];
    const found = before.length === 0 ? 0 : 1 + Math.max(...before.map(depth));
    depths.set(id, found);
    return found;
  };
  return Math.max(0, ...services.map(({ id }) => depth(id)));
}
