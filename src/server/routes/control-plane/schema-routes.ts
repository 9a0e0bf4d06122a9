/** `/v1/schema`: which shape the store's records have, and which this server writes. */
import {
  readMigration,
  readStoredSchema,
  type SchemaReading,
} from "../../../runtime/migrate/stored-schema.ts";
import { storeSchemaResourceSchema } from "../../../wire/control-plane/store-schema.ts";
import { problemOf } from "../../../wire/errors.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { ProblemError } from "../../http/problem-error.ts";

/** Adds the route. */
export function schemaRoutes(app: App, context: ServerContext): void {
  const { store, schema: wanted } = context;
  const options = { schema: { response: { 200: storeSchemaResourceSchema } } };
  app.get("/v1/schema", options, async () => {
    const [reading, migration] = await Promise.all([readStoredSchema(store), readMigration(store)]);
    if (!reading.ok) throw new ProblemError(problemOf("unavailable", reading.error.message));
    if (!migration.ok) throw new ProblemError(problemOf("unavailable", migration.error.message));
    const resource = { wanted, ...wordsOf(reading.value) };
    if (migration.value === undefined) return resource;
    const { from, to, byVersion, startedAtMs, doneCount } = migration.value.record;
    return { ...resource, migration: { from, to, byVersion, startedAtMs, doneCount } };
  });
}

function wordsOf({ stored, record }: SchemaReading) {
  const { schema, byVersion } = stored;
  return { stored: schema, byVersion, migratedAtMs: record?.migratedAtMs ?? null };
}
