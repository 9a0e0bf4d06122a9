/** For how long at a time nobody managed the cluster, as clients see it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { TestControlPlane } from "../../support/control-plane.ts";

const lookEveryMs = 50;

/** Begins to look; the function ends it, and gives the longest time without a manager that serves, in ms. */
export function watchManager(controlPlane: TestControlPlane): () => Promise<number> {
  let isOver = false;
  let longestMs = 0;
  const client = controlPlane.client();
  const look = async (): Promise<void> => {
    let lastMs = performance.now();
    while (!isOver) {
      const answer = await client.servers();
      const isThere =
        answer.ok &&
        answer.value.items.some(({ isManager, health }) => isManager && health === "ok");
      const nowMs = performance.now();
      longestMs = Math.max(longestMs, nowMs - lastMs);
      if (isThere) lastMs = nowMs;
      await sleep(lookEveryMs);
    }
  };
  const looking = look();
  return async () => {
    isOver = true;
    await looking;
    return longestMs;
  };
}
