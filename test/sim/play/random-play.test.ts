import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../../src/sim/engine/random.ts";
import { createPlayer, say, seenBy } from "./support.ts";

const { HOLDFAST_SEED: givenSeed } = process.env;
const seed = givenSeed === undefined ? Date.now() % 1_000_000 : Number(givenSeed);

const lines = [
  "power node1 off",
  "power node1 on",
  "power node2 off",
  "power node2 on",
  "network node3 off",
  "network node3 on",
  "cut node1 node3",
  "mend node1 node3",
  "maintenance node2 on",
  "maintenance node2 off",
  "freeze agent node1",
  "thaw agent node1",
  "crash agent node3",
  "crash manager",
  "reboot node2",
  "start shop",
  "stop shop",
  "disable web-a",
  "start web-a",
  "migrate mail node2",
  "relocate redis node3",
  "kill web-b",
  "break web-b",
  "repair web-b",
  "disarm",
  "arm",
  "store slow",
  "store ok",
  "run 1s",
  "run 7s",
  "run 30s",
  "next",
  "undo",
  "back 5s",
  "why shop",
];

test("player: whatever is said, it answers, time obeys, and the past stays as it was", () => {
  console.log(`HOLDFAST_SEED=${seed}`);
  for (let round = 0; round < 4; round += 1) {
    const random = createRandom(seed + round, "play");
    const player = createPlayer(seed + round);
    for (let count = 0; count < 40; count += 1) {
      const line = lines[random.below(lines.length)] ?? "run 1s";
      const beforeMs = player.session.nowMs;
      const answer = say(player, line);
      if (answer.kind === "back") assert.ok(player.session.nowMs <= beforeMs, line);
      else assert.ok(player.session.nowMs >= beforeMs, line);
      assert.deepEqual(player.view.brokenRules, [], `${line}, HOLDFAST_SEED=${seed + round}`);
    }
    const picture = seenBy(player);
    const { nowMs } = player.session;
    player.session.backTo(Math.floor(nowMs / 2));
    player.session.runTo(nowMs);
    assert.equal(seenBy(player), picture, `HOLDFAST_SEED=${seed + round}`);
  }
});
