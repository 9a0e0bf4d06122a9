/** Who may speak as whom over TLS with real certificates, and servers' machines that are closed for services. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import { initServer } from "../../../src/setup/init-server.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestNode,
  type TestServer,
  until,
} from "../../support/control-plane.ts";
import { freePortOfThree } from "../../support/free-ports.ts";
import { ask, type Holder, holderOf } from "./https.ts";

const skip = existsSync("/usr/bin/setpriv") ? undefined : '"setpriv" is not installed (util-linux)';

describe("certificates between servers and agents", { skip }, () => {
  let plane: TestControlPlane;
  let server: TestServer;
  before(async () => {
    plane = await startControlPlane({ servers: 1, engine: "embedded" });
    const [first] = plane.servers;
    assert(first !== undefined);
    server = first;
  });
  after(async () => {
    await plane.stop();
  });

  const peersRoute = () => `${server.url}/v1/peers/status`;
  const nodeOf = (name: string): TestNode => {
    const found = plane.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  };

  test("PUT /v1/isolation is refused while no other node is there, and closes servers' machines then", async () => {
    await plane.joinNode("node1", server);
    await plane.nodeIsOnline("node1");
    const client = plane.client();
    const refused = await client.isolateServers("on");
    assert(!refused.ok);
    assert.match(refused.error.message, /no other node is online, enabled and without a taint/);
    assert.deepEqual(answerOf(await client.node("node1")).taints, []);
    await plane.joinNode("node2");
    await plane.nodeIsOnline("node2");
    assert.deepEqual(answerOf(await client.isolateServers("on")), {
      isolate: true,
      nodes: ["node1"],
    });
    assert.deepEqual(answerOf(await client.node("node1")).taints, ["control-plane"]);
    assert.deepEqual(answerOf(await client.node("node2")).taints, []);
    const closing = await client.putTaint("node2", "other", "on");
    assert(!closing.ok, "the one that is open cannot be closed as well");
  });

  test("a machine that joins later follows the rule, and isolation ends for all", async () => {
    const client = plane.client();
    await plane.joinNode("node3", server);
    await plane.nodeIsOnline("node3");
    assert.deepEqual(answerOf(await client.node("node3")).taints, ["control-plane"]);
    const { nodes } = answerOf(await client.isolateServers("off"));
    assert.deepEqual(nodes, ["node3"], "the latest node of the machine");
    assert.deepEqual(answerOf(await client.node("node3")).taints, []);
  });

  test("POST /v1/join/node takes a claim to be a server's machine with that server's certificate only", async () => {
    const { token } = answerOf(await plane.client().createJoinToken({ role: "node" }));
    const claim = async (holder: Holder, serverId: string) => {
      const body = {
        ...{ token, node: "liar", identity: "a".repeat(32), requestPem: "none" },
        ...{ agentVersion: "test", properties: {}, serverId },
      };
      return await ask(`${server.url}/v1/join/node`, holder, { method: "POST", body });
    };
    const agent = holderOf(nodeOf("node1"), "agent");
    const cases: readonly (readonly [string, Holder, string, RegExp])[] = [
      ["nobody", { authorityPem: plane.ca }, "1", /server 1 is on it.*no certificate that counts/],
      ["an agent", agent, "1", /shows the one of node\/node1; run the join on the server's own/],
      ["another server", holderOf(server, "server"), "2", /server 2 is on it.*server\/1/],
      ["another authority's", { ...holderOf(server, "server"), ...strangers(server) }, "1", /no/],
    ];
    for (const [who, holder, serverId, words] of cases) {
      const answer = await claim(holder, serverId);
      assert.equal(answer.status, 403, who);
      assert.match(String(answer.json["detail"]), words, who);
    }
    const proven = await claim(holderOf(server, "server"), "1");
    assert.equal(proven.status, 400, "only the request for a certificate is left to be refused");
    const listed = answerOf(await plane.client().servers()).items;
    assert.equal(listed.length, 1);
    assert.deepEqual(
      answerOf(await plane.client().isolateServers("off")).nodes,
      ["node3"],
      "as it was",
    );
  });

  test("node join says nothing of a server of another cluster on the same machine", async () => {
    const name = "server1";
    const dataDirectory = join(plane.folder, "another-cluster");
    const place = { name, dataDirectory, host: "127.0.0.1", port: await freePortOfThree() };
    const made = await initServer({
      ...{ ...place, engine: "embedded", clock, etcdUrls: [], loadBalancer: undefined },
      isolate: false,
    });
    assert(made.ok, made.ok ? "" : made.error);
    await plane.joinNode("node4", { dataDirectory });
    await plane.nodeIsOnline("node4");
    assert.deepEqual(
      answerOf(await plane.client().isolateServers("off")).nodes,
      ["node3"],
      "as it was",
    );
  });

  test("peers' routes take a server's certificate, and nobody else's", async () => {
    const own = await ask(peersRoute(), holderOf(server, "server"));
    assert.equal(own.status, 200);
    assert.equal(own.json["id"], "1");
    const agent = await ask(peersRoute(), holderOf(nodeOf("node1"), "agent"));
    assert.equal(agent.status, 403);
    assert.match(String(agent.json["detail"]), /for servers of the cluster only/);
    const nobody = await ask(peersRoute(), { authorityPem: plane.ca });
    assert.equal(nobody.status, 401);
    const foreign = await ask(peersRoute(), {
      ...holderOf(server, "server"),
      ...strangers(server),
    });
    assert.equal(foreign.status, 401, "a certificate of the store's authority is none here");
  });

  test("an agent's certificate speaks for its own node, and not for people", async () => {
    const holder = holderOf(nodeOf("node2"), "agent");
    const people = await ask(`${server.url}/v1/services`, holder);
    assert.equal(people.status, 403);
    // The node is the one of the certificate, whatever the body may say.
    const body = { incarnation: "another-agent-of-node2", node: "node1" };
    const lease = await ask(`${server.url}/v1/agent/lease`, holder, { method: "POST", body });
    assert.notEqual(lease.status, 200, JSON.stringify(lease.json));
    assert.equal(answerOf(await plane.client().node("node1")).state, "online");
  });

  test("a removed node's certificate is turned away with the reason", async () => {
    const node = nodeOf("node2");
    const holder = holderOf(node, "agent");
    await node.kill();
    const client = plane.client();
    await until("node2 to be removable", async () => (await client.removeNode("node2")).ok);
    const path = `${server.url}/v1/agent/lease`;
    const answer = await ask(path, holder, { method: "POST", body: { incarnation: "again" } });
    assert.equal(answer.status, 403, JSON.stringify(answer.json));
    assert.match(String(answer.json["detail"]), /node "node2" was taken out of the cluster/);
    assert.match(String(answer.json["detail"]), /join it anew/);
  });

  test("the last server cannot be removed", async () => {
    const refused = await plane.client().removeServer("1");
    assert(!refused.ok);
    assert.match(refused.error.message, /it is the only server/);
  });
});

/** The server's certificate for the store's members, which another authority has signed. */
function strangers(server: TestServer): Partial<Holder> {
  const { keyPem, certificatePem } = holderOf(server, "etcd");
  return {
    ...(keyPem === undefined ? {} : { keyPem }),
    ...(certificatePem === undefined ? {} : { certificatePem }),
  };
}
