/** What a server may do with a store of this schema. */
import type { Migrations } from "./migration.ts";
import { type MigrationPlan, planMigration, type StoredSchema } from "./plan.ts";

/**
 * `serve`: it has what the program wants, or the way there hinders nobody. `wait`: it is to be migrated first. `refuse`:
 * this program is none for it.
 */
export type SchemaVerdict =
  | { readonly kind: "serve"; readonly plan: MigrationPlan }
  | { readonly kind: "wait"; readonly plan: MigrationPlan; readonly because: string }
  | { readonly kind: "refuse"; readonly because: string };

/** Judges; `because` is one line for the operator. */
export function judgeSchema(
  stored: StoredSchema,
  program: { readonly migrations: Migrations; readonly version: string },
): SchemaVerdict {
  const planned = planMigration(stored, program);
  if (!planned.ok) return { kind: "refuse", because: planned.error };
  const plan = planned.value;
  if (stored.migratingTo !== undefined) {
    const because = `the store is being brought from schema ${plan.from} to ${plan.to}`;
    return { kind: "wait", plan, because };
  }
  if (plan.steps.length === 0 || plan.rolling) return { kind: "serve", plan };
  const names = plan.steps.map(({ name }) => name).join(", ");
  const because = `the store has schema ${plan.from}, holdfast ${program.version} waits for ${plan.to} (${names})`;
  return { kind: "wait", plan, because };
}
