/**
 * An upgrade of the control plane is interrupted at every one of its steps, in an order of HOLDFAST_SEED: the acting manager
 * is killed, and it comes to its end all the same; or it is taken back, and all is as before. HOLDFAST_RUNS says how many
 * rounds of each strategy are played, or `all`.
 */
import { after, before, describe, test } from "node:test";
import type { UpgradeStrategy } from "../../src/core/upgrade/model.ts";
import { randomFrom } from "../e2e/rollout/kill-steps.ts";
import { missingForMembers } from "../server/members/etcdctl.ts";
import { type Rounds, roundsOf, startRounds } from "./support/rounds.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000);
const runs = process.env["HOLDFAST_RUNS"];
const usualCount: Readonly<Record<UpgradeStrategy, number>> = { rolling: 2, "stop-all": 2 };

for (const strategy of ["rolling", "stop-all"] as const) {
  const all = roundsOf(strategy, randomFrom(seed));
  const count = runs === undefined ? usualCount[strategy] : Number(runs);
  const chosen = runs === "all" ? all : all.slice(0, count);

  describe(`a ${strategy} upgrade (HOLDFAST_SEED=${seed})`, { skip: missingForMembers() }, () => {
    let rounds: Rounds;
    let isBroken = false;
    before(async () => {
      rounds = await startRounds(strategy);
    });
    after(async () => {
      await rounds.stop();
    });

    for (const { step, interruption } of chosen) {
      const words = {
        kill: `comes to its end though its manager is killed at the step ${step}`,
        abort: `is taken back from the step ${step}`,
      };
      test(words[interruption], { timeout: 300_000 }, async (t) => {
        if (isBroken) return t.skip("a round before it has failed, which says all");
        isBroken = true;
        const beganAtMs = performance.now();
        const outcome = await rounds.play({ step, interruption });
        t.diagnostic(`${Math.round(performance.now() - beganAtMs)} ms: ${outcome}`);
        isBroken = false;
      });
    }
  });
}
