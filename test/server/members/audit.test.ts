/** What is done to the control plane itself is in the audit, which outlives the store that it was begun in. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Client } from "../../../src/client/client.ts";
import type { AuditResource } from "../../../src/wire/api.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  until,
} from "../../support/control-plane.ts";
import { auditedElsewhere } from "../access/support.ts";
import { missingForMembers } from "./etcdctl.ts";

const skip = missingForMembers();
type Route = (typeof auditedElsewhere)[number];

describe("the audit of the control plane", { skip, timeout: 180_000 }, () => {
  let plane: TestControlPlane;
  /** Commands beside services are tested with those, policies with the upgrades of agents, and so is the servers' own. */
  const seen = new Set<Route>([
    "POST /v1/services/{id}/exec",
    "PUT /v1/policies/{name}",
    "DELETE /v1/policies/{name}",
    "POST /v1/upgrade",
    "PUT /v1/upgrade/order",
  ]);
  before(async () => {
    plane = await startControlPlane({ servers: 1, engine: "embedded" });
  });
  after(async () => {
    await plane.stop();
  });

  const newest = async (): Promise<AuditResource | undefined> =>
    answerOf(await plane.client().audit({ limit: 1 })).items[0];

  /** Does it, and looks at the entry that it makes: what, to what, by whom, from where and when. */
  async function assertAudited(
    route: Route,
    act: (client: Client) => Promise<unknown>,
    wanted: { readonly action: string; readonly subject: RegExp; readonly who?: RegExp },
  ): Promise<AuditResource> {
    const last = await newest();
    const startMs = Date.now();
    await act(plane.client());
    const entry = await newest();
    assert(entry !== undefined && entry.revision !== last?.revision, `${route} makes an entry`);
    assert.equal(entry.action, wanted.action);
    assert.match(entry.subject, wanted.subject);
    assert.match(entry.who, wanted.who ?? /^admin\/first$/);
    assert.equal(entry.from, "127.0.0.1");
    assert.ok(entry.atMs >= startMs && entry.atMs <= Date.now());
    assert.ok(!JSON.stringify(entry).includes("hfj_"), "no join token");
    seen.add(route);
    return entry;
  }

  test("join tokens: who made and who revoked them", async () => {
    let id = "";
    await assertAudited(
      "POST /v1/join-tokens",
      async (client) => {
        id = answerOf(await client.createJoinToken({ role: "node", name: "rack 7" })).id;
      },
      { action: "join-token.create", subject: /^[0-9a-f]{12}$/ },
    );
    const { subject, detail } = await assertAudited(
      "DELETE /v1/join-tokens/{id}",
      async (client) => answerOf(await client.revokeJoinToken(id)),
      { action: "join-token.revoke", subject: /^[0-9a-f]{12}$/ },
    );
    assert.deepEqual([subject, detail], [id, "rack 7"]);
  });

  test("a node that joins: with which token", async () => {
    const { who, detail } = await assertAudited(
      "POST /v1/join/node",
      async () => await plane.joinNode("node1", plane.servers[0]),
      { action: "node.join", subject: /^node1$/, who: /^join-token\/[0-9a-f]{12}$/ },
    );
    assert.equal(detail, `with join token ${who.slice("join-token/".length)}`);
    await plane.joinNode("node2");
    for (const name of ["node1", "node2"]) await plane.nodeIsOnline(name);
  });

  test("isolation, on and off", async () => {
    for (const wish of ["on", "off"] as const) {
      const { detail } = await assertAudited(
        "PUT /v1/isolation",
        async (client) => answerOf(await client.isolateServers(wish)),
        { action: "server.isolate", subject: /^control-plane$/ },
      );
      assert.equal(detail, `${wish}: node1`);
    }
  });

  test("the move to etcd, and all that was in the audit before it", async () => {
    const before = answerOf(await plane.client().audit({ limit: 100 })).items;
    const { detail } = await assertAudited(
      "POST /v1/move-to-etcd",
      async (client) => {
        answerOf(await client.moveToEtcd());
        await until("the move to be done", async () => {
          const status = await client.moveStatus();
          return status.ok && status.value.state === "done";
        });
      },
      { action: "server.move", subject: /^control-plane$/ },
    );
    assert.equal(detail, "to etcd");
    const after = answerOf(await plane.client().audit({ limit: 100 })).items;
    const said = ({ revision: _, ...entry }: AuditResource) => entry;
    assert.deepEqual(after.slice(1).map(said), before.map(said));
  });

  test("a server that joins, and one that is removed", async () => {
    const { detail } = await assertAudited(
      "POST /v1/join/server",
      async () => await plane.prepareServer(),
      { action: "server.join", subject: /^2$/, who: /^join-token\/[0-9a-f]{12}$/ },
    );
    assert.match(detail, /^"server2" at 127\.0\.0\.1 with join token/);
    plane.servers.at(-1)?.start();
    await plane.allServe();
    await assertAudited(
      "DELETE /v1/servers/{id}",
      async (client) => {
        await until("server 2 to be removable", async () => (await client.removeServer("2")).ok);
      },
      { action: "server.remove", subject: /^2$/ },
    );
  });

  test("every route whose audit is tested here was tested here", () => {
    assert.deepEqual([...seen].sort(), [...auditedElsewhere].sort());
  });
});
