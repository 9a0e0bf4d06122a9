/**
 * Opens the gate of a prepared instance, and waits until its start can be called a success: it ran for its
 * settling time, and its health check, if it has one, has passed once.
 */
import { ok, type Result } from "../../../../core/result.ts";
import type { WorkloadError, WorkloadExit } from "../../../../ports/workload.ts";
import type { ProcessConfig } from "../../../../wire/process-config.ts";
import { gateOpen } from "../containment/shim.ts";
import type { DriverContext } from "../driver-context.ts";
import { describeExit } from "../end/exit-status.ts";
import { stopInstance } from "../end/stop.ts";
import { beginHealth, type HealthSink } from "../health/instance-health.ts";
import type { LiveInstance } from "../live-instance.ts";
import { lastOutput } from "../logs/last-output.ts";
import { sleep } from "../waiting.ts";
import { failure } from "../workload-error.ts";

type StartOutcome =
  | { readonly kind: "settled" }
  | { readonly kind: "unhealthy"; readonly detail: string }
  | { readonly kind: "ended"; readonly exit: WorkloadExit };

/** See `WorkloadDriver.release`. After a failure nothing of the instance is alive, or the message says so. */
export async function releaseInstance(
  context: DriverContext,
  live: LiveInstance,
  configuration: ProcessConfig,
): Promise<Result<void, WorkloadError>> {
  const { gate, instance } = live;
  if (gate === undefined || live.phase !== "prepared") {
    return failure("failed", `"${instance.service}" is not at its gate but ${live.phase}`);
  }
  // Nothing is awaited before this: the caller checked its lease just now.
  gate.end(gateOpen, () => gate.destroy());
  live.phase = "starting";
  live.configuration = configuration;
  context.logs.keepWithin(instance.service, configuration.log);
  const startedAtMs = context.clock.monotonicMs();
  const outcome = await watchStart(context, live);
  const phase = phaseOf(live);
  if (phase === "stopping") {
    return failure("failed", `"${instance.service}" was stopped while it started`);
  }
  if (phase === "ended" || outcome.kind === "ended") {
    const exit = await live.ended;
    const ranForMs = context.clock.monotonicMs() - startedAtMs;
    return failure("failed", await earlyEnd(context, live, exit, ranForMs));
  }
  if (outcome.kind === "unhealthy") return giveUp(context, live, outcome.detail);
  live.phase = "running";
  return ok(undefined);
}

/** Read anew: it changes while others are waited for. */
function phaseOf(live: LiveInstance): LiveInstance["phase"] {
  return live.phase;
}

/** The first of: it ended, it was found unhealthy, it settled (and was found healthy). */
async function watchStart(context: DriverContext, live: LiveInstance): Promise<StartOutcome> {
  const over = new AbortController();
  const ended = live.ended.then((exit): StartOutcome => ({ kind: "ended", exit }));
  const verdict = firstVerdict(context, live);
  const settled = sleep(context.clock, live.configuration.restart.settleMs, over.signal);
  const up = Promise.all([settled, verdict.healthy]).then(
    (): StartOutcome => ({ kind: "settled" }),
  );
  try {
    return await Promise.race([ended, up, verdict.unhealthy]);
  } finally {
    over.abort();
  }
}

/**
 * Starts the health check. While the instance starts, "unhealthy" is the failure of its start and not told to the
 * listener besides.
 */
function firstVerdict(
  context: DriverContext,
  live: LiveInstance,
): { readonly healthy: Promise<void>; readonly unhealthy: Promise<StartOutcome> } {
  const healthy = Promise.withResolvers<void>();
  const unhealthy = Promise.withResolvers<StartOutcome>();
  const sink: HealthSink = (health, detail) => {
    if (live.phase === "starting" && health === "unhealthy") {
      unhealthy.resolve({ kind: "unhealthy", detail });
      return;
    }
    context.listener.onHealth(live.instance, health, detail);
    if (health === "healthy") healthy.resolve();
  };
  beginHealth(context, live, sink, { startPeriod: "granted" });
  if (live.monitor === undefined) healthy.resolve();
  return { healthy: healthy.promise, unhealthy: unhealthy.promise };
}

async function giveUp(
  context: DriverContext,
  live: LiveInstance,
  detail: string,
): Promise<Result<void, WorkloadError>> {
  const { service } = live.instance;
  const stopped = await stopInstance(context, live.instance, live.configuration, undefined);
  const rest = stopped.ok ? "it was stopped" : stopped.error.message;
  return failure("failed", `"${service}" did not become healthy: ${detail}; ${rest}`);
}

async function earlyEnd(
  { logs }: DriverContext,
  { instance, outputOffset }: LiveInstance,
  exit: WorkloadExit,
  ranForMs: number,
): Promise<string> {
  const said = await lastOutput(logs.directoryOf(instance.service), outputOffset);
  const seconds = (ranForMs / 1_000).toFixed(1);
  const hint = exit.code === 0 ? " (a service must stay in the foreground)" : "";
  const tail = said === "" ? "; it printed nothing" : `; last output: ${said}`;
  return `"${instance.service}" ended ${seconds} s after its start with ${describeExit(exit)}${hint}${tail}`;
}
