/**
 * The manager's one entry: an event in, the effects of it out. Deterministic: the same state, event and instant
 * give the same effects. The work of an event stays with the services that it concerns.
 */
import { assert } from "../assert.ts";
import { compareIds } from "../ids.ts";
import { managerPassesMax } from "../limits.ts";
import type { InstantMs } from "../time.ts";
import { applyEvent } from "./apply-event.ts";
import { createContext, effectsOf } from "./context.ts";
import { decide } from "./decide.ts";
import type { ManagerEffect } from "./effect.ts";
import type { ManagerEvent } from "./event.ts";
import { nextSuspectAt } from "./nodes.ts";
import type { ManagerState } from "./state.ts";

export type { ManagerEffect } from "./effect.ts";
export type { ManagerEvent } from "./event.ts";
export { createManagerState, type ManagerState } from "./state.ts";

export interface ManagerStep {
  readonly effects: readonly ManagerEffect[];
  /** When the manager wants a `tick`, if nothing happens before; undefined: it does not. */
  readonly wakeAtMs: InstantMs | undefined;
}

/** Takes one event in; `now` never goes back. Changes `state` in place. */
export function step(state: ManagerState, event: ManagerEvent, now: InstantMs): ManagerStep {
  const context = createContext(state, now);
  applyEvent(context, event);
  if (!state.loaded) return { effects: [], wakeAtMs: undefined };
  for (let pass = 0; state.dirty.size > 0; pass += 1) {
    assert(
      pass < managerPassesMax,
      "the services' states settle within a bounded number of passes",
    );
    const services = [...state.dirty].sort(compareIds);
    state.dirty.clear();
    for (const service of services) decide(context, service);
  }
  return { effects: effectsOf(context), wakeAtMs: nextSuspectAt(state) };
}
