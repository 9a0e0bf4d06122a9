/**
 * The machine that looks at what an event concerns, beside one that looks at every service after every event: the same
 * random history has to give the same effects, the same wake-ups and the same slots.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { touchAll } from "../../../src/core/agent/concern.ts";
import { History } from "./history.ts";

test("step() does what it would do if it looked at every service after every event", (t) => {
  const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 2 ** 31);
  const runs = Number(process.env["HOLDFAST_RUNS"] ?? 150);
  t.diagnostic(`HOLDFAST_SEED=${seed} HOLDFAST_RUNS=${runs}`);
  const kinds = new Map<string, number>();
  for (let run = 0; run < runs; run += 1) {
    const history = new History(seed + run);
    const [one, all] = [history.machine(), history.machine()];
    for (let count = 0; count < 600; count += 1) {
      const event = history.next(one.state);
      const what = `seed ${seed + run}, event ${count}: ${JSON.stringify(event)}`;
      touchAll(all.state);
      const [outcome, expected] = [one, all].map((each) => each.take(event, history.nowMs));
      assert.deepEqual(outcome, expected, what);
      assert.deepEqual([...one.state.slots], [...all.state.slots], what);
      for (const { kind } of outcome?.effects ?? []) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (outcome !== undefined) history.onOutcome(outcome);
    }
  }
  t.diagnostic([...kinds].map(([kind, count]) => `${count} ${kind}`).join(", "));
  for (const kind of [
    ...["confirm", "start", "abort-start", "stop", "move", "reconfigure", "track", "untrack"],
    ...["remember-failure", "forget", "report", "request-lease", "put-mode"],
    ...["all-stopped", "all-released"],
  ]) {
    assert.ok(kinds.has(kind), `no history had the effect ${kind}`);
  }
});
