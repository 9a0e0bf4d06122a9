/**
 * Repeats a health check and tells when the verdict changes. One check at a time, at fixed distances; until the
 * first one has passed it looks more often, so that a start is noticed soon.
 */
import type { Clock } from "../../../../ports/clock.ts";
import type { Health } from "../../../../ports/workload.ts";
import type { HealthConfig } from "../../../../wire/process-config.ts";
import { sleep } from "../waiting.ts";
import type { CheckOutcome, HealthCheck } from "./health-check.ts";

/** Longest distance between checks as long as none has passed. */
const startingIntervalMsMax = 500;

export interface HealthMonitorOptions {
  readonly check: HealthCheck;
  readonly timing: Pick<
    HealthConfig,
    "intervalMs" | "timeoutMs" | "threshold" | "startPeriodMs" | "kind"
  >;
  readonly clock: Clock;
  /** Called on changes only; the first verdict is a change from `starting`. */
  readonly onChange: (health: Exclude<Health, "starting">, detail: string) => void;
}

export interface HealthMonitor {
  /** Ends it, a running check included; nothing is told any more. Resolves when the check is gone. */
  stop(): Promise<void>;
}

/** Starts checking at once. */
export function startHealthMonitor(options: HealthMonitorOptions): HealthMonitor {
  const stopped = new AbortController();
  const running = monitor(options, stopped.signal);
  return {
    stop: () => {
      stopped.abort();
      return running;
    },
  };
}

async function monitor(options: HealthMonitorOptions, stopped: AbortSignal): Promise<void> {
  const { clock, timing, onChange } = options;
  const startedAtMs = clock.monotonicMs();
  let health: Health = "starting";
  let failures = 0;
  while (!stopped.aborted) {
    const beganAtMs = clock.monotonicMs();
    const outcome = await checkOnce(options, stopped);
    if (stopped.aborted) return;
    const inStartPeriod =
      health === "starting" && clock.monotonicMs() - startedAtMs < timing.startPeriodMs;
    if (outcome.passed) failures = 0;
    else if (!inStartPeriod) failures += 1;
    const verdict = verdictOf(health, outcome, failures >= timing.threshold);
    if (verdict !== health && verdict !== "starting") onChange(verdict, outcome.detail);
    health = verdict;
    const intervalMs =
      health === "starting"
        ? Math.min(timing.intervalMs, startingIntervalMsMax)
        : timing.intervalMs;
    await sleep(clock, restOfInterval(clock.monotonicMs() - beganAtMs, intervalMs), stopped);
  }
}

function verdictOf(health: Health, outcome: CheckOutcome, tooManyFailures: boolean): Health {
  if (outcome.passed) return "healthy";
  return tooManyFailures ? "unhealthy" : health;
}

/** A check that took longer than its interval is followed by the next one at the next full distance. */
function restOfInterval(tookMs: number, intervalMs: number): number {
  return intervalMs - (tookMs % intervalMs);
}

/** Runs the check within its time-out. */
async function checkOnce(
  { check, clock, timing }: HealthMonitorOptions,
  stopped: AbortSignal,
): Promise<CheckOutcome> {
  const late = new AbortController();
  const cancel = clock.after(timing.timeoutMs, () => late.abort());
  try {
    return await check(AbortSignal.any([stopped, late.signal]));
  } finally {
    cancel();
  }
}
