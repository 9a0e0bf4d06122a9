/** A migration that today's readers do not mind: what it adds to a service's record they leave out. */
import { createMigrations } from "../../../src/core/migrations/create-migrations.ts";
import type { Migration, Migrations, RawEntry } from "../../../src/core/migrations/migration.ts";

const note: Migration = {
  from: 1,
  to: 2,
  name: "notes",
  rolling: false,
  migrate({ key, value }): readonly RawEntry[] {
    const isService = key.startsWith("services/");
    if (!isService || typeof value !== "object" || value === null || Array.isArray(value)) {
      return [{ key, value }];
    }
    return [{ key, value: { ...value, note: "seen" } }];
  },
};

export const noteMigrations: Migrations = createMigrations([note]);
