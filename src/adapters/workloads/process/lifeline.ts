/** Lets an instance's lifeline loose, so that it outlives agent and guard, and ties it again. */
import { rmSync, writeFileSync } from "node:fs";
import type { WorkloadInstance } from "../../../ports/workload.ts";
import { sendSignal } from "./containment/process-table.ts";
import type { DriverContext } from "./driver-context.ts";
import { canBeLoose, lifelineOf } from "./live-instance.ts";
import { messageOf } from "./workload-error.ts";

/** See `WorkloadDriver.cutLifeline`. One that cannot be let loose is cut for good. */
export function cutLifeline(context: DriverContext, instance: WorkloadInstance): void {
  const lifeline = lifelineOf(instance);
  if (lifeline === undefined) return;
  const { service, instanceId } = instance;
  if (canBeLoose(instance)) {
    try {
      writeFileSync(context.paths.looseFile(instanceId), "", { mode: 0o600 });
      return;
    } catch (error: unknown) {
      context.log.write("warn", `its lifeline is cut for good: ${messageOf(error)}`, { service });
    }
  }
  sendSignal(lifeline, "SIGKILL");
}

/** See `WorkloadDriver.tieLifeline`. */
export function tieLifeline(context: DriverContext, instance: WorkloadInstance): void {
  const { service, instanceId } = instance;
  try {
    rmSync(context.paths.looseFile(instanceId), { force: true });
  } catch (error: unknown) {
    context.log.write("warn", `its lifeline stays loose: ${messageOf(error)}`, { service });
  }
}
