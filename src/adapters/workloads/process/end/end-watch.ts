/** Notices the end of processes that are no children of this one, with a single timer for all of them. */
import type { Clock } from "../../../../ports/clock.ts";
import type { ProcessIdentity } from "../../../../ports/workload.ts";
import { isAlive, mayBeThere } from "../containment/process-table.ts";

/** An end is noticed after so long, if somebody collects the process, as is usual. */
const lookEveryMs = 250;
/** A look that costs a microsecond sees a zombie, or another process of that number, as alive: look well so often. */
const looksBetweenCloseLooks = 4;

export interface EndWatch {
  /** Resolves when this process is dead; never, if the watch is closed before. */
  whenEnded(identity: ProcessIdentity): Promise<void>;
  close(): void;
}

/** Nothing runs as long as nothing is watched. */
export function createEndWatch(clock: Clock): EndWatch {
  const watched = new Map<ProcessIdentity, () => void>();
  let cancelTimer: (() => void) | undefined;
  let looks = 0;
  const look = (): void => {
    cancelTimer = undefined;
    looks += 1;
    const stillThere =
      looks % looksBetweenCloseLooks === 0
        ? isAlive
        : ({ pid }: ProcessIdentity) => mayBeThere(pid);
    for (const [identity, resolve] of [...watched]) {
      if (stillThere(identity)) continue;
      watched.delete(identity);
      resolve();
    }
    schedule();
  };
  const schedule = (): void => {
    if (watched.size > 0) cancelTimer ??= clock.after(lookEveryMs, look);
  };
  return {
    whenEnded: (identity) =>
      new Promise((resolve) => {
        watched.set(identity, resolve);
        schedule();
      }),
    close: () => {
      watched.clear();
      cancelTimer?.();
    },
  };
}
