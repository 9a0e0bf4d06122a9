/** The queue of services by instant, beside a list that is sorted anew each time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createQueue, firstIn, isIn, put, takeOut } from "../../../src/core/agent/queue.ts";
import { compareIds } from "../../../src/core/ids.ts";
import { serviceNamed } from "../../sim/scenario/dice.ts";

const services = Array.from({ length: 40 }, (_, index) => serviceNamed(`process:s${index}`));

test("put() and takeOut() keep the earliest at the front, and each service once", () => {
  const command = fc.record({
    which: fc.nat(services.length - 1),
    atMs: fc.option(fc.nat(30), { freq: 3, nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 300, size: "max" }), (commands) => {
      const queue = createQueue();
      const model = new Map<(typeof services)[number], number>();
      for (const { which, atMs } of commands) {
        const service = services[which];
        assert(service !== undefined);
        if (atMs === undefined) {
          takeOut(queue, service);
          model.delete(service);
        } else {
          put(queue, service, atMs);
          model.set(service, atMs);
        }
        assert.equal(isIn(queue, service), model.has(service));
        assert.equal(queue.entries.length, model.size);
        const [first] = [...model].sort(
          ([left, leftMs], [right, rightMs]) => leftMs - rightMs || compareIds(left, right),
        );
        const found = firstIn(queue);
        assert.deepEqual(found && [found.service, found.atMs], first);
      }
    }),
  );
});

test("firstIn() and takeOut() empty a queue in order of time, then of service", () => {
  const queue = createQueue();
  for (const [index, service] of services.entries()) put(queue, service, (index * 7) % 5);
  const order: string[] = [];
  for (let first = firstIn(queue); first !== undefined; first = firstIn(queue)) {
    order.push(`${first.atMs} ${first.service}`);
    takeOut(queue, first.service);
  }
  assert.equal(order.length, services.length);
  assert.deepEqual(order, [...order].sort());
});
