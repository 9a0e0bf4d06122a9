/** `backup restore` as a command: what it refuses, and what is left when it is killed on the way. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { completeRestore, serverNames } from "../../src/setup/restore/restore-switch.ts";
import { beginHoldfast, holdfast, temporaryFolder } from "../setup/support/command.ts";
import { answerOf, startControlPlane, until } from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";

const settings = { roundMs: 12_345 };

function serverFilesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => serverNames.includes(name));
}

test("backup restore refuses what lives, what is there and what is no backup; killed on the way it is nothing", {
  timeout: 250_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1, engine: "embedded" });
  t.after(() => controlPlane.stop());
  const [server] = controlPlane.servers;
  assert.ok(server);
  const client = controlPlane.client();
  answerOf(await client.changeSettings(settings));
  const folder = temporaryFolder(t);
  const passphraseFile = join(folder, "passphrase");
  writeFileSync(passphraseFile, "correct horse\n");
  const [backups, data] = [join(folder, "backups"), join(folder, "data")];
  const secret = ["--passphrase-file", passphraseFile];
  const env = {
    HOLDFAST_SERVER: server.url,
    HOLDFAST_CA: join(server.dataDirectory, "pki/ca.crt"),
    HOLDFAST_TOKEN_FILE: join(server.dataDirectory, "admin.token"),
  };
  const made = await holdfast(["backup", "create", "--to", backups, ...secret], env);
  assert.equal(made.code, 0, made.stderr);
  const file = join(backups, readdirSync(backups)[0] ?? "");
  assert.equal(readFileSync(file).includes("PRIVATE KEY"), false);
  const words = ["backup", "restore", file, ...secret, "--data", data];

  const whileRunning = await holdfast([
    "backup",
    "create",
    "--to",
    backups,
    "--data",
    server.dataDirectory,
  ]);
  assert.match(whileRunning.stderr, /the server of this store runs: leave out --data/);
  const over = await holdfast([...words.slice(0, -1), server.dataDirectory, "--force"]);
  assert.match(over.stderr, /server of .* runs \(its store is open\): stop it first/);
  const alive = await holdfast(words);
  assert.equal(alive.code, 1);
  const lives = /the cluster of this backup lives: server 1 at .* answers/;
  assert.match(alive.stderr, lives);
  const aside = join(folder, "aside");
  mkdirSync(aside);
  writeFileSync(join(aside, "admin.token"), "of a server that was here");
  const beside = [...words.slice(0, -1), aside, "--no-wait"];
  const there = await holdfast(beside);
  assert.match(there.stderr, /holds a server already \(admin\.token\).*--put-aside/);
  const putAside = await holdfast([...beside, "--put-aside"]);
  assert.equal(putAside.code, 1, "that a folder is free says nothing of the other servers");
  assert.match(putAside.stderr, lives);
  assert.deepEqual(serverFilesIn(aside), ["admin.token"]);
  const forced = await holdfast([...beside, "--force"]);
  assert.equal(forced.code, 0, forced.stderr);
  assert.match(forced.stdout, lives);
  assert.match(forced.stdout, /goes on all the same/);
  assert.deepEqual(serverFilesIn(join(aside, "before-restore")), ["admin.token"]);
  const unasked = await holdfast(["backup", "restore", file, "--data", data]);
  assert.match(unasked.stderr, /it is encrypted: give a file .* --passphrase-file/);
  await server.kill();

  const over2 = await holdfast([...words.slice(0, -1), server.dataDirectory]);
  assert.match(over2.stderr, /holds a server already \(store\.json, .*--put-aside to keep it/);
  const cut = join(folder, "cut.backup");
  writeFileSync(cut, readFileSync(file).subarray(0, -40));
  const ofCut = await holdfast(["backup", "restore", cut, ...secret, "--data", data]);
  assert.match(ofCut.stderr, /cut\.backup: it is cut off after byte \d+/);
  assert.deepEqual(serverFilesIn(data), []);

  for (const step of ["verifies the backup", "writes ", "waits "]) {
    const begun = beginHoldfast(words);
    begun.child.stdout?.on("data", (text: string) => {
      if (text.includes(step)) begun.child.kill("SIGKILL");
    });
    assert.equal((await begun.outcome).code, undefined, `killed at "${step}"`);
    assert.deepEqual(serverFilesIn(data), [], `killed at "${step}"`);
  }
  const restored = await holdfast([...words, "--no-wait"]);
  assert.equal(restored.code, 0, restored.stderr);
  assert.match(restored.stdout, /holds the cluster as it was at/);
  assert.match(restored.stdout, /start it with: holdfast server launch --data .*data;/);
  assert.deepEqual(readdirSync(data).sort(), [
    ...["admin.token", "pki", "server-identity.json", "store.json", "store.sqlite"],
  ]);
  const again = await holdfast(["backup", "create", "--to", folder, "--data", data]);
  assert.equal(again.code, 0, again.stderr);
  const verified = await holdfast(["backup", "verify", again.stdout.trim(), "-o", "json"]);
  assert.equal(verified.code, 0, verified.stderr);
});

/** A data directory with an old server and a restored one that counts, both as files that say which they are. */
function placeOf(t: TestContext): { readonly data: string; readonly names: readonly string[] } {
  const data = temporaryFolder(t);
  const names = ["store.json", "store.sqlite", "admin.token"];
  for (const name of names) writeFileSync(join(data, name), "old");
  mkdirSync(join(data, "bundles"));
  mkdirSync(join(data, "restore.done"));
  for (const name of names) writeFileSync(join(data, "restore.done", name), "new");
  return { data, names };
}

async function move(from: string, to: string): Promise<void> {
  const { rename } = await import("node:fs/promises");
  await rename(from, to);
}

test("completeRestore() ends what was cut off, after whichever step", async (t) => {
  for (let done = 0; done <= 7; done += 1) {
    const { data, names } = placeOf(t);
    const at = (...parts: string[]): string => join(data, ...parts);
    mkdirSync(at("before-restore"));
    const steps = [
      ...names.map((name) => () => move(at(name), at("before-restore", name))),
      () => Promise.resolve(writeFileSync(at("restore.done", ".kept"), "")),
      ...names.map((name) => () => move(at("restore.done", name), at(name))),
    ];
    for (const step of steps.slice(0, done)) await step();
    assert.deepEqual(await completeRestore(data), { ok: true, value: undefined });
    for (const name of names) {
      assert.equal(readFileSync(at(name), "utf8"), "new", `${done} steps`);
      assert.equal(readFileSync(at("before-restore", name), "utf8"), "old", `${done} steps`);
    }
    const rest = ["before-restore", "bundles", ...names].sort();
    assert.deepEqual(readdirSync(data).sort(), rest, `${done} steps`);
    assert.deepEqual(await completeRestore(data), { ok: true, value: undefined });
  }
});

test("backup restore --ha makes a cluster on etcd that others join", {
  skip: missingForEtcd(),
  timeout: 250_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 2 });
  t.after(() => controlPlane.stop());
  const [first, second] = controlPlane.servers;
  assert.ok(first && second);
  answerOf(await controlPlane.client().changeSettings(settings));
  const { revision } = answerOf(await controlPlane.client().nodes());
  const backups = temporaryFolder(t);
  // By way of its member of etcd: no server is asked.
  const made = await holdfast(["backup", "create", "--to", backups, "--data", first.dataDirectory]);
  assert.equal(made.code, 0, made.stderr);
  await Promise.all([first.kill(), second.kill()]);
  const words = ["backup", "restore", made.stdout.trim(), "--data", first.dataDirectory];
  const restored = await holdfast([...words, "--ha", "--put-aside", "--no-wait"]);
  assert.equal(restored.code, 0, restored.stderr);
  assert.equal(existsSync(join(first.dataDirectory, "before-restore/etcd")), true);
  controlPlane.servers.splice(1);
  first.start();
  await until(
    "the restored server to serve",
    async () => (await controlPlane.client().cluster()).ok,
  );
  assert.equal(answerOf(await controlPlane.client().settings()).roundMs, 12_345);
  const after = answerOf(await controlPlane.client().nodes());
  assert.ok(after.revision > revision + 1_000_000, "revisions never go back");
  const third = await controlPlane.addServer();
  assert.ok(Number(third.id) > 100, `server ${third.id} has an id of its own`);
  second.start();
  assert.equal(await second.ended(), 1, second.log.slice(-500));
});
