/** The manager in a random world: S1 after every event, S9 once the faults end. */

import { test } from "node:test";
import fc from "fast-check";
import { serviceId } from "./manager-harness.ts";
import { World } from "./manager-world.ts";
import { actOf, serviceNames } from "./world/acts.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_000);
const runCount = Number(process.env["HOLDFAST_RUNS"] ?? 1_000);

test(`step() never lets two copies run and recovers everything (seed ${seed}, ${runCount} worlds)`, () => {
  fc.assert(
    fc.property(
      fc.array(actOf, { minLength: 20, maxLength: 250 }),
      fc.nat({ max: 4 }),
      (acts, absent) => {
        const world = new World(3);
        for (const node of world.nodes) {
          world.changeNode(node);
          world.join(node);
        }
        for (const name of serviceNames) world.add(serviceId(name), {});
        for (const act of acts) {
          act(world);
          world.check();
        }
        world.heal(world.nodes[absent]);
        world.checkHealed();
      },
    ),
    { seed, numRuns: runCount },
  );
});
