/** Flushed nodes in random worlds: when all faults are over nothing is left there that another node would take. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { stayingOn } from "../../../src/core/manager/moves/staying.ts";
import { nodeId, serviceId } from "../manager-harness.ts";
import { World } from "../manager-world.ts";
import { actOf, serviceNames } from "../world/acts.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_000);
const runCount = Number(process.env["HOLDFAST_RUNS"] ?? 500);

test(`a flush ends with nothing that could move (seed ${seed}, ${runCount} worlds)`, () => {
  let left = 0;
  fc.assert(
    fc.property(
      fc.array(actOf, { minLength: 20, maxLength: 150 }),
      fc.nat({ max: 2 }),
      (acts, index) => {
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
        const flushed = world.nodes[index];
        assert.ok(flushed);
        world.modesAfterHealing.set(flushed.name, "flushed");
        world.heal(undefined);
        const name = nodeId(flushed.name);
        const stays = new Set(stayingOn(world.manager, name).map(({ service }) => service));
        for (const id of world.manager.servicesOn.get(name) ?? []) {
          const status = world.manager.statuses.get(id);
          const service = world.manager.services.get(id);
          if (status?.state !== "started" || service?.requested !== "started") continue;
          left += 1;
          assert.ok(stays.has(id), `${id} could leave ${name}\n${world.story.join("\n")}`);
        }
      },
    ),
    { seed, numRuns: runCount },
  );
  assert.ok(left > 0, "some services could not leave");
});
