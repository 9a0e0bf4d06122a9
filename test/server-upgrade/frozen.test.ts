/** A freeze of a replicated control plane outlives the restart of every server, and can be ended afterwards. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { missingForMembers } from "../server/members/etcdctl.ts";
import { answerOf, startControlPlane, until } from "../support/control-plane.ts";

const service = { id: "process:late", state: "stopped" as const, process: { command: "true" } };

test("a freeze of three servers that are all killed is still there, and is ended by the first that answers", {
  skip: missingForMembers(),
  timeout: 180_000,
}, async () => {
  const controlPlane = await startControlPlane({ engine: "etcd", servers: 3 });
  try {
    const client = controlPlane.client();
    answerOf(await client.freeze({ reason: "all servers are restarted" }));
    await Promise.all(controlPlane.servers.map((server) => server.kill()));
    for (const server of controlPlane.servers) server.start();
    await controlPlane.allServe();
    assert.equal(answerOf(await client.freezeState()).frozen, true);
    const refused = await client.addService(service);
    assert.ok(!refused.ok && refused.error.code === "frozen", JSON.stringify(refused));
    // One server is enough to end it, whichever it is, and whoever is manager.
    await until("it to be ended", async () => (await client.unfreeze()).ok);
    answerOf(await client.addService(service));
  } finally {
    await controlPlane.stop();
  }
});
