/** `server recover`: two of three servers are lost for good, and the third goes on alone from what it has. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { answerOf, startControlPlane, type TestServer, until } from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { beginHoldfast, holdfast } from "./support/command.ts";
import { firstOf } from "./support/facts.ts";
import { halfIn, isJoining } from "./support/half-in.ts";
import { Probes, WriteStream } from "./support/load.ts";

const skip = missingForEtcd();

test("server recover makes a cluster of one of the survivor, and nothing runs twice", {
  skip,
  timeout: 240_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 3, nodes: 2 });
  t.after(() => controlPlane.stop());
  const [first, second, third] = controlPlane.servers;
  assert.ok(first && second && third);
  const probes = new Probes(controlPlane);
  await probes.add(3);
  const writes = new WriteStream(t, controlPlane.client(), "node1");
  await writes.more(20);
  await writes.end();
  const etcd = join(first.dataDirectory, "etcd");
  const words = ["server", "recover", "--data", first.dataDirectory];

  const whileRunning = await holdfast([...words, "--yes"]);
  assert.equal(whileRunning.code, 1);
  assert.match(whileRunning.stderr, /this server still runs, or its member does: stop it first/);

  await first.end();
  const whileOthersLive = await holdfast([...words, "--yes"]);
  assert.equal(whileOthersLive.code, 1);
  assert.match(whileOthersLive.stderr, /server 2 at .*, server 3 at .* answers: look there/);
  first.start();
  await controlPlane.allServe(); // that it was looked at has harmed nobody

  await Promise.all([second.kill(), third.kill()]);
  cpSync(third.dataDirectory, `${third.dataDirectory}.old`, {
    recursive: true,
    verbatimSymlinks: true,
  });
  for (const { dataDirectory } of [second, third]) rmSync(dataDirectory, { recursive: true });
  await first.kill();
  const stored = readFileSync(join(first.dataDirectory, "store.json"), "utf8");

  const unasked = await holdfast(words);
  assert.equal(unasked.code, 5, unasked.stderr);
  assert.match(
    unasked.stdout,
    /server 1 "server1" knows 2 nodes and 3 services, up to entry \d+ of term \d+/,
  );
  assert.match(unasked.stdout, /the last thing that it knows happened at 20/);
  assert.match(
    unasked.stdout,
    /must be off for good.*\n {2}server 2 "server2" at https.*\n {2}server 3/,
  );
  assert.match(unasked.stderr, /nothing was changed.*--yes/s);
  assert.equal(readFileSync(join(first.dataDirectory, "store.json"), "utf8"), stored);
  assert.equal(existsSync(`${etcd}.recovering`), false);

  const cutOff = beginHoldfast([...words, "--yes"]);
  cutOff.child.stdout?.on("data", (text: string) => {
    if (text.includes("waits until nothing")) cutOff.child.kill("SIGKILL");
  });
  assert.equal((await cutOff.outcome).code, undefined, "it was killed on the way");
  assert.equal(readFileSync(join(first.dataDirectory, "store.json"), "utf8"), stored);

  const recovered = await holdfast([...words, "--yes"]);
  assert.equal(recovered.code, 0, recovered.stderr);
  assert.match(
    recovered.stdout,
    /it is a cluster of one now; the data of before is kept in .*before-recovery/,
  );
  first.start();
  const alone = controlPlane.client(first);
  await until("the survivor to serve", async () => (await alone.cluster()).ok);
  await writes.assertAllThere(alone);
  for (const name of ["node1", "node2"]) {
    await until(`${name} to be online`, async () => {
      const answer = await alone.node(name);
      return answer.ok && answer.value.state === "online";
    });
  }
  await probes.allRun();
  probes.assertNeverTwice();
  const list = answerOf(await alone.servers()).items;
  assert.deepEqual(
    list.map(({ id, role }) => `${id} ${role}`),
    ["1 leader"],
  );

  const { items } = answerOf(await alone.audit({ limit: 100 }));
  const recoveries = items.filter(({ action }) => action === "server.recover");
  assert.equal(recoveries.length, 1, "what was cut off does not count");
  assert.equal(recoveries[0]?.who, `${userInfo().username} at server/1`);
  assert.equal(recoveries[0]?.from, "127.0.0.1");
  assert.equal(recoveries[0]?.detail, 'a cluster of one from server 1 "server1"');

  controlPlane.servers.splice(1);
  const [fresh] = [await controlPlane.addServer()];
  assert.ok(Number(fresh.id) > 3, `server ${fresh.id} has an id of its own`);

  // The old life comes back from a backup.
  cpSync(`${third.dataDirectory}.old`, third.dataDirectory, {
    recursive: true,
    verbatimSymlinks: true,
  });
  third.start();
  assert.equal(await third.ended(), 1, third.log.slice(-2_000));
  assert.match(third.log, /server 3 was removed from the cluster .*recovered from server 1 alone/);
  await third.kill();
  await controlPlane.allServe();
  probes.assertNeverTwice();
});

test("server recover takes a server that votes, and was killed before it had come in", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { controlPlane, server } = await halfIn(t);
  await firstOf(controlPlane).kill();
  const words = ["server", "recover", "--data", server.dataDirectory, "--yes"];
  const recovered = await holdfast(words);
  assert.equal(recovered.code, 0, recovered.stderr);
  assert.equal(await isJoining(server), false);
  server.start();
  const alone = controlPlane.client(server);
  await until("the survivor to serve", async () => (await alone.cluster()).ok);
  const { items } = answerOf(await alone.servers());
  assert.deepEqual(
    items.map(({ id, role }) => `${id} ${role}`),
    [`${server.id} leader`],
  );
});

async function assertHoldsNothing(server: TestServer): Promise<void> {
  const words = ["server", "recover", "--data", server.dataDirectory, "--yes"];
  const refused = await holdfast(words);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /had not come in yet, so it holds nothing; join it anew/);
}

test("server recover leaves a server that has nothing of the store yet as it is", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1 });
  t.after(() => controlPlane.stop());
  const server = await controlPlane.prepareServer();
  await assertHoldsNothing(server);
});

test("server recover leaves a server that has no vote yet as it is", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1 });
  t.after(() => controlPlane.stop());
  const server = await controlPlane.prepareServer();
  server.start();
  await server.freezeAt("goes to another etcd member");
  assert.doesNotMatch(server.log, /has caught up and votes/);
  // Its member has begun to copy, and so it has a folder of data.
  const wal = join(server.dataDirectory, "etcd", "member", "wal");
  await until("its member to copy", () => existsSync(wal));
  await Promise.all([firstOf(controlPlane).kill(), server.kill()]);
  await assertHoldsNothing(server);
});
