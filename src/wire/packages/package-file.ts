/** What a package of Holdfast says of itself, and what the cluster's authority signs of it. */
import * as z from "zod";
import { versionField } from "../fleet/common.ts";

/** `package/package.json` of a package, as far as it counts here. */
export const packageFileSchema = z.object({
  name: z.literal("holdfast"),
  version: versionField,
  engines: z.object({ node: z.string().optional() }).optional(),
});

/** `package/dist/schema.json`: what the program wants of the store. Written when the package is built. */
export const schemaFileSchema = z.object({
  schema: z.int().min(1),
  /** From this schema on programs of both work with the store while it is migrated. */
  rollingFrom: z.int().min(1),
});
export type SchemaFile = z.output<typeof schemaFileSchema>;
export const schemaFileName = "dist/schema.json";

/** Where it is in the archive: `npm pack` puts everything below this folder. */
export const packageFolder = "package/";
/** Largest one that is read. */
export const packageFileBytesMax = 1_048_576;
/** A package of Holdfast has about a hundred files of some megabytes together. */
export const packageLimits = { entriesMax: 5_000, bytesMax: 536_870_912 } as const;

/**
 * The text that is signed with the key of the cluster's authority (ECDSA with SHA-256): whoever can write to a server's
 * disk or to the store cannot make agents run something.
 */
export function packageStatement(about: {
  readonly sha256: string;
  readonly version: string;
}): string {
  return `holdfast agent package\nsha256 ${about.sha256}\nversion ${about.version}\n`;
}
