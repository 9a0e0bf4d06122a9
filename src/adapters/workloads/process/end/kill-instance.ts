/** Kills all of an instance and believes it only when /proc shows that nothing of it is alive. */
import { ok, type Result } from "../../../../core/result.ts";
import type { Clock } from "../../../../ports/clock.ts";
import type {
  ProcessIdentity,
  WorkloadError,
  WorkloadInstance,
} from "../../../../ports/workload.ts";
import { liveProcessesOf, looksNeeded } from "../containment/containment.ts";
import { isAlive, sendSignal } from "../containment/process-table.ts";
import { sleep } from "../waiting.ts";
import { failure } from "../workload-error.ts";

/** After so long SIGKILL has no effect: the process waits in the kernel for something that does not come. */
const killTimeoutMs = 10_000;
const pauseMsMin = 2;
const pauseMsMax = 50;

/** SIGKILL to all of it, again and again, until nothing is found; `timed-out` names what is left. */
export async function killInstance(
  instance: WorkloadInstance,
  clock: Clock,
): Promise<Result<void, WorkloadError>> {
  const giveUpAtMs = clock.monotonicMs() + killTimeoutMs;
  let looksLeft = looksNeeded(instance.containment);
  let pauseMs = pauseMsMin;
  while (looksLeft > 0) {
    const alive = liveProcessesOf(instance);
    if (alive.length === 0) {
      looksLeft -= 1;
      continue;
    }
    looksLeft = looksNeeded(instance.containment);
    if (clock.monotonicMs() > giveUpAtMs) {
      const pids = alive.slice(0, 10).map((process) => process.pid);
      return failure(
        "timed-out",
        `processes ${pids.join(", ")} of "${instance.service}" do not end on SIGKILL; see what they wait for in /proc/<pid>/stack`,
      );
    }
    for (const process of alive) sendSignal(process, "SIGKILL");
    await sleep(clock, pauseMs);
    pauseMs = Math.min(pauseMs * 2, pauseMsMax);
  }
  return ok(undefined);
}

/** True when all of these processes ended within `timeoutMs`. */
export async function endWithin(
  identities: readonly ProcessIdentity[],
  clock: Clock,
  timeoutMs: number,
): Promise<boolean> {
  const giveUpAtMs = clock.monotonicMs() + timeoutMs;
  let pauseMs = pauseMsMin;
  while (identities.some(isAlive)) {
    const leftMs = giveUpAtMs - clock.monotonicMs();
    if (leftMs <= 0) return false;
    await sleep(clock, Math.min(pauseMs, leftMs));
    pauseMs = Math.min(pauseMs * 2, pauseMsMax);
  }
  return true;
}
