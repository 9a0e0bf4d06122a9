/** Makes a new embedded store count on from a given revision, so that revisions never go back in a restored cluster. */
import { err, ok, type Result } from "../../core/result.ts";
import type { StoreRevision } from "../../ports/store.ts";
import { openDatabase } from "./open-database.ts";

/** The file must hold no store that anybody uses. The error names it. */
export function raiseRevision(file: string, revision: StoreRevision): Result<void, string> {
  const opened = openDatabase(file);
  if (!opened.ok) return err(opened.error.message);
  const database = opened.value;
  try {
    // No change up to it is kept, so that no watch can ask for one.
    database
      .prepare("UPDATE meta SET revision = ?, compacted_revision = ?")
      .run(revision, revision);
    return ok(undefined);
  } finally {
    database.close();
  }
}
