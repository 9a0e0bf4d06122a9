/** Demos that begin at the same moment must not choose the same port. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { claimPort, freePort } from "../../src/demo/ports.ts";

test("claimPort() gives a port to one at a time, and again after it was let go", async () => {
  const wanted = await freePort(0);
  const [first, second] = await Promise.all([claimPort(wanted), claimPort(wanted)]);
  const got = [first.port, second.port].filter((port) => port === wanted);
  assert.equal(got.length, 1, "exactly one has the wanted port");
  assert.notEqual(first.port, second.port);
  first.letGo();
  second.letGo();
  const third = await claimPort(wanted);
  assert.equal(third.port, wanted);
  third.letGo();
});

test("claimPort() gives another port when the wanted one is in use", async () => {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const claimed = await claimPort(address.port);
  assert.notEqual(claimed.port, address.port);
  claimed.letGo();
  server.close();
});
