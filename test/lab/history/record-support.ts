/** Records a history of a given length, for the recorder's own tests. */
import assert from "node:assert/strict";
import { waitFor } from "../../e2e/harness/wait.ts";
import type { Operation } from "../linearizability/operation.ts";
import { testSeed } from "../random.ts";
import type { HistoryClient } from "./history-client.ts";
import { type RecordOptions, recordHistory } from "./record-history.ts";

export const seed = testSeed();
console.log(`seed ${seed} (HOLDFAST_TEST_SEED)`);

export async function record(
  clients: readonly HistoryClient[],
  options: Partial<RecordOptions> = {},
): Promise<readonly Operation[]> {
  const wanted = { keys: ["a", "b"], seed, pauseMs: 0, operationsMax: 1_500, ...options };
  const recording = recordHistory({ clients, ...wanted });
  await waitFor("the stream to end", 20_000, () => {
    const { done, notDone, unknown } = recording.counts();
    return done + notDone + unknown >= wanted.operationsMax;
  });
  const history = await recording.stop();
  const { done, unknown, written } = recording.counts();
  assert.equal(history.length, done + unknown);
  assert(written > wanted.operationsMax / 10, `${written} writes`);
  return history;
}
