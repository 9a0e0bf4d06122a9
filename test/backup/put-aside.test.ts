/** What a restore finds in its place: it is kept, never twice in one folder, and never replaced while it lives. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { err } from "../../src/core/result.ts";
import { createLauncher } from "../../src/launcher/launcher.ts";
import { restoreBackup } from "../../src/setup/restore/restore-backup.ts";
import { completeRestore } from "../../src/setup/restore/restore-switch.ts";
import { temporaryDirectory } from "../server/harness.ts";
import { backUp, restoreOptions } from "./support/restoring.ts";

async function emptyPlace(t: TestContext): Promise<string> {
  return join(await temporaryDirectory(t), "data");
}

test("a second restore refuses to put aside what would take the place of what the first one kept", async (t) => {
  const file = await backUp(t, { records: {}, origin: "person" });
  const dataDirectory = await emptyPlace(t);
  const options = { ...restoreOptions({ file, dataDirectory }), existing: "replace" } as const;
  const token = join(dataDirectory, "admin.token");
  const before = join(dataDirectory, "before-restore");
  const restored = async () => {
    const done = await restoreBackup(options);
    assert.ok(done.ok && done.value !== "completed", JSON.stringify(done));
    return done.value.before;
  };
  assert.equal(await restored(), undefined, "nothing was there");
  assert.equal(existsSync(before), false);
  writeFileSync(token, "the first");
  assert.equal(await restored(), before);
  assert.equal(readFileSync(join(before, "admin.token"), "utf8"), "the first");
  const again = await restoreBackup(options);
  assert.match(again.ok ? "" : again.error, /before-restore holds .*: move it away first$/);
  assert.equal(readFileSync(join(before, "admin.token"), "utf8"), "the first");
  const elsewhere = join(dataDirectory, "kept-by-hand");
  renameSync(before, elsewhere);
  assert.equal(await restored(), before);
});

test("a server that came into the place while the restore waited is left alone", async (t) => {
  const file = await backUp(t, { records: {}, origin: "person" });
  const dataDirectory = await emptyPlace(t);
  const token = join(dataDirectory, "admin.token");
  const options = restoreOptions({
    file,
    dataDirectory,
    onStep(sentence) {
      if (sentence.startsWith("waits ")) writeFileSync(token, "new here");
    },
  });
  const restored = await restoreBackup(options);
  assert.match(restored.ok ? "" : restored.error, /holds a server already \(admin\.token\)/);
  assert.deepEqual(readdirSync(dataDirectory), ["admin.token"]);
  assert.equal(readFileSync(token, "utf8"), "new here");
});

const upgraded = { version: 1, installed: "0.1.0", running: "0.2.0" };

/** A data directory whose launcher runs another version than the installed one. */
async function upgradedPlace(t: TestContext): Promise<string> {
  const data = await temporaryDirectory(t);
  mkdirSync(join(data, "versions/0.2.0/dist"), { recursive: true });
  writeFileSync(join(data, "versions/0.2.0/dist/main.js"), "");
  writeFileSync(join(data, "versions/state.json"), JSON.stringify(upgraded));
  for (const name of ["order.json", "progress.json"]) {
    writeFileSync(join(data, "versions", name), "{}");
  }
  return data;
}

const words = ["order.json", "progress.json", "state.json"];

test("after a restore the installed version is started, not what an upgrade had put in its place", async (t) => {
  const file = await backUp(t, { records: {}, origin: "person" });
  const dataDirectory = await upgradedPlace(t);
  const restored = await restoreBackup(restoreOptions({ file, dataDirectory }));
  assert.ok(restored.ok, JSON.stringify(restored));
  assert.deepEqual(readdirSync(join(dataDirectory, "versions")), ["0.2.0"]);
  assert.deepEqual(readdirSync(join(dataDirectory, "before-restore/versions")).sort(), words);
});

/** Makes a launcher, which starts nothing yet. */
function prepareLauncher(dataDirectory: string): void {
  createLauncher({
    ...{ dataDirectory, what: "server", endMsMax: 1_000, node: [], words: [] },
    write: () => undefined,
    findOrphan: () => undefined,
    askToLeave: () => Promise.resolve(err("nobody is there")),
    installed: { main: "main.js", version: "0.1.0" },
  });
}

for (const [what, made, left] of [
  ["counts", ["restore.done"], []],
  ["is half in its place", ["restore.done", "restore.done/.kept"], words],
  ["does not count", ["restore.new"], words],
] as const) {
  test(`a launcher that finds a restore that ${what} ${left.length === 0 ? "forgets" : "keeps"} what it ran`, async (t) => {
    const data = await upgradedPlace(t);
    for (const path of made) mkdirSync(join(data, path));
    prepareLauncher(data);
    const names = readdirSync(join(data, "versions")).filter((name) => name.endsWith(".json"));
    assert.deepEqual(names.sort(), left);
  });
}

test("completeRestore() puts the rest of the launcher's files aside after a crash between two of them", async (t) => {
  const data = await upgradedPlace(t);
  mkdirSync(join(data, "restore.done"));
  mkdirSync(join(data, "before-restore/versions"), { recursive: true });
  renameSync(join(data, "versions/order.json"), join(data, "before-restore/versions/order.json"));
  for (const _turn of ["first", "again"]) {
    assert.deepEqual(await completeRestore(data), { ok: true, value: undefined });
    assert.deepEqual(readdirSync(data).sort(), ["before-restore", "versions"]);
    assert.deepEqual(readdirSync(join(data, "versions")), ["0.2.0"]);
    assert.deepEqual(readdirSync(join(data, "before-restore/versions")).sort(), words);
  }
});
