/** What a scenario means where it says nothing: how fast the parts react, and a service that nobody described. */
import type { ServiceId } from "../../core/ids.ts";
import { electionTtlMs } from "../../runtime/election.ts";
import type { Misbehaviour, Pace, ServicePlan } from "../plan.ts";

/** Reacts to events at once, as production does, on a quick network with quick disks. */
export const defaultPace: Pace = {
  roundMs: 0,
  operationMs: 2_000,
  messageMs: 1,
  storeMs: 2,
  bootMs: 30_000,
  presence: false,
  watchdog: "guard",
  idleAfterMs: 600_000,
  electionTtlMs,
};

/** A workload that does all that is asked of it. */
export const wellBehaved: Misbehaviour = {
  failingStarts: 0,
  failingMoves: 0,
  cannotStop: false,
  missing: false,
  onlyOn: undefined,
};

/** Virtual machines move while they run, containers by a hand-over, everything else by stop and start. */
const moveByType: ReadonlyMap<string, ServicePlan["moveBy"]> = new Map([
  ["vm", "live"],
  ["ct", "cold"],
  ["fa", "cold"],
]);

/** How a service of this type moves when nobody says. */
export function moveByOf(type: string): ServicePlan["moveBy"] {
  return moveByType.get(type) ?? "stop";
}

/** A started service with the product's defaults. */
export function defaultService(id: ServiceId, type: string): ServicePlan {
  return {
    id,
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
    moveBy: moveByOf(type),
    misbehaviour: undefined,
    lock: undefined,
  };
}
