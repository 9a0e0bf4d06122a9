/** completeRecovery(): wherever the switch to a recovered copy was cut off, it ends with the copy, or nothing has happened. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  aloneOf,
  completeRecovery,
  recoveryFolders,
  switchToCopy,
} from "../../src/setup/recover/recovery-switch.ts";
import {
  readEngine,
  type ServerIdentity,
  type ServerPlaces,
  serverPlaces,
  writeEngine,
  writeIdentity,
} from "../../src/setup/server-files.ts";
import { temporaryFolder } from "./support/command.ts";
import { must } from "./support/must.ts";

const identity: ServerIdentity = { version: 1, id: "2", name: "two", host: "10.0.0.2", port: 7440 };
const stored: Parameters<typeof aloneOf>[0] = {
  ...{ version: 1, engine: "etcd", joining: false },
  endpoints: ["https://10.0.0.1:7441"],
  member: { name: "holdfast-2", initialCluster: "a=https://10.0.0.1:7442", state: "existing" },
};
const alone = aloneOf(stored, identity);

type Folder = "etcd" | "copy" | "done" | "before";

interface State {
  readonly when: string;
  readonly folders: Readonly<Partial<Record<Folder, "old" | "new">>>;
  readonly isAloneWritten?: boolean;
}

async function place(t: TestContext, { folders, isAloneWritten }: State): Promise<ServerPlaces> {
  const places = serverPlaces(temporaryFolder(t));
  const paths = { etcd: places.etcdData, ...recoveryFolders(places) };
  for (const [name, content] of Object.entries(folders)) {
    const path = name === "etcd" || name === "copy" || name === "done" ? paths[name] : paths.before;
    mkdirSync(path);
    writeFileSync(join(path, "content"), content);
  }
  must(await writeIdentity(places, identity));
  const engine = isAloneWritten === true ? alone : stored;
  must(await writeEngine(places, engine));
  return places;
}

function contentOf(path: string): string | undefined {
  const file = join(path, "content");
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

const decided: readonly State[] = [
  { when: "the copy was named", folders: { etcd: "old", done: "new" } },
  {
    when: "the data of an earlier recovery is still there",
    folders: { etcd: "old", done: "new", before: "old" },
  },
  { when: "the old data was moved away", folders: { before: "old", done: "new" } },
  { when: "store.json was written", folders: { before: "old", done: "new" }, isAloneWritten: true },
];
for (const state of decided) {
  test(`completeRecovery() goes on when it was cut off after ${state.when}`, async (t) => {
    const places = await place(t, state);
    must(await completeRecovery(places));
    assert.equal(contentOf(places.etcdData), "new");
    assert.equal(contentOf(recoveryFolders(places).before), "old");
    assert.equal(existsSync(recoveryFolders(places).done), false);
    assert.deepEqual(must(await readEngine(places)), alone);
    must(await completeRecovery(places));
    assert.equal(contentOf(places.etcdData), "new", "once more changes nothing");
  });
}

test("completeRecovery() does nothing about a copy that never counted", async (t) => {
  const places = await place(t, { when: "", folders: { etcd: "old", copy: "new" } });
  must(await completeRecovery(places));
  assert.equal(contentOf(places.etcdData), "old");
  assert.deepEqual(must(await readEngine(places)), stored);
});

test("switchToCopy() puts the copy in the data's place and keeps the data", async (t) => {
  const places = await place(t, { when: "", folders: { etcd: "old", copy: "new", before: "old" } });
  must(await switchToCopy(places));
  assert.equal(contentOf(places.etcdData), "new");
  assert.equal(contentOf(recoveryFolders(places).before), "old");
  assert.deepEqual(must(await readEngine(places)), alone);
});
