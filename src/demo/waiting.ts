/** Waiting for a condition of the cluster, with an end. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../client/client.ts";
import type { ClusterStatus } from "../wire/api.ts";

const lookEveryMs = 25;

/** How long a wait may take, and what a person is told was waited for. */
export interface WaitOptions {
  readonly what: string;
  readonly forMsMax: number;
  /** Ends the wait early, as a failure. */
  readonly signal: AbortSignal;
}

/** Asks until there is an answer other than undefined; throws an Error of one line when the time is over. */
export async function waitUntil<T>(
  ask: () => Promise<T | undefined>,
  options: WaitOptions,
): Promise<T> {
  const giveUpAtMs = performance.now() + options.forMsMax;
  while (performance.now() < giveUpAtMs) {
    options.signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(lookEveryMs);
  }
  throw new Error(`waited ${options.forMsMax / 1_000} s in vain for ${options.what}`);
}

/** Waits until the cluster's status is as wanted; a server that does not answer is asked again. */
export function waitForStatus(
  client: Client,
  isWanted: (status: ClusterStatus) => boolean,
  options: WaitOptions,
): Promise<ClusterStatus> {
  return waitUntil(async () => {
    const answer = await client.cluster();
    return answer.ok && isWanted(answer.value) ? answer.value : undefined;
  }, options);
}
