/**
 * The two core machines of the manager's office, side by side: the manager, who keeps services running, and the fleet,
 * which decides about deployments and upgrades. Both are told of the same changes of the store, in the same order, and
 * what they want written goes into one queue.
 */
import type { FleetEvent } from "../core/fleet/event.ts";
import { createFleetState, type FleetState } from "../core/fleet/state.ts";
import { stepFleet } from "../core/fleet/step.ts";
import type { ManagerEvent } from "../core/manager/event.ts";
import { createManagerState, type ManagerState, stepAll } from "../core/manager/step.ts";
import type { InstantMs } from "../core/time.ts";
import type { StoreChange, StoredEntry } from "../ports/store.ts";
import { FleetMirror, fleetPrefixes } from "./fleet/fleet-mirror.ts";
import type { OfficeEffect } from "./manager-draft.ts";
import { createManagerMirror, type ManagerMirror, managerPrefixes } from "./manager-mirror.ts";

/** All that the office loads, in the order in which its machines are told. */
export const officePrefixes: readonly string[] = [...managerPrefixes, ...fleetPrefixes];

/** What became known at one instant, by whose it is. */
export interface OfficeEvents {
  readonly manager: readonly ManagerEvent[];
  readonly fleet: readonly FleetEvent[];
}

/** What the office wants after a step. */
export interface OfficeStep {
  readonly effects: readonly OfficeEffect[];
  /** When it wants to be woken, if nothing happens before; undefined: it does not. */
  readonly wakeAtMs: InstantMs | undefined;
}

/** Loading is over. */
export const officeLoaded: OfficeEvents = {
  manager: [{ kind: "loaded" }],
  fleet: [{ kind: "fleet-loaded" }],
};

export class Office {
  readonly manager: ManagerState;
  readonly fleet: FleetState;
  /** What the writes of the manager rest on, and those of the fleet. */
  readonly mirror: ManagerMirror = createManagerMirror();
  readonly fleetMirror = new FleetMirror();
  #managerWakeAtMs: InstantMs | undefined;
  #fleetWakeAtMs: InstantMs | undefined;

  /** `uidPrefix`: unique for each time that everything is loaded. */
  constructor(options: { readonly uidPrefix: string }) {
    this.manager = createManagerState(options);
    this.fleet = createFleetState(options);
  }

  /** Takes in a record while loading. */
  load(entry: StoredEntry): OfficeEvents {
    return { manager: this.mirror.load(entry), fleet: this.fleetMirror.load(entry) };
  }

  /** Takes in a change of the store. */
  apply(change: StoreChange): OfficeEvents {
    return { manager: this.mirror.apply(change), fleet: this.fleetMirror.apply(change) };
  }

  /** Tells both machines, each what is its own, and lets them decide. */
  step({ manager, fleet }: OfficeEvents, now: InstantMs): OfficeStep {
    const effects: OfficeEffect[] = [];
    if (manager.length > 0) {
      const step = stepAll(this.manager, manager, now);
      effects.push(...step.effects);
      this.#managerWakeAtMs = step.wakeAtMs;
    }
    if (fleet.length > 0) {
      const step = stepFleet(this.fleet, fleet, now);
      effects.push(...step.effects);
      this.#fleetWakeAtMs = step.wakeAtMs;
    }
    return { effects, wakeAtMs: earlierOf(this.#managerWakeAtMs, this.#fleetWakeAtMs) };
  }

  /** The instant has come that one of them has asked for. */
  tick(now: InstantMs): OfficeEvents {
    const isFleetDue = this.#fleetWakeAtMs !== undefined && this.#fleetWakeAtMs <= now;
    return {
      manager: [{ kind: "tick" }],
      fleet: isFleetDue ? [{ kind: "fleet-tick" }] : [],
    };
  }
}

function earlierOf(
  left: InstantMs | undefined,
  right: InstantMs | undefined,
): InstantMs | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left < right ? left : right;
}

/** Several in their order. */
export function joinEvents(parts: readonly OfficeEvents[]): OfficeEvents {
  return {
    manager: parts.flatMap(({ manager }) => manager),
    fleet: parts.flatMap(({ fleet }) => fleet),
  };
}
