/** Tests wait for conditions, never for fixed times. */
import { setTimeout as sleep } from "node:timers/promises";

const lookEveryMs = 20;

/** Asks until the answer is neither undefined nor false; fails with `what` when the time is over. */
export async function waitFor<T>(
  what: string,
  forMsMax: number,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const giveUpAtMs = performance.now() + forMsMax;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > giveUpAtMs) {
      throw new Error(`waited ${forMsMax / 1_000} s in vain: ${what}`);
    }
    await sleep(lookEveryMs);
  }
}

/** Looks again and again for so long, and fails as soon as the condition does not hold. */
export async function holdsFor(
  what: string,
  forMs: number,
  ask: () => Promise<boolean> | boolean,
): Promise<void> {
  const endAtMs = performance.now() + forMs;
  while (performance.now() < endAtMs) {
    if (!(await ask())) throw new Error(`does not hold: ${what}`);
    await sleep(lookEveryMs);
  }
}
