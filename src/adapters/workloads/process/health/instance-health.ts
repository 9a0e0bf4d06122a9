/** Connects an instance with its health check. */
import { assertNever } from "../../../../core/assert.ts";
import type { Clock } from "../../../../ports/clock.ts";
import type { Health } from "../../../../ports/workload.ts";
import type { HealthConfig } from "../../../../wire/process-config.ts";
import type { DriverContext } from "../driver-context.ts";
import { type LiveInstance, markerOf } from "../live-instance.ts";
import { makeStartPlan } from "../start/start-plan.ts";
import { checkPrefix } from "../start/workload-environment.ts";
import { settlesWithin } from "../waiting.ts";
import { execCheck } from "./exec-check.ts";
import type { HealthCheck } from "./health-check.ts";
import { startHealthMonitor } from "./health-monitor.ts";
import { httpCheck } from "./http-check.ts";
import { tcpCheck } from "./tcp-check.ts";

/** The first verdict and all later ones; `starting` is never told. */
export type HealthSink = (health: Exclude<Health, "starting">, detail: string) => void;

interface InstanceHealthOptions {
  /** `skipped` for an instance that has run for long already. */
  readonly startPeriod: "granted" | "skipped";
}

/** Starts the health check of the instance, if its configuration has one. */
export function beginHealth(
  context: DriverContext,
  live: LiveInstance,
  sink: HealthSink,
  { startPeriod }: InstanceHealthOptions,
): void {
  const health = live.configuration.health;
  if (health === undefined) return;
  const timing = startPeriod === "granted" ? health : { ...health, startPeriodMs: 0 };
  const check = checkOf(context, live, health);
  live.monitor = startHealthMonitor({ check, timing, clock: context.clock, onChange: sink });
}

/** Ends it. A check that does not die (it waits in the kernel) is not waited for longer than this. */
export async function endHealth(clock: Clock, live: LiveInstance): Promise<void> {
  const monitor = live.monitor;
  live.monitor = undefined;
  if (monitor !== undefined) await settlesWithin(clock, monitor.stop(), endTimeoutMs);
}

const endTimeoutMs = 2_000;

function checkOf(context: DriverContext, live: LiveInstance, health: HealthConfig): HealthCheck {
  switch (health.kind) {
    case "http":
      return httpCheck(health.url);
    case "tcp":
      return tcpCheck(health.host, health.port);
    case "exec":
      return commandCheck(context, live, health.command, health.arguments);
    default:
      return assertNever(health);
  }
}

/** Looks up command and user at each check, as they may come and go while the service runs. */
function commandCheck(
  context: DriverContext,
  live: LiveInstance,
  command: string,
  rest: readonly string[],
): HealthCheck {
  return async (signal) => {
    const tools = await context.tools();
    if ("fault" in tools) return { passed: false, detail: tools.fault };
    const { service, instanceId } = live.instance;
    const request = { service, instanceId, marker: markerOf(live.instance) };
    const configuration = { ...live.configuration, command, arguments: [...rest] };
    const plan = await makeStartPlan(request, configuration, context.paths);
    if (!plan.ok) return { passed: false, detail: plan.error.message };
    const { user, environment, workingDirectory } = plan.value;
    return execCheck({
      name: command,
      command: [...checkPrefix(tools.setprivPath, user), ...plan.value.command],
      environment,
      workingDirectory,
    })(signal);
  };
}
