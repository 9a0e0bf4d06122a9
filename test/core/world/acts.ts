/** What can happen in a random world, with how often. */
import fc from "fast-check";
import type { ServiceId } from "../../../src/core/ids.ts";
import { modeAfter, nodeOrders } from "../../../src/core/model/node-mode.ts";
import type { PlacementGroup, Rule } from "../../../src/core/model/rule.ts";
import { requestedStates, type Service } from "../../../src/core/model/service.ts";
import type { ClusterSettings } from "../../../src/core/model/settings.ts";
import { durationMs } from "../../../src/core/time.ts";
import { nodeId, serviceId } from "../manager-harness.ts";
import type { World } from "../manager-world.ts";
import type { WorldNode } from "./node.ts";

/** One thing that happens. */
export type Act = (world: World) => void;

export const serviceNames = ["process:a", "process:b", "ct:c", "vm:d"];
const ids = serviceNames.map(serviceId);
const id = fc.constantFrom(...ids);
const nodeIndex = fc.nat({ max: 2 });
const gibibyte = 1024 ** 3;

const onNode = (act: (world: World, node: WorldNode) => void): fc.Arbitrary<Act> =>
  nodeIndex.map((index) => (world) => {
    const node = world.nodes[index];
    if (node !== undefined) act(world, node);
  });

const onNodeAndService = (
  act: (world: World, node: WorldNode, service: ServiceId) => void,
): fc.Arbitrary<Act> =>
  fc.tuple(nodeIndex, id).map(([index, service]) => (world) => {
    const node = world.nodes[index];
    if (node !== undefined) act(world, node, service);
  });

function weighted(weight: number, arbitrary: fc.Arbitrary<Act>): fc.WeightedArbitrary<Act> {
  return { weight, arbitrary };
}

const priorities = fc
  .uniqueArray(nodeIndex, { minLength: 1 })
  .chain((indexes) =>
    fc.tuple(...indexes.map((index) => fc.tuple(fc.constant(index), fc.nat({ max: 2 })))),
  )
  .map((pairs) =>
    pairs.map(([index, priority]) => ({ node: nodeId(`node${index + 1}`), priority })),
  );

const services = fc.uniqueArray(id, { minLength: 1, maxLength: 3 });

const rule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({
    kind: fc.constant("node-affinity" as const),
    name: fc.constantFrom("n1", "n2"),
    services,
    nodes: priorities,
    strict: fc.boolean(),
    disabled: fc.constant(false),
  }),
  fc.record({
    kind: fc.constant("resource-affinity" as const),
    name: fc.constantFrom("r1", "r2"),
    services,
    affinity: fc.constantFrom("positive" as const, "negative" as const),
    disabled: fc.constant(false),
  }),
);

const group: fc.Arbitrary<PlacementGroup> = fc.record({
  name: fc.constant("g"),
  nodes: priorities,
  restricted: fc.boolean(),
  nofailback: fc.boolean(),
});

const settings: fc.Arbitrary<Partial<ClusterSettings>> = fc.oneof(
  fc.record({ rebalanceOnStart: fc.boolean() }),
  fc.record({
    scheduler: fc.constantFrom("basic" as const, "static" as const, "dynamic" as const),
  }),
  fc.record({ purgeAfterMs: fc.constantFrom(durationMs(0), durationMs(5), durationMs(40)) }),
  fc.record({ suspectMs: fc.constantFrom(durationMs(0), durationMs(5)) }),
  fc.record({
    brake: fc.record({
      lostShare: fc.constantFrom(0, 0.5, 1),
      recoveriesAtOnce: fc.integer({ min: 1, max: 2 }),
    }),
  }),
  fc.record({
    autoRebalance: fc.option(
      fc.record({
        method: fc.constantFrom("bruteforce" as const, "topsis" as const),
        threshold: fc.constantFrom(0.1, 0.3),
        holdRounds: fc.integer({ min: 1, max: 2 }),
        margin: fc.constantFrom(0.1, 0.3),
      }),
      { nil: undefined },
    ),
  }),
);

const taints = fc.subarray(["control-plane", "old"]);

/** A service may name those before it, so that there is no cycle. */
function namedBy(service: ServiceId, others: readonly ServiceId[]): readonly ServiceId[] {
  return others.filter((other) => ids.indexOf(other) < ids.indexOf(service));
}

const patch: fc.Arbitrary<(service: ServiceId) => Partial<Service>> = fc.oneof(
  fc.constantFrom(...requestedStates).map((requested) => () => ({ requested })),
  fc.constantFrom(...requestedStates).map((requested) => () => ({ requested })),
  fc.constant(() => ({ requested: "started" as const })),
  fc.constantFrom("stop" as const, "keep" as const).map((onIsolation) => () => ({ onIsolation })),
  fc.boolean().map((movesLive) => () => ({ movesLive })),
  fc.boolean().map((failback) => () => ({ failback })),
  fc.nat({ max: 2 }).map((priority) => () => ({ priority })),
  fc.constantFrom("g", undefined).map((name) => () => ({ group: name })),
  fc.constantFrom(0, 1, 2, 3).map((count) => () => ({
    limits: count === 0 ? undefined : { cpuCores: 1, memoryBytes: count * gibibyte },
  })),
  services.map((others) => (service: ServiceId) => ({ after: namedBy(service, others) })),
  services.map((others) => (service: ServiceId) => ({ requires: namedBy(service, others) })),
  fc.constant(() => ({ after: [], requires: [] })),
  taints.map((tolerations) => () => ({ tolerations })),
  fc.constantFrom([], ["data"]).map((volumes) => () => ({ volumes })),
);

/** Any one thing that can happen. */
export const actOf: fc.Arbitrary<Act> = fc.oneof(
  weighted(
    12,
    onNode((world, node) => world.live(node)),
  ),
  weighted(
    4,
    onNodeAndService((world, node, service) => world.see(node, service)),
  ),
  weighted(
    4,
    onNodeAndService((world, node, service) => world.act(node, service)),
  ),
  weighted(
    2,
    onNodeAndService((world, node, service) => world.act(node, service, true)),
  ),
  weighted(
    4,
    fc.nat().map((index) => (world) => world.deliver(index)),
  ),
  weighted(
    2,
    fc.nat().map((index) => (world) => world.answerFencing(index)),
  ),
  weighted(
    3,
    onNode((world, node) => {
      world.isolate(node);
      world.expire(node);
      while (world.fencings.length > 0) world.answerFencing(0);
    }),
  ),
  weighted(
    2,
    onNode((world, node) => {
      world.beginLeaving(node, "restart");
      world.live(node);
      world.release(node);
    }),
  ),
  weighted(
    2,
    onNode((world, node) => {
      world.join(node);
      world.tellMode(node, "active");
    }),
  ),
  weighted(
    5,
    onNode((world, node) => world.join(node)),
  ),
  weighted(
    2,
    onNode((world, node) => world.join(node, true)),
  ),
  weighted(
    5,
    onNode((world, node) => world.expire(node)),
  ),
  weighted(
    2,
    onNode((world, node) => world.powerOff(node)),
  ),
  weighted(
    2,
    onNode((world, node) => world.isolate(node)),
  ),
  weighted(
    1,
    onNode((world, node) => world.confirmOff(node)),
  ),
  weighted(
    1,
    onNode((world, node) => world.remove(node)),
  ),
  weighted(
    3,
    onNode((world, node) => world.tellMode(node, "active")),
  ),
  weighted(
    3,
    onNode((world, node) => world.release(node)),
  ),
  weighted(
    2,
    fc
      .tuple(
        nodeIndex,
        fc.constantFrom(
          "restart" as const,
          "freeze" as const,
          "failover" as const,
          "migrate" as const,
        ),
      )
      .map(([index, how]) => (world) => {
        const node = world.nodes[index];
        if (node !== undefined) world.beginLeaving(node, how);
      }),
  ),
  weighted(
    2,
    fc.tuple(nodeIndex, fc.boolean()).map(([index, maintenance]) => (world) => {
      const node = world.nodes[index];
      if (node?.registered !== true) return;
      node.maintenance = maintenance;
      world.changeNode(node);
    }),
  ),
  weighted(
    3,
    fc.tuple(nodeIndex, fc.constantFrom(...nodeOrders)).map(([index, said]) => (world) => {
      const node = world.nodes[index];
      if (node?.registered !== true) return;
      const mode = modeAfter(node.personMode, said);
      if (!mode.ok) return;
      node.personMode = mode.value;
      world.changeNode(node);
    }),
  ),
  weighted(
    1,
    fc
      .tuple(nodeIndex, fc.constantFrom(undefined, 2 * gibibyte, 4 * gibibyte))
      .map(([index, memoryBytes]) => (world) => {
        const node = world.nodes[index];
        if (node === undefined) return;
        node.memoryBytes = memoryBytes;
        world.changeNode(node);
      }),
  ),
  weighted(
    2,
    fc.tuple(nodeIndex, taints).map(([index, names]) => (world) => {
      const node = world.nodes[index];
      if (node === undefined) return;
      node.taints = names;
      world.changeNode(node);
    }),
  ),
  weighted(
    1,
    fc.constant<Act>((world) => world.restartManager()),
  ),
  weighted(
    1,
    fc.nat({ max: 5 }).map((count) => (world) => {
      world.effectsLeft = count;
    }),
  ),
  weighted(
    1,
    fc.constant<Act>((world) => {
      world.isLate = true;
    }),
  ),
  weighted(
    6,
    fc.constant<Act>((world) => {
      world.isLate = false;
      world.flush();
    }),
  ),
  weighted(
    3,
    fc.constant<Act>((world) => world.tick()),
  ),
  weighted(
    6,
    fc.tuple(id, patch).map(
      ([service, of]) =>
        (world) =>
          world.change(service, of(service)),
    ),
  ),
  weighted(
    2,
    fc
      .tuple(
        id,
        nodeIndex,
        fc.constantFrom("migrate" as const, "relocate" as const, "stop" as const),
      )
      .map(
        ([service, index, kind]) =>
          (world) =>
            world.command(service, kind, `node${index + 1}`),
      ),
  ),
  weighted(
    1,
    id.map((service) => (world) => world.change(service, { removing: true })),
  ),
  weighted(
    1,
    fc.tuple(id, fc.option(nodeIndex, { nil: undefined })).map(
      ([service, home]) =>
        (world) =>
          world.add(service, { home: home === undefined ? undefined : nodeId(`node${home + 1}`) }),
    ),
  ),
  weighted(
    1,
    rule.map((each) => (world) => world.putRule(each)),
  ),
  weighted(
    1,
    fc.constantFrom("n1", "n2", "r1", "r2").map((name) => (world) => world.removeRule(name)),
  ),
  weighted(
    1,
    group.map((each) => (world) => world.putGroup(each)),
  ),
  weighted(
    1,
    settings.map((each) => (world) => world.set(each)),
  ),
  weighted(
    1,
    fc
      .constantFrom("armed" as const, "armed" as const, "freeze" as const, "ignore" as const)
      .map((mode) => (world) => world.arm(mode)),
  ),
  weighted(
    1,
    fc
      .tuple(
        fc.constantFrom("goes-on" as const, "held" as const, undefined),
        fc.constantFrom(undefined, 1_000, 60_000),
      )
      .map(
        ([failover, forMs]) =>
          (world) =>
            world.freeze(failover && { failover }, forMs),
      ),
  ),
  weighted(
    2,
    onNodeAndService((world, node, service) => world.moveByHand(service, node)),
  ),
);
