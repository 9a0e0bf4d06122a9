/** What becomes of lease, guard and watchdogs at each way in which an agent ends. */
import type { LeavingKind } from "../../core/model/node.ts";
import type { Guard } from "../../ports/guard.ts";
import type { DataDirectory } from "../disk/data-directory.ts";
import type { LeaseKeeper } from "../lease-keeper.ts";
import type { Machine } from "../machine.ts";
import type { AgentOptions, CloseMode, LeaveOutcome } from "../options.ts";
import type { Workloads } from "../workloads.ts";
import type { Departure } from "./departure.ts";

export interface EndingsOptions
  extends Pick<AgentOptions, "log" | "watchdogs" | "restartPatienceMs" | "shutdownPatienceMs"> {
  readonly machine: Machine;
  readonly guard: Guard;
  readonly workloads: Workloads;
  readonly directory: DataDirectory;
  readonly departure: Departure;
  /** Undefined before the agent has begun. */
  readonly keeper: () => LeaseKeeper | undefined;
}

export interface Endings {
  /**
   * Called once. Afterwards no lease is renewed, and nothing is started or stopped any more. `let-go`: the manager has
   * frozen everything already.
   */
  end(way: CloseMode | LeavingKind | "let-go"): Promise<LeaveOutcome>;
  /** Whether the manager froze everything in time for a restart; if not, nothing has changed but that it was asked. */
  letGo(): Promise<boolean>;
}

const restartPatienceMs = 5_000;
const shutdownPatienceMs = 90_000;

export function createEndings(options: EndingsOptions): Endings {
  const { machine, guard, workloads, departure, keeper, log } = options;

  /** Nothing of the epoch is watched any more, or alive: the lease is given back. */
  async function giveBack(nothingRuns: boolean): Promise<void> {
    await keeper()?.release({ nothingRuns });
    await guard.disarm();
    for (const watchdog of options.watchdogs) await watchdog.disarm();
    await options.directory.dropLease();
  }

  async function endStopped(outcome: "all-stopped" | "late"): Promise<LeaveOutcome> {
    machine.stop();
    await keeper()?.stop();
    if (outcome === "late") {
      log.write("error", "not everything could be stopped: the guard kills what is left");
      return "late";
    }
    // What is frozen waits for this node; everything else may run elsewhere, whatever watched it here.
    await giveBack(machine.state.leaving?.how !== "freeze");
    return "stopped";
  }

  async function endLeftAlone(isFrozen: boolean): Promise<LeaveOutcome> {
    machine.stop();
    await keeper()?.stop();
    // On record as nobody's to kill: the next agent, under another epoch, leaves it running.
    const isRecorded = await workloads.settled();
    if (isFrozen && isRecorded && workloads.trackedIds().length === 0) {
      await giveBack(false);
      return "released";
    }
    await guard.detach();
    return "detached";
  }

  return {
    async letGo() {
      const patienceMs = options.restartPatienceMs ?? restartPatienceMs;
      return (await departure.letGo(patienceMs)) === "all-released";
    },
    async end(way) {
      if (way === "let-go") return endLeftAlone(true);
      if (way === "stop-all") return endStopped(await departure.stopAll());
      if (way === "leave-running") return endLeftAlone(false);
      if (way === "agent-restart") {
        const patienceMs = options.restartPatienceMs ?? restartPatienceMs;
        return endLeftAlone((await departure.leave(way, patienceMs)) === "all-released");
      }
      const patienceMs = options.shutdownPatienceMs ?? shutdownPatienceMs;
      const outcome = await departure.leave(way, patienceMs);
      return endStopped(outcome === "late" ? "late" : "all-stopped");
    },
  };
}
