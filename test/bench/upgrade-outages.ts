/** Asks somebody all the time, and adds up for how long there was no good answer. */
import { setTimeout as sleep } from "node:timers/promises";

const askEveryMs = 50;
const againMs = 10;
/** A machine that is busy with two versions at once answers more slowly; who waits for longer is turned away in effect. */
const lateMs = 500;

export interface Outages {
  /** Of all calls whose first answer was no good one or came late, each from its begin until the good one. */
  readonly unavailableMs: number;
  /** Those of them whose first answer was a bad one, or none: who asks only once gets nothing. */
  readonly failedMs: number;
  readonly longestMs: number;
  readonly medianMs: number;
  /** Calls in all. */
  readonly calls: number;
}

interface Call {
  readonly tookMs: number;
  readonly attempts: number;
}

/**
 * Begins; `ask` says whether the answer was good, and is asked again until it is. The function ends it, and gives what came
 * of it.
 */
export function watchOutages(ask: () => Promise<boolean>): () => Promise<Outages> {
  const calls: Call[] = [];
  let isOver = false;
  const call = async (): Promise<void> => {
    const beganAtMs = performance.now();
    let attempts = 1;
    for (; !(await ask()) && !isOver; attempts += 1) await sleep(againMs);
    const tookMs = performance.now() - beganAtMs;
    calls.push({ tookMs, attempts });
    await sleep(Math.max(0, askEveryMs - tookMs));
  };
  const watching = (async () => {
    while (!isOver) await call();
  })();
  return async () => {
    isOver = true;
    await watching;
    return outagesOf(calls);
  };
}

function outagesOf(calls: readonly Call[]): Outages {
  const failed = calls.filter(({ attempts }) => attempts > 1);
  const late = calls.filter(({ attempts, tookMs }) => attempts === 1 && tookMs > lateMs);
  const sorted = calls.map(({ tookMs }) => tookMs).sort((left, right) => left - right);
  return {
    unavailableMs: sumOf([...failed, ...late]),
    failedMs: sumOf(failed),
    longestMs: sorted.at(-1) ?? 0,
    medianMs: sorted[sorted.length >> 1] ?? 0,
    calls: calls.length,
  };
}

function sumOf(calls: readonly Call[]): number {
  return calls.reduce((sum, { tookMs }) => sum + tookMs, 0);
}
