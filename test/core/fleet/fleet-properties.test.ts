/** Whatever happens, S7 holds after every write; and when faults stop, everything comes to its end. */
import { it } from "node:test";
import { RandomWorld } from "./random-world.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_007);
/** Worlds, and what happens in each of them. */
const worldCount = Number(process.env["HOLDFAST_WORLDS"] ?? 70);
const stepCount = 300;

it(`stepFleet() keeps S7 and comes to an end in random worlds (HOLDFAST_SEED=${seed})`, () => {
  for (let index = 0; index < worldCount; index += 1) {
    const world = new RandomWorld(seed + index);
    try {
      for (let step = 0; step < stepCount; step += 1) world.happen();
      world.heal();
      world.checkHealed();
    } catch (error) {
      const story = world.story.slice(-80).join("\n");
      throw new Error(`HOLDFAST_SEED=${seed + index}: ${String(error)}\n${story}`, {
        cause: error,
      });
    }
  }
});
