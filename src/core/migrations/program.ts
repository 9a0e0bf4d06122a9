/** The migrations of this program, the oldest first. A new one is a file of its own in this folder, named here. */
import { createMigrations } from "./create-migrations.ts";
import type { Migrations } from "./migration.ts";

export const programMigrations: Migrations = createMigrations([]);
