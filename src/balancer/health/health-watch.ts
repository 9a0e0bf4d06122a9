/** Checks one server again and again, for as long as it is on the list. */
import type { Clock } from "../../ports/clock.ts";
import type { Backend } from "../config/backends.ts";
import { checkTimes } from "../config/balancer-settings.ts";
import { afterCheck, type HealthState, neverAsked } from "./health-state.ts";
import type { LagMeter } from "./lag-meter.ts";
import { type ProbeOptions, probe } from "./probe.ts";

/** More than this of its own lateness during a check, and a bad outcome says nothing about the server. */
const ownLateMsMax = 250;

export interface WatchOptions extends ProbeOptions {
  readonly lag: LagMeter;
}

/** Told of every check that changed something; `before` is how it was. */
export type HealthListener = (state: HealthState, before: HealthState) => void;

/** Runs until the signal aborts. Checks begin an interval apart, later only when one takes longer than that. */
export async function watchHealth(
  backend: Backend,
  options: WatchOptions,
  tell: HealthListener,
): Promise<void> {
  const { clock, signal, lag } = options;
  let state = neverAsked;
  while (!signal.aborted) {
    const beganAtMs = clock.monotonicMs();
    const lateBeforeMs = lag.lateMs();
    const outcome = await probe(backend, options);
    if (signal.aborted) return;
    if (outcome.kind !== "unreachable" || lag.lateMs() - lateBeforeMs <= ownLateMsMax) {
      const before = state;
      state = afterCheck(before, outcome);
      tell(state, before);
    }
    const usedMs = clock.monotonicMs() - beganAtMs;
    await pause(clock, Math.max(0, checkTimes.intervalMs - usedMs), signal);
  }
}

/** Resolves after so long, or when the signal aborts. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) return Promise.resolve();
  const finish = (): void => {
    cancel();
    signal.removeEventListener("abort", finish);
    resolve();
  };
  const cancel = clock.after(delayMs, finish);
  signal.addEventListener("abort", finish);
  return promise;
}
