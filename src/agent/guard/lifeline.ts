/**
 * The lifeline: a FIFO in the agent's data directory that agent and guard hold open. The kernel tells every
 * workload when both are gone, however they died, so that not even their common end leaves a workload unguarded.
 */
import { constants, openSync } from "node:fs";
import { join } from "node:path";

/** Where it is. The agent makes it. */
export function lifelinePathIn(dataDirectory: string): string {
  return join(dataDirectory, "lifeline");
}

/** Holds it open until this process ends. Without one (the agent has made none) there is nothing to hold. */
export function holdLifeline(dataDirectory: string): void {
  try {
    openSync(lifelinePathIn(dataDirectory), constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error: unknown) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}
