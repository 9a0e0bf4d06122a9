/** What the SQLite store refuses to open, in one clear line, and how it keeps others out. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { after, it } from "node:test";
import { fileURLToPath } from "node:url";
import { entryOf, inTime, put, write } from "../contract/store-support.ts";
import { openStore, refusalOf, temporaryDirectory } from "./sqlite-support.ts";

const directory = temporaryDirectory();
after(() => directory.remove());
const isRoot = process.getuid?.() === 0;

function assertOneLine(message: string, file: string, pattern: RegExp): void {
  assert.ok(message.includes(`"${file}"`), `names the file: ${message}`);
  assert.ok(!message.includes("\n"), "is one line");
  assert.match(message, pattern);
}

it("openSqliteStore() keeps a second opener out, in this process too, until it is closed", async () => {
  const file = directory.file("two.db");
  const first = await openStore({ file });
  const refusal = await refusalOf(file);
  assert.equal(refusal.kind, "in-use");
  assertOneLine(refusal.message, file, /another process has it open/);
  await write(first, put("k", 1));
  const link = directory.file("link.db");
  symlinkSync(file, link);
  assert.equal((await refusalOf(link)).kind, "in-use", "also by another name");
  await first.close();
  const second = await openStore({ file });
  assert.equal((await entryOf(second, "k"))?.value, 1);
  await second.close();
});

it("openSqliteStore() is kept out by another process as long as that lives", async () => {
  const file = directory.file("killed.db");
  const writer = fileURLToPath(new URL("crash-writer.ts", import.meta.url));
  const child = spawn(process.execPath, [writer, file, "1"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    child.stdin.write("go\n");
    await inTime("the other process has it open", once(child.stdout, "data"));
    assert.equal((await refusalOf(file)).kind, "in-use");
  } finally {
    child.kill("SIGKILL");
    await inTime("the other process is gone", once(child, "close"));
  }
  const store = await openStore({ file });
  await store.close();
});

it("openSqliteStore() makes file and folders for this user alone, and an open file private", async () => {
  const file = directory.file("deep/er/store.db");
  const first = await openStore({ file });
  await write(first, put("k", 1));
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  assert.equal(modeOf(file), 0o600);
  assert.equal(modeOf(`${file}-wal`), 0o600);
  assert.equal(modeOf(directory.file("deep/er")), 0o700);
  await first.close();
  chmodSync(file, 0o644);
  const second = await openStore({ file });
  assert.equal(modeOf(file), 0o600);
  await second.close();
});

it("openSqliteStore() refuses a store of a newer Holdfast and leaves it as it is", async () => {
  const file = directory.file("newer.db");
  await (await openStore({ file })).close();
  const database = new DatabaseSync(file);
  database.exec("PRAGMA user_version = 999");
  database.close();
  const before = readFileSync(file);
  const refusal = await refusalOf(file);
  assert.equal(refusal.kind, "incompatible");
  assertOneLine(refusal.message, file, /newer Holdfast.*999.*upgrade/);
  assert.deepEqual(readFileSync(file), before);
});

it("openSqliteStore() refuses another program's database and leaves it as it is", async () => {
  const file = directory.file("other.db");
  const database = new DatabaseSync(file);
  database.exec("CREATE TABLE bookmarks (url TEXT)");
  database.close();
  const before = readFileSync(file);
  const refusal = await refusalOf(file);
  assert.equal(refusal.kind, "incompatible");
  assertOneLine(refusal.message, file, /not a Holdfast store/);
  assert.deepEqual(readFileSync(file), before);
});

it("openSqliteStore() refuses a file that is no database", async () => {
  const file = directory.file("text.db");
  writeFileSync(file, "This is a letter to my grandmother.\n".repeat(100));
  const refusal = await refusalOf(file);
  assert.equal(refusal.kind, "damaged");
  assertOneLine(refusal.message, file, /not a database/);
});

it("openSqliteStore() refuses a damaged store", async () => {
  const file = directory.file("damaged.db");
  const store = await openStore({ file });
  for (let key = 0; key < 200; key++) await write(store, put(`k${key}`, "x".repeat(500)));
  await store.close();
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 8_192, bytes.length - 8_192);
  writeFileSync(file, bytes);
  const refusal = await refusalOf(file);
  assert.equal(refusal.kind, "damaged");
  assertOneLine(refusal.message, file, /damaged|malformed/);
});

it("openSqliteStore() refuses a path that is a directory, or below a file", async () => {
  const folder = directory.file("folder.db");
  mkdirSync(folder);
  assertOneLine((await refusalOf(folder)).message, folder, /unable to open|directory/);
  const file = directory.file("plain");
  writeFileSync(file, "");
  const below = `${file}/store.db`;
  const refusal = await refusalOf(below);
  assert.equal(refusal.kind, "inaccessible");
  assertOneLine(refusal.message, below, /not a directory|ENOTDIR|EEXIST/);
});

it("openSqliteStore() refuses a folder without permission", async (t) => {
  if (isRoot) {
    t.skip("root may write everywhere");
    return;
  }
  const folder = directory.file("locked");
  mkdirSync(folder, { mode: 0o500 });
  const file = `${folder}/store.db`;
  const refusal = await refusalOf(file);
  assert.equal(refusal.kind, "inaccessible");
  assertOneLine(refusal.message, file, /permission denied|EACCES/);
});
