/** The recorder over HTTP: a history of a real server's API. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "../../../src/client/client.ts";
import { startHarness } from "../../server/harness.ts";
import { assertLinearizable } from "../linearizability/check.ts";
import { apiClient } from "./api-client.ts";
import { record } from "./record-support.ts";

test("recordHistory() of a real server's API is linearizable", async (t) => {
  const harness = await startHarness(t);
  const keys = ["process:a", "process:b"];
  const clients = Array.from({ length: 3 }, () => {
    const server = harness.server.url;
    return createClient({ server, token: harness.adminToken, timeoutMs: 5_000 });
  });
  for (const id of keys) {
    const added = await clients[0]?.addService({
      id,
      state: "stopped",
      process: { command: "/bin/true" },
    });
    assert(added?.ok);
  }
  const history = await record(clients.map(apiClient), { keys, operationsMax: 600 });
  const verdict = assertLinearizable(history);
  assert.equal(verdict.keyCount, 2);
});
