/** The address in front of the servers changes, and servers get lost: nothing has to be started or joined anew. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import {
  answerOf,
  startControlPlane,
  TestNode,
  type TestServer,
  until,
} from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { holdfast } from "./support/command.ts";
import { firstOf } from "./support/facts.ts";
import { WriteStream } from "./support/load.ts";
import { openConnection, watchUntil } from "./support/open-ends.ts";

const skip = missingForEtcd();

/** Whether a server's certificate holds a name, as the authority and TLS itself see it. */
function holdsName(
  server: TestServer,
  name: string,
  listener: { readonly pair: "server" | "etcd"; readonly authority: string; readonly port: number },
): Promise<boolean> {
  const file = (path: string): string =>
    readFileSync(join(server.dataDirectory, "pki", path), "utf8");
  const connected = (): TLSSocket =>
    connect({
      ...{ host: "127.0.0.1", port: listener.port, servername: name, ca: file(listener.authority) },
      ...{ cert: file(`${listener.pair}.crt`), key: file(`${listener.pair}.key`) },
      timeout: 5_000,
    });
  let socket: TLSSocket;
  try {
    socket = connected();
  } catch {
    socket = connected(); // certificate and key were replaced just between the two reads
  }
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("secureConnect", () => resolve(socket.authorized));
  socket.once("error", () => resolve(false));
  socket.once("timeout", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

test("a changed address of the balancer is in every certificate, without a restart, and agents learn it", {
  skip,
  timeout: 120_000,
}, async (t) => {
  // The node's lease goes on through all of it: a busy machine must not end it.
  const controlPlane = await startControlPlane({ servers: 2, nodes: 1, profile: "balanced" });
  t.after(() => controlPlane.stop());
  const { servers } = controlPlane;
  const [node] = controlPlane.nodes;
  assert.ok(node);
  const before = answerOf(await controlPlane.client().node("node1"));
  const starts = (): readonly number[] =>
    servers.map(({ log }) => log.split("listens on https").length);
  const startsBefore = starts();
  const first = firstOf(controlPlane);
  const env = {
    HOLDFAST_SERVER: first.url,
    HOLDFAST_CA: join(first.dataDirectory, "pki/ca.crt"),
    HOLDFAST_TOKEN_FILE: join(first.dataDirectory, "admin.token"),
  };
  const heldBy = async (name: string): Promise<number> => {
    const answers = servers.flatMap((server) => [
      holdsName(server, name, { pair: "server", authority: "ca.crt", port: server.port }),
      holdsName(server, name, { pair: "etcd", authority: "etcd-ca.crt", port: server.port + 1 }),
    ]);
    return (await Promise.all(answers)).filter(Boolean).length;
  };
  assert.equal(await heldBy("balancer.example"), 0);
  assert.equal(await heldBy("server1"), 2, "the search itself works");
  const stop = new AbortController();
  const streams = servers.map((server) => watchUntil(controlPlane.client(server), stop.signal));
  const connections = servers.map((server) => openConnection(server, controlPlane.ca));
  t.after(() => {
    for (const { close } of connections) close();
  });
  const shownBefore = await Promise.all(connections.map(({ ask }) => ask()));
  const writes = new WriteStream(t, controlPlane.client(), "node1");
  await writes.more(5);

  const set = await holdfast(["server", "load-balancer", "balancer.example:7440"], env);
  assert.equal(set.code, 0, set.stderr);
  await until(
    "all certificates to hold the name",
    async () => (await heldBy("balancer.example")) === 4,
  );
  await until("the agent to know the balancer", () =>
    node.log.includes("https://balancer.example:7440"),
  );

  const taken = await holdfast(["server", "load-balancer", "none"], env);
  assert.equal(taken.code, 0, taken.stderr);
  await until(
    "no certificate to hold the name",
    async () => (await heldBy("balancer.example")) === 0,
  );

  await writes.more(10);
  await writes.end();
  await writes.assertAllThere(controlPlane.client());
  t.diagnostic(`${Math.round(writes.silenceMsMax)} ms without an acknowledged write at most`);
  assert.deepEqual(await Promise.all(connections.map(({ ask }) => ask())), shownBefore);
  for (const [index, server] of servers.entries()) {
    const fresh = openConnection(server, controlPlane.ca);
    assert.notEqual(await fresh.ask(), shownBefore[index], "who connects now sees the new one");
    fresh.close();
  }
  stop.abort();
  assert.deepEqual(await Promise.all(streams), ["went on", "went on"]);
  const after = answerOf(await controlPlane.client().node("node1"));
  assert.deepEqual([after.state, after.epoch], ["online", before.epoch], "its lease went on");
  assert.deepEqual(starts(), startsBefore, "no server was started again");
  const tries = servers.map(({ log }) => log.match(/cannot renew the certificate/g)?.length ?? 0);
  assert.deepEqual(tries, [0, 0]);
  for (const { log, name } of servers) assert.equal(log.includes("etcd ended"), false, name);
  await controlPlane.allServe();

  // Members that were never started again, and one that is, find each other with the new certificates.
  await servers[1]?.kill();
  servers[1]?.start();
  await controlPlane.allServe();
});

test("a server that is down holds up no other one's new name, and gets it when it is back", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 3 });
  t.after(() => controlPlane.stop());
  const [, , down] = controlPlane.servers;
  assert.ok(down);
  const hasName = (server: TestServer): Promise<boolean> =>
    holdsName(server, "balancer.example", {
      ...{ pair: "server", authority: "ca.crt", port: server.port },
    });
  await down.kill();
  const others = controlPlane.servers.filter((server) => server !== down);
  // The killed one may have led the store.
  await until("the address to be taken", async () => {
    return (await controlPlane.client().putLoadBalancer("balancer.example:7440")).ok;
  });
  await until("those that are there to have it", async () =>
    (await Promise.all(others.map(hasName))).every(Boolean),
  );
  down.start();
  await until("the one that was down to have it", () => hasName(down));
});

test("a node that was joined with one server survives the loss of that one, also across a restart", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 3 });
  t.after(() => controlPlane.stop());
  const [first, second, third] = controlPlane.servers;
  assert.ok(first && second && third);
  const created = answerOf(await controlPlane.client().createJoinToken({ role: "node" }));
  const data = join(controlPlane.folder, "node1");
  const joined = await holdfast(
    [
      "node",
      "join",
      first.url,
      "--ca-hash",
      created.authorityHash,
      "--name",
      "node1",
      "--data",
      data,
      "--no-units",
    ],
    { HOLDFAST_JOIN_TOKEN: created.token },
  );
  assert.equal(joined.code, 0, joined.stderr);
  const known = readFileSync(join(data, "servers.json"), "utf8");
  for (const { url } of [first, second, third]) assert.ok(known.includes(url), known);

  await first.kill();
  const node = new TestNode("node1", data, ["agent", "run"], {});
  controlPlane.nodes.push(node);
  node.start();
  const online = async (): Promise<boolean> => {
    const answer = await controlPlane.client(second).node("node1");
    return answer.ok && answer.value.state === "online";
  };
  await until("the node to be online without the server that it joined", online);
  await node.kill();
  await until("its loss to be noticed", async () => !(await online()));
  node.start();
  await until("the node to be online again", online);
});
