/**
 * How late this process itself is. A balancer that thousands of agents come back to at once, or whose machine was
 * paused, must not take its own slowness for its servers': it would end all their connections, and make it worse.
 */
import type { Clock } from "../../ports/clock.ts";

const tickMs = 100;

export interface LagMeter {
  /** Grows by all the time that the process was late; compare two readings. */
  lateMs(): number;
  close(): void;
}

/** Measures until it is closed. */
export function startLagMeter(clock: Clock): LagMeter {
  let lateMs = 0;
  let dueAtMs = clock.monotonicMs() + tickMs;
  const overdueMs = (): number => Math.max(0, clock.monotonicMs() - dueAtMs);
  const tick = (): void => {
    lateMs += overdueMs();
    dueAtMs = clock.monotonicMs() + tickMs;
    cancel = clock.after(tickMs, tick);
  };
  let cancel = clock.after(tickMs, tick);
  return { lateMs: () => lateMs + overdueMs(), close: () => cancel() };
}
