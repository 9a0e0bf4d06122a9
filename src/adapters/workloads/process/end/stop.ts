/** Ends an instance: by its stop signal first, then by force. Works on instances of earlier agent processes too. */
import { ok, type Result } from "../../../../core/result.ts";
import type { WorkloadError, WorkloadInstance } from "../../../../ports/workload.ts";
import type { ProcessConfig } from "../../../../wire/process-config.ts";
import { liveProcessesOf } from "../containment/containment.ts";
import { sendSignal } from "../containment/process-table.ts";
import type { DriverContext } from "../driver-context.ts";
import { endHealth } from "../health/instance-health.ts";
import { type LiveInstance, mainProcessOf } from "../live-instance.ts";
import { settlesWithin } from "../waiting.ts";
import { endWithin, killInstance } from "./kill-instance.ts";

/** How long the driver's own bookkeeping of a dead instance is waited for. */
const bookkeepingTimeoutMs = 2_000;

/** See `WorkloadDriver.stop`; `timeoutMs` undefined means the configuration's. */
export async function stopInstance(
  context: DriverContext,
  instance: WorkloadInstance,
  configuration: ProcessConfig,
  timeoutMs: number | undefined,
): Promise<Result<void, WorkloadError>> {
  if (isOfEarlierBoot(context, instance)) return ok(undefined);
  const live = context.live.get(instance.instanceId);
  const mayEndByItself = live?.phase !== "prepared" && configuration.stopSignal !== "SIGKILL";
  silence(live);
  if (mayEndByItself && liveProcessesOf(instance).length > 0) {
    const signalled = sendStopSignal(live, instance, configuration.stopSignal);
    if (signalled) {
      const processes = [mainProcessOf(instance), instance.root];
      await endWithin(processes, context.clock, timeoutMs ?? configuration.stopTimeoutMs);
    }
  }
  return killAndForget(context, instance, live);
}

/** See `WorkloadDriver.kill`. */
export async function killNow(
  context: DriverContext,
  instance: WorkloadInstance,
): Promise<Result<void, WorkloadError>> {
  if (isOfEarlierBoot(context, instance)) return ok(undefined);
  const live = context.live.get(instance.instanceId);
  silence(live);
  return killAndForget(context, instance, live);
}

/** No process outlives its machine's boot, and the same numbers may be others' now. */
export function isOfEarlierBoot(context: DriverContext, instance: WorkloadInstance): boolean {
  return instance.driverState["bootId"] !== context.bootId;
}

/** From here on nothing of it is told to the listener. */
function silence(live: LiveInstance | undefined): void {
  if (live !== undefined && live.phase !== "ended") live.phase = "stopping";
}

/** False when the workload's own process is gone or may not be signalled: there is nothing to wait for. */
function sendStopSignal(
  live: LiveInstance | undefined,
  instance: WorkloadInstance,
  signal: NodeJS.Signals,
): boolean {
  if (live?.stopSignalSent === true) return true;
  if (live !== undefined) live.stopSignalSent = true;
  return sendSignal(mainProcessOf(instance), signal) === "sent";
}

async function killAndForget(
  context: DriverContext,
  instance: WorkloadInstance,
  live: LiveInstance | undefined,
): Promise<Result<void, WorkloadError>> {
  live?.gate?.destroy();
  const killed = await killInstance(instance, context.clock);
  if (!killed.ok) return killed;
  if (live !== undefined) {
    await endHealth(context.clock, live);
    await settlesWithin(context.clock, live.ended, bookkeepingTimeoutMs);
  }
  return killed;
}
