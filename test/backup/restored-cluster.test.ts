/** A cluster that lives anew from a backup, with real agents of the old life around it. */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { programMigrations as migrations } from "../../src/core/migrations/program.ts";
import { err } from "../../src/core/result.ts";
import type { Log } from "../../src/ports/log.ts";
import { type RestoreOptions, restoreBackup } from "../../src/setup/restore/restore-backup.ts";
import { probe } from "../e2e/harness/probe-service.ts";
import { holdfast } from "../setup/support/command.ts";
import { Probes, WriteStream } from "../setup/support/load.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  until,
} from "../support/control-plane.ts";

const quietLog: Log = { write: () => undefined, with: () => quietLog };

function envOf(controlPlane: TestControlPlane): Readonly<Record<string, string>> {
  const [server] = controlPlane.servers;
  assert.ok(server);
  return {
    HOLDFAST_SERVER: server.url,
    HOLDFAST_CA: join(server.dataDirectory, "pki/ca.crt"),
    HOLDFAST_TOKEN_FILE: join(server.dataDirectory, "admin.token"),
  };
}

/** By the command line, while all runs; the path of the file. */
async function backUp(controlPlane: TestControlPlane): Promise<string> {
  const folder = join(controlPlane.folder, "backups");
  const made = await holdfast(["backup", "create", "--to", folder], envOf(controlPlane));
  assert.equal(made.code, 0, made.stderr);
  const [name = ""] = readdirSync(folder);
  const file = join(folder, name);
  const verified = await holdfast(["backup", "verify", file]);
  assert.equal(verified.code, 0, verified.stderr);
  return file;
}

function restoreOptions(file: string, dataDirectory: string): RestoreOptions {
  return {
    ...{ file, dataDirectory, engine: "embedded", existing: "refuse", clock, log: quietLog },
    askPassphrase: () => Promise.resolve(err("it is not encrypted")),
    program: { version: "0.0.0-test", migrations },
    onStep: () => undefined,
    signal: new AbortController().signal,
  };
}

test("nothing of the old life runs on or runs twice after a restore, and agents come back by themselves", {
  timeout: 300_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1, nodes: 2, engine: "embedded" });
  t.after(() => controlPlane.stop());
  const [server] = controlPlane.servers;
  assert.ok(server);
  const client = controlPlane.client();
  const probes = new Probes(controlPlane);
  await probes.add(2);
  const writes = new WriteStream(t, client, "node1");
  await writes.more(50);
  const [acknowledged, file] = [[...writes.acknowledged], await backUp(controlPlane)];
  await writes.more(20);
  await writes.end();

  // After the backup one service is moved, and another one begins.
  const [moved = "", stays = ""] = probes.ids;
  const from = answerOf(await client.service(moved)).node;
  const target = from === "node1" ? "node2" : "node1";
  answerOf(await client.command(moved, { command: "relocate", target }));
  await until("the service to be moved", async () => {
    const service = answerOf(await client.service(moved));
    return service.node === target && service.state === "started" && probes.alive(moved).length > 0;
  });
  const late = "process:late";
  answerOf(await client.addService(probe(probes, late)));
  await until("the late service to run", () => probes.alive(late).length > 0);
  const epochs = answerOf(await client.nodes()).items.map(({ epoch }) => epoch);

  await server.kill();
  rmSync(server.dataDirectory, { recursive: true });
  const restored = await restoreBackup(restoreOptions(file, server.dataDirectory));
  assert.ok(restored.ok, restored.ok ? "" : restored.error);
  for (const id of [moved, stays, late]) {
    assert.deepEqual(probes.alive(id), [], `${id} is dead before the new life counts`);
  }
  server.start();
  await until("the restored server to serve", async () => (await client.cluster()).ok);
  for (const { name } of controlPlane.nodes) await controlPlane.nodeIsOnline(name);
  await probes.allRun();
  probes.assertNeverTwice();
  assert.deepEqual(probes.alive(late), [], "the restored cluster does not know it");
  assert.equal((await client.service(late)).ok, false);
  const groups = new Set(answerOf(await client.groups()).items.map(({ name }) => name));
  assert.deepEqual(
    acknowledged.filter((name) => !groups.has(name)),
    [],
  );
  for (const { epoch } of answerOf(await client.nodes()).items) {
    assert.ok(epoch > Math.max(...epochs) + 1_000_000, `epoch ${epoch} is beyond the old life`);
  }
});

test("a service that outlives its node's lease waits for a person after a restore", {
  timeout: 200_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1, nodes: 2, engine: "embedded" });
  t.after(() => controlPlane.stop());
  const [server] = controlPlane.servers;
  assert.ok(server);
  const client = controlPlane.client();
  const probes = new Probes(controlPlane);
  const kept = "process:kept";
  answerOf(await client.addService({ ...probe(probes, kept), onIsolation: "keep" }));
  await until("it to run", () => probes.alive(kept).length > 0);
  const file = await backUp(controlPlane);
  const from = answerOf(await client.service(kept)).node;
  const target = from === "node1" ? "node2" : "node1";
  answerOf(await client.command(kept, { command: "relocate", target }));
  await until("it to be moved", async () => {
    const service = answerOf(await client.service(kept));
    return service.node === target && service.state === "started" && probes.alive(kept).length > 0;
  });
  await server.kill();
  rmSync(server.dataDirectory, { recursive: true });
  // Its copy runs on, whatever is waited for: only the restored cluster itself can keep a second one away.
  const options = restoreOptions(file, server.dataDirectory);
  const restored = await restoreBackup({ ...options, oldLife: "leases-over" });
  assert.ok(restored.ok, restored.ok ? "" : restored.error);
  server.start();
  await until("the restored server to serve", async () => (await client.cluster()).ok);
  for (const { name } of controlPlane.nodes) await controlPlane.nodeIsOnline(name);
  const service = answerOf(await client.service(kept));
  assert.equal(service.state, "error");
  assert.match(service.reason, /restored from a backup in which it was on node/);
  await until("the copy that nobody knows to be stopped", () => probes.alive(kept).length === 0);
  answerOf(await client.changeService(kept, { state: "disabled" }));
  answerOf(await client.changeService(kept, { state: "started" }));
  await until("it to run again", () => probes.alive(kept).length > 0);
  probes.assertNeverTwice();
});
