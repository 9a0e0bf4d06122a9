/** The machine's own clocks and timers behind the port. */
import type { Clock } from "../../ports/clock.ts";

/** Longest delay that a timer of Node.js takes; longer ones are waited for in pieces. */
const timerMsMax = 2_147_483_647;

/** The clock of this machine; its monotonic time is CLOCK_MONOTONIC, the same in every process. */
export const systemClock: Clock = { monotonicMs, wallMs: () => Date.now(), after };

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Timers of Node.js may fire up to a millisecond early; the port promises that this one does not. */
function after(delayMs: number, callback: () => void): () => void {
  const dueAtMs = monotonicMs() + delayMs;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const restMs = Math.max(0, dueAtMs - monotonicMs());
    timer = setTimeout(fire, Math.min(Math.ceil(restMs), timerMsMax));
  };
  const fire = (): void => {
    if (monotonicMs() < dueAtMs) arm();
    else callback();
  };
  arm();
  return () => clearTimeout(timer);
}
