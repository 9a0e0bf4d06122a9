/** The guard's last word: "nothing of epoch E runs here any more", so that recovery need not wait for the lease. */
import type { Epoch, NodeId } from "../../core/ids.ts";
import type { NodeClock } from "../engine/node-clock.ts";
import type { Process } from "../engine/process.ts";
import type { Caller } from "./caller.ts";

const roundCountMax = 20;
const pauseMs = 250;
const requestTimeoutMs = 1_000;

/** Says it to the servers in turn, again and again, until one gave a definite answer or it was tried often enough. */
export function sayLastWord(word: {
  readonly node: NodeId;
  readonly caller: Caller;
  readonly clock: NodeClock;
  /** The guard's. */
  readonly process: Process;
  readonly epoch: Epoch;
  readonly round?: number;
}): void {
  const { node, caller, clock, process, epoch, round = 1 } = word;
  const again = clock.timer(() => process.enter(() => sayLastWord({ ...word, round: round + 1 })));
  process.onEnd(() => again.close());
  caller.call({ kind: "release", node, epoch, nothingRuns: false }, requestTimeoutMs, (answer) => {
    again.clear();
    if (answer.kind !== "unavailable" || round >= roundCountMax) caller.close();
    else again.set(clock.nowMs + pauseMs);
  });
}
