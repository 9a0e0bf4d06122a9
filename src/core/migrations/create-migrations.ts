/** Makes the list of a program's migrations, and with it the schema that the program wants. */
import { assert } from "../assert.ts";
import type { Migration, Migrations } from "./migration.ts";

/** Of a store that was written before there were schema versions. */
export const firstSchema = 1;

/** The list must lead from the first schema to the last without a gap: anything else is a bug of the program. */
export function createMigrations(list: readonly Migration[]): Migrations {
  for (const [index, { from, to, name }] of list.entries()) {
    assert(from === firstSchema + index, `migration "${name}" begins where the one before it ends`);
    assert(to === from + 1, `migration "${name}" leads to the next schema`);
  }
  return { schema: firstSchema + list.length, list };
}
