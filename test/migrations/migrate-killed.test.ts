/** A migration of the embedded store by a process that is killed again and again. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { killAgainAndAgain } from "./support/kill-migrator.ts";

test("migrateStore() is carried on by the next process when its process is killed", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "hf-migrate-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  await killAgainAndAgain(t, { kind: "sqlite", file: join(folder, "store.sqlite") });
});
