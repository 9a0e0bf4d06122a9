/** A move to etcd that is killed at any of its steps: either store, whole, and the command can be given again. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { startControlPlane, until } from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { holdfast } from "./support/command.ts";
import { engineOf, firstOf } from "./support/facts.ts";
import { WriteStream } from "./support/load.ts";

const skip = missingForEtcd();

test("a server that is killed while it moves has either store, whole, and the command can be given again", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1, nodes: 1, engine: "embedded" });
  t.after(() => controlPlane.stop());
  const server = firstOf(controlPlane);
  const writes = new WriteStream(t, controlPlane.client(), "node1");
  const killedAt: string[] = [];
  for (const word of ["starts a member", "copies", "holds writes", "switches"]) {
    await writes.more(10);
    const from = server.log.length;
    const moving = holdfast([
      "server",
      "init",
      "--ha",
      "--data",
      server.dataDirectory,
      "--no-units",
    ]);
    await until(`"${word}" in the log`, () =>
      server.log.slice(from).includes(`moves to etcd: ${word}`),
    );
    await server.kill();
    killedAt.push(`${word}: ${await engineOf(server)}`);
    server.start();
    await until("it serves", async () => (await controlPlane.client().cluster()).ok);
    await moving;
    await writes.more(10);
    await writes.assertAllThere(controlPlane.client());
    if ((await engineOf(server)) === "etcd") break;
  }
  t.diagnostic(killedAt.join(", "));
  const done = await holdfast([
    "server",
    "init",
    "--ha",
    "--data",
    server.dataDirectory,
    "--no-units",
  ]);
  assert.equal(done.code, 0, done.stderr);
  await writes.more(10);
  await writes.end();
  assert.equal(await engineOf(server), "etcd");
  await writes.assertAllThere(controlPlane.client());
  await controlPlane.nodeIsOnline("node1");
});

const childPath = join(import.meta.dirname, "support/move-child.ts");

/** Moves a stopped server's store, and ends itself by SIGKILL at a step. */
async function moveAndDie(dataDirectory: string, step: string): Promise<string> {
  const child = spawn(process.execPath, [childPath, dataDirectory, step], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 60_000,
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  await once(child, "close");
  return child.signalCode === "SIGKILL" ? "killed" : text.trim();
}

test("a move of a stopped server that dies at any step left the old store whole, and the last one the new", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1, nodes: 1, engine: "embedded" });
  t.after(() => controlPlane.stop());
  const server = firstOf(controlPlane);
  const writes = new WriteStream(t, controlPlane.client(), "node1");
  await writes.more(40);
  await writes.end();
  await server.end();
  for (const step of ["starts a member", "copies", "holds", "compares", "switches"]) {
    assert.equal(await moveAndDie(server.dataDirectory, step), "killed", step);
    assert.equal(await engineOf(server), "embedded", step);
  }
  server.start();
  await until("it serves on the old store", async () => (await controlPlane.client().cluster()).ok);
  await writes.assertAllThere(controlPlane.client());
  await server.end();
  assert.equal(await moveAndDie(server.dataDirectory, "moved"), "killed");
  assert.equal(await engineOf(server), "etcd");
  server.start();
  await until("it serves on the new store", async () => (await controlPlane.client().cluster()).ok);
  await writes.assertAllThere(controlPlane.client());
  await controlPlane.nodeIsOnline("node1");
});
