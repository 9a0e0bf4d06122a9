/** The manager in a random world: S1 after every event, S9 once the faults end. */

import { test } from "node:test";
import fc from "fast-check";
import type { RequestedState } from "../../src/core/model/service.ts";
import { serviceId } from "./manager-harness.ts";
import { World } from "./manager-world.ts";

const ids = ["process:a", "process:b", "ct:c"].map(serviceId);
const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_000);
const runCount = Number(process.env["HOLDFAST_RUNS"] ?? 1_000);

const nodeIndex = fc.nat({ max: 2 });
const id = fc.constantFrom(...ids);
const states: readonly RequestedState[] = ["started", "stopped", "disabled", "ignored"];

type Act = (world: World) => void;
const atNode = (act: (world: World, node: World["nodes"][number]) => void): fc.Arbitrary<Act> =>
  nodeIndex.map((index) => (world) => {
    const node = world.nodes[index];
    if (node !== undefined) act(world, node);
  });

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(nodeIndex, id).map(
      ([index, service]): Act =>
        (world) => {
          const node = world.nodes[index];
          if (node !== undefined) world.act(node, service);
        },
    ),
  },
  {
    weight: 6,
    arbitrary: fc.nat().map(
      (index): Act =>
        (world) =>
          world.deliver(index),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.nat().map(
      (index): Act =>
        (world) =>
          world.answerFencing(index),
    ),
  },
  { weight: 3, arbitrary: atNode((world, node) => world.join(node)) },
  { weight: 3, arbitrary: atNode((world, node) => world.expire(node)) },
  { weight: 2, arbitrary: atNode((world, node) => world.powerOff(node)) },
  { weight: 2, arbitrary: atNode((world, node) => world.isolate(node)) },
  { weight: 1, arbitrary: atNode((world, node) => world.confirmOff(node)) },
  { weight: 1, arbitrary: fc.constant<Act>((world) => world.restartManager()) },
  {
    weight: 1,
    arbitrary: fc.tuple(nodeIndex, id).map(
      ([index, service]): Act =>
        (world) => {
          const node = world.nodes[index];
          if (node !== undefined) world.failStart(node, service);
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(id, fc.constantFrom(...states)).map(
      ([service, requested]): Act =>
        (world) =>
          world.request(service, requested),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(id, fc.constantFrom("stop" as const, "keep" as const)).map(
      ([service, onIsolation]): Act =>
        (world) =>
          world.change(service, { onIsolation }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        id,
        nodeIndex,
        fc.constantFrom("migrate" as const, "relocate" as const, "stop" as const),
      )
      .map(
        ([service, index, kind]): Act =>
          (world) =>
            world.command(service, kind, `node${index + 1}`),
      ),
  },
  {
    weight: 1,
    arbitrary: id.map(
      (service): Act =>
        (world) =>
          world.change(service, { removing: true }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(id, fc.boolean()).map(
      ([service, keep]): Act =>
        (world) =>
          world.add(service, { onIsolation: keep ? "keep" : "stop" }),
    ),
  },
);

test(`step() never lets two copies run and recovers everything (seed ${seed}, ${runCount} worlds)`, () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 20, maxLength: 200 }), (acts) => {
      const world = new World(3);
      world.restartManager();
      for (const node of world.nodes) world.join(node);
      for (const service of ids) world.add(service, {});
      for (const each of acts) {
        each(world);
        world.check();
      }
      world.heal();
      world.checkHealed();
    }),
    { seed, numRuns: runCount },
  );
});
