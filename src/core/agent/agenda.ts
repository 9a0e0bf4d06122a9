/**
 * What the machine keeps beside its slots, so that an event costs what it concerns and not what the node carries.
 * All of it follows from the slots; it is brought up to date at the end of each step.
 */
import type { Epoch, ServiceId } from "../ids.ts";
import { createQueue, type Queue } from "./queue.ts";

/** What every slot depends on. */
export interface Common {
  /** Of the lease; undefined: there is none. */
  readonly epoch: Epoch | undefined;
  readonly isolating: boolean;
  readonly closing: "no" | "stopping" | "stopped" | "released";
}

/** What a step has to look at, and what has to be known without looking at every slot. */
export interface Agenda {
  /** Whatever changes a slot puts it in here: it is looked at before the step ends. Empty between two steps. */
  readonly dirty: Set<ServiceId>;
  /** When a slot has to be looked at though nothing happens to it. */
  readonly alarms: Queue;
  /** Since when a slot waits for one of the operations; the longest-waiting goes first. */
  readonly waiting: Queue;
  /** Slots with an operation that counts against the limit. */
  readonly operating: Set<ServiceId>;
  /** Slots with an instance that may have live processes. */
  readonly alive: Set<ServiceId>;
  /** Those of them that the guard kills at the deadline. */
  readonly guarded: Set<ServiceId>;
  /** While the agent leaves: every slot that it may have to wait for, and some more. */
  readonly unready: Set<ServiceId>;
  /** As it was when the slots were looked at last. */
  common: Common;
}

/** Nothing to look at. */
export function createAgenda(): Agenda {
  return {
    dirty: new Set(),
    alarms: createQueue(),
    waiting: createQueue(),
    operating: new Set(),
    alive: new Set(),
    guarded: new Set(),
    unready: new Set(),
    common: { epoch: undefined, isolating: false, closing: "no" },
  };
}
