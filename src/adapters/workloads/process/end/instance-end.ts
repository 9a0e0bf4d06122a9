/** What happens when an instance's first process has ended: make sure of the rest, then tell. */

import { rmSync } from "node:fs";
import type { WorkloadExit } from "../../../../ports/workload.ts";
import type { DriverContext } from "../driver-context.ts";
import { endHealth } from "../health/instance-health.ts";
import type { LiveInstance } from "../live-instance.ts";
import { sleep } from "../waiting.ts";
import { readExit } from "./exit-status.ts";
import { killInstance } from "./kill-instance.ts";

/** Pause before the next attempt to kill what does not die. */
const againAfterMs = 1_000;

/**
 * Waits for the end of the first process, then kills what is left. The listener hears of it only when all of it
 * is dead, and only if it was running: an end while it starts or is stopped is the answer to that call.
 */
export async function followToEnd(
  context: DriverContext,
  live: LiveInstance,
  firstProcessEnded: Promise<NodeJS.Signals | undefined>,
): Promise<WorkloadExit> {
  const signal = await firstProcessEnded;
  await endHealth(context.clock, live);
  await killRest(context, live);
  const statusFile = context.paths.statusFile(live.instance.instanceId);
  const exit = readExit(statusFile, signal);
  rmSync(statusFile, { force: true });
  rmSync(context.paths.looseFile(live.instance.instanceId), { force: true });
  const wasRunning = live.phase === "running";
  live.phase = "ended";
  context.live.delete(live.instance.instanceId);
  leaveLogs(context, live);
  if (wasRunning && !context.closed.aborted) context.listener.onExit(live.instance, exit);
  return exit;
}

async function killRest({ clock, log, closed }: DriverContext, live: LiveInstance): Promise<void> {
  let outcome = await killInstance(live.instance, clock);
  while (!outcome.ok && !closed.aborted) {
    log.write("error", outcome.error.message, { service: live.instance.service });
    await sleep(clock, againAfterMs, closed);
    outcome = await killInstance(live.instance, clock);
  }
}

/** Unless the service's next instance is there already. */
function leaveLogs({ live, logs }: DriverContext, ended: LiveInstance): void {
  const { service } = ended.instance;
  if (![...live.values()].some((other) => other.instance.service === service)) logs.leave(service);
}
