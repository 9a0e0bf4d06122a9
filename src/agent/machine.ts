/** Drives the core's machine: events in one after the other, effects out at once, one timer for its wishes. */
import type { AgentEffect } from "../core/agent/effect.ts";
import type { AgentEvent } from "../core/agent/event.ts";
import type { AgentState } from "../core/agent/state.ts";
import { step } from "../core/agent/step.ts";
import { instantMs } from "../core/time.ts";
import type { Clock } from "../ports/clock.ts";

export interface Machine {
  readonly state: AgentState;
  /** Takes in an event. One that comes while another is taken in waits for its turn. */
  dispatch(event: AgentEvent): void;
  /** Takes in nothing more. */
  stop(): void;
}

/** Longest sleep before the machine looks at the clock again. */
const sleepMsMax = 60_000;

export function createMachine(
  state: AgentState,
  clock: Clock,
  perform: (effect: AgentEffect) => void,
): Machine {
  const queue: AgentEvent[] = [];
  let cancelTimer: () => void = () => undefined;
  let busy = false;
  let stopped = false;
  let wakeAtMs: number | undefined;

  function dispatch(event: AgentEvent): void {
    queue.push(event);
    if (busy) return;
    busy = true;
    try {
      for (let next = queue.shift(); next !== undefined && !stopped; next = queue.shift()) {
        const outcome = step(state, next, instantMs(clock.monotonicMs()));
        wakeAtMs = outcome.wakeAtMs;
        for (const effect of outcome.effects) perform(effect);
      }
    } finally {
      busy = false;
    }
    schedule();
  }

  function schedule(): void {
    cancelTimer();
    if (stopped || wakeAtMs === undefined) return;
    const delayMs = Math.min(Math.max(wakeAtMs - clock.monotonicMs(), 0), sleepMsMax);
    cancelTimer = clock.after(delayMs, () => dispatch({ kind: "tick" }));
  }

  return {
    state,
    dispatch,
    stop() {
      stopped = true;
      cancelTimer();
    },
  };
}
