/** The address in front of the servers changes, and servers get lost: nothing has to be started or joined anew. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
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

const skip = missingForEtcd();

/** Whether a server's certificate holds a name, as the authority and TLS itself see it. */
function holdsName(
  server: TestServer,
  name: string,
  listener: { readonly pair: "server" | "etcd"; readonly authority: string; readonly port: number },
): Promise<boolean> {
  const file = (path: string): string =>
    readFileSync(join(server.dataDirectory, "pki", path), "utf8");
  const socket = connect({
    ...{ host: "127.0.0.1", port: listener.port, servername: name, ca: file(listener.authority) },
    ...{ cert: file(`${listener.pair}.crt`), key: file(`${listener.pair}.key`) },
    timeout: 5_000,
  });
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
  const controlPlane = await startControlPlane({ servers: 2, nodes: 1 });
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

  const after = answerOf(await controlPlane.client().node("node1"));
  assert.deepEqual([after.state, after.epoch], ["online", before.epoch], "its lease went on");
  assert.deepEqual(starts(), startsBefore, "no server was started again");
  const tries = servers.map(({ log }) => log.match(/cannot renew the certificate/g)?.length ?? 0);
  assert.deepEqual(tries, [0, 0]);
  await controlPlane.allServe();
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
