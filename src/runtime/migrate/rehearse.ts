/** Does a migration in memory, so that one that cannot work is refused before anything is touched. */
import { type MigrationPlan, migrateEntry } from "../../core/migrations/plan.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { JsonValue, Store } from "../../ports/store.ts";
import { pagesOf } from "./walk.ts";

/** What the new program says of an entry: why it cannot read it, or undefined. */
export type EntryCheck = (entry: {
  readonly key: string;
  readonly value: JsonValue;
}) => string | undefined;

export interface RehearsalOptions {
  readonly check: EntryCheck;
  readonly signal: AbortSignal;
  readonly onProgress?: ((doneCount: number) => void) | undefined;
}

/** What a migration will do. */
export interface Rehearsal {
  readonly entryCount: number;
  /** Entries that are changed, moved or removed. */
  readonly changedCount: number;
}

/** The error names the first entry that stands in the way. Writes nothing. */
export async function rehearseMigration(
  store: Pick<Store, "range">,
  plan: MigrationPlan,
  { check, signal, onProgress }: RehearsalOptions,
): Promise<Result<Rehearsal, string>> {
  const present = new Set<string>();
  const moved = new Map<string, string>();
  let changedCount = 0;
  for await (const page of pagesOf(store)) {
    if (!page.ok) return err(page.error.message);
    if (signal.aborted) return err("it was interrupted");
    for (const entry of page.value) {
      present.add(entry.key);
      const becomes = migrateEntry(plan, entry);
      if (!isSame(entry, becomes)) changedCount += 1;
      for (const one of becomes) {
        const flaw = check(one);
        if (flaw !== undefined) return err(`"${one.key}", made of "${entry.key}", ${flaw}`);
        if (plan.rolling && !isSame(one, migrateEntry(plan, one))) {
          return err(`"${one.key}", made of "${entry.key}", would be changed again the next time`);
        }
        if (one.key === entry.key) continue;
        const other = moved.get(one.key);
        if (other !== undefined) return err(clash(one.key, entry.key, other));
        moved.set(one.key, entry.key);
      }
    }
    onProgress?.(present.size);
  }
  for (const [key, from] of moved) if (present.has(key)) return err(clash(key, from, key));
  return ok({ entryCount: present.size, changedCount });
}

/** Whether a migration leaves an entry as it is. */
export function isSame(
  entry: { readonly key: string; readonly value: JsonValue },
  becomes: readonly { readonly key: string; readonly value: JsonValue }[],
): boolean {
  const [only] = becomes;
  if (becomes.length !== 1 || only === undefined || only.key !== entry.key) return false;
  return only.value === entry.value || JSON.stringify(only.value) === JSON.stringify(entry.value);
}

function clash(key: string, one: string, other: string): string {
  return `"${one}" and "${other}" would both become "${key}"`;
}
