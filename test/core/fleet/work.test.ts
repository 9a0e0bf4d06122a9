/** The work of an event stays with what it concerns, in a fleet of any size. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { type World, world } from "./world.ts";

function timeOf(deed: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 20; round += 1) {
    const begin = process.hrtime.bigint();
    deed();
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / 1e6);
  }
  return best;
}

/** Answers the fleet's writes without keeping a story. */
function quiet(): World {
  const w = world();
  w.note = () => undefined;
  return w;
}

it("stepFleet() takes a changed node in against 1,000 deployments within 20 ms", (t) => {
  const w = quiet().join("a", "b").define("1.0.0");
  for (let index = 0; index < 1_000; index += 1) w.deploy(`d${index}`, ["1.0.0"]);
  w.settle();
  let count = 0;
  const ms = timeOf(() => {
    count += 1;
    w.change("a", { properties: { count } });
  });
  t.diagnostic(`${ms.toFixed(2)} ms`);
  assert.ok(ms < 20, `${ms} ms`);
});

it("stepFleet() takes a report in without a look at the rest of the fleet", (t) => {
  const small = reportTime(20);
  const large = reportTime(2_000);
  t.diagnostic(`${small.toFixed(4)} ms with 20 nodes, ${large.toFixed(4)} ms with 2,000`);
  assert.ok(large < small * 10 + 0.5, `${small} ms, ${large} ms`);
});

function reportTime(nodeCount: number): number {
  const w = quiet().define("1.0.0").deploy("api", ["1.0.0"]);
  for (let index = 0; index < nodeCount; index += 1) w.join(`n${index}`);
  for (const service of w.services.values()) {
    w.manage(service);
    w.act(service);
  }
  const [service] = w.services.values();
  assert.ok(service);
  return timeOf(() => {
    for (let index = 0; index < 100; index += 1) w.send(...w.reportEvents(service));
  });
}
