/** Goes through a store in order of its keys, a page at a time, so that no size of store fills the memory. */
import type { Result } from "../../core/result.ts";
import type { Store, StoredEntry, StoreError } from "../../ports/store.ts";
import { keys } from "../../wire/records.ts";

const pageEntriesMax = 1_000;

/**
 * What servers of different schemas share, so that its shape stays and no migration touches it: what the schema is, who is
 * manager, who lives, whether changes are let in, and what carries an upgrade on.
 */
const keysOfAllSchemas: readonly string[] = [
  keys.schema,
  keys.migration,
  keys.migrationBefore,
  keys.manager,
  keys.serverLeases,
  keys.freeze,
  keys.serverUpgrades,
  keys.serverUpgradeReports,
  keys.systemUpgrade,
  keys.silence,
];

/** Whether migrations have to do with the key. */
export function isMigrated(key: string): boolean {
  return !keysOfAllSchemas.some((shared) =>
    shared.endsWith("/") ? key.startsWith(shared) : key === shared,
  );
}

/** All entries after `afterKey` that migrations have to do with, page by page. An error is the last that comes. */
export async function* pagesOf(
  store: Pick<Store, "range">,
  afterKey?: string,
): AsyncGenerator<Result<readonly StoredEntry[], StoreError>, void, undefined> {
  let after = afterKey;
  for (;;) {
    const options = { limit: pageEntriesMax, ...(after === undefined ? {} : { afterKey: after }) };
    const read = await store.range("", options);
    if (!read.ok) {
      yield read;
      return;
    }
    const { entries, more } = read.value;
    yield { ok: true, value: entries.filter(({ key }) => isMigrated(key)) };
    after = entries.at(-1)?.key;
    if (!more || after === undefined) return;
  }
}
