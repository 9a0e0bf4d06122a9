/** Looks at a store that was migrated, before it is said to be: whether all is there, and can be read. */
import type { Store } from "../../ports/store.ts";
import type { Part } from "./part.ts";
import type { RehearsalOptions } from "./rehearse.ts";
import { pagesOf } from "./walk.ts";

export interface VerifyOptions extends RehearsalOptions {
  /** Entries without a lease that there must be; undefined: servers write meanwhile, so nobody can say. */
  readonly keptCount: number | undefined;
}

/** Fails with the first entry that the new program cannot read, or if entries are missing. */
export async function verifyMigrated(
  store: Pick<Store, "range">,
  { check, signal, onProgress, keptCount }: VerifyOptions,
): Promise<Part<undefined>> {
  let doneCount = 0;
  let foundCount = 0;
  for await (const page of pagesOf(store)) {
    if (!page.ok) return { kind: "again", because: page.error.message };
    if (signal.aborted) return { kind: "failed", because: "it was interrupted" };
    for (const entry of page.value) {
      doneCount += 1;
      if (entry.leaseId === undefined) foundCount += 1;
      const flaw = check(entry);
      if (flaw !== undefined) return failed(`"${entry.key}" ${flaw}`);
    }
    onProgress?.(doneCount);
  }
  // More of them are no loss: a machine may have begun to join meanwhile.
  if (keptCount !== undefined && foundCount < keptCount) {
    return failed(`${foundCount} entries are there and ${keptCount} should be`);
  }
  return { kind: "done", value: undefined };
}

function failed(because: string): Part<undefined> {
  return {
    kind: "failed",
    because: `the migrated store does not hold what it should: ${because}; nothing serves it: restore the backup`,
  };
}
