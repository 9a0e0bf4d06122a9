/**
 * The schema of the whole store: which shape its records have, and how far a migration to another one has come. These
 * two records and what else is in `keysOfAllSchemas` keep their shape for good: servers of different schemas read them.
 */
import * as z from "zod";

const version = { version: z.literal(1) };
const schemaNumber = z.int().min(1);

/**
 * `schema`: what the store has. A store without it is of schema 1. Every write of a server names the revision of this
 * record, so that whoever changes it locks out all that have not read it since.
 */
export const schemaRecordSchema = z.object({
  ...version,
  schema: schemaNumber,
  /** When it was brought to this schema, or made with it. */
  migratedAtMs: z.number(),
  /** Of the program that did so. */
  byVersion: z.string(),
  /** A migration that all servers wait for has begun and is not over. */
  migratingTo: schemaNumber.optional(),
  /** What entries were in that schema is kept: the migration, which began after this revision, can be taken back. */
  before: z.object({ schema: schemaNumber, revision: z.int().min(0) }).optional(),
});
export type SchemaRecord = z.output<typeof schemaRecordSchema>;

/** `migration`: how far one has come that has begun and is not over. Written with every step of it. */
export const migrationRecordSchema = z.object({
  ...version,
  from: schemaNumber,
  to: schemaNumber,
  byVersion: z.string(),
  startedAtMs: z.number(),
  /** What each entry was is kept beside it. */
  keepsBefore: z.boolean().optional(),
  /** All keys up to this one are done; undefined: none. */
  lastKey: z.string().optional(),
  /** Entries that were looked at. */
  doneCount: z.int().min(0),
  /** Of them, those that were changed, moved or removed. */
  changedCount: z.int().min(0),
  /** Entries without a lease that there must be at the end, as far as it has come. */
  keptCount: z.int().min(0),
});
export type MigrationRecord = z.output<typeof migrationRecordSchema>;

/**
 * `before-migration/<key>`: what an entry was before a migration changed it, kept until the upgrade that it belongs to is
 * over. Written in the transaction that changes the entry: its revision is that of the change.
 */
export const beforeImageRecordSchema = z.object({
  ...version,
  value: z.json(),
  /** It hung on a lease: nothing comes back once that is over. */
  leased: z.boolean().optional(),
  /** Keys of what it became. */
  becomes: z.array(z.string()).max(100),
});
export type BeforeImageRecord = z.output<typeof beforeImageRecordSchema>;

/** `GET /v1/schema` */
export const storeSchemaResourceSchema = z.object({
  /** What the store has. */
  stored: schemaNumber,
  /** What the server that answers writes. */
  wanted: schemaNumber,
  byVersion: z.string(),
  /** `null`: the store is older than that there were schema versions. */
  migratedAtMs: z.number().nullable(),
  migration: z
    .object({
      from: schemaNumber,
      to: schemaNumber,
      byVersion: z.string(),
      startedAtMs: z.number(),
      doneCount: z.int().min(0),
    })
    .optional(),
});
export type StoreSchemaResource = z.output<typeof storeSchemaResourceSchema>;
