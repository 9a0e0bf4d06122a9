/** Takes over an instance that an earlier agent process started. */

import { rmSync } from "node:fs";
import type { WorkloadInstance } from "../../../ports/workload.ts";
import type { ProcessConfig } from "../../../wire/process-config.ts";
import { isAlive } from "./containment/process-table.ts";
import type { DriverContext } from "./driver-context.ts";
import { followToEnd } from "./end/instance-end.ts";
import { isOfEarlierBoot, killNow } from "./end/stop.ts";
import { killLeftCommands } from "./exec/exec-beside.ts";
import { beginHealth, endHealth } from "./health/instance-health.ts";
import type { LiveInstance } from "./live-instance.ts";

/** See `WorkloadDriver.adopt`. `gone` is said only when nothing of it is alive. */
export async function adoptInstance(
  context: DriverContext,
  instance: WorkloadInstance,
  configuration: ProcessConfig,
): Promise<"running" | "gone"> {
  if (context.live.has(instance.instanceId)) return "running";
  const rootLives = !isOfEarlierBoot(context, instance) && isAlive(instance.root);
  if (!rootLives) {
    // Without a namespace, children may have outlived the first process.
    const rest = await killNow(context, instance);
    if (rest.ok) {
      rmSync(context.paths.statusFile(instance.instanceId), { force: true });
      rmSync(context.paths.looseFile(instance.instanceId), { force: true });
      return "gone";
    }
  }
  takeOver(context, instance, configuration);
  killLeftCommands(instance);
  return "running";
}

function takeOver(
  context: DriverContext,
  instance: WorkloadInstance,
  configuration: ProcessConfig,
): void {
  const live: LiveInstance = {
    instance,
    configuration,
    phase: "running",
    gate: undefined,
    outputOffset: 0,
    ended: Promise.resolve({ code: undefined, signal: undefined }),
    monitor: undefined,
    stopSignalSent: false,
  };
  const rootEnded = context.endWatch.whenEnded(instance.root).then(() => undefined);
  live.ended = followToEnd(context, live, rootEnded);
  context.live.set(instance.instanceId, live);
  context.logs.keepWithin(instance.service, configuration.log);
  watchHealth(context, live);
}

/** Tells the listener of each change of a running instance's health; it had its start period long ago. */
function watchHealth(context: DriverContext, live: LiveInstance): void {
  beginHealth(
    context,
    live,
    (health, detail) => context.listener.onHealth(live.instance, health, detail),
    { startPeriod: "skipped" },
  );
}

/** Applies what needs no restart: limits of the log at once, the health check by starting it anew if it changed. */
export function reconfigureInstance(
  context: DriverContext,
  live: LiveInstance,
  configuration: ProcessConfig,
): void {
  const before = JSON.stringify(live.configuration.health);
  live.configuration = configuration;
  context.logs.keepWithin(live.instance.service, configuration.log);
  if (live.phase !== "running" || before === JSON.stringify(configuration.health)) return;
  void endHealth(context.clock, live);
  watchHealth(context, live);
}
