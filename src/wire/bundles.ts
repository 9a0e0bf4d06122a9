/**
 * Bundles: files for machines without internet, named by people and addressed by the SHA-256 of their content. What
 * is stored of them, and what a person sees.
 */
import * as z from "zod";

const version = { version: z.literal(1) };

/** SHA-256 of a bundle's content: 64 hexadecimal digits, small letters. */
export const sha256Schema: z.ZodString = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "is no SHA-256: write 64 hexadecimal digits");

/** Longest name of a bundle, in characters. */
const bundleNameLengthMax = 200;

/** A bundle's name: what files of packages are called. It cannot look like a SHA-256. */
export const bundleNameSchema: z.ZodString = z
  .string()
  .max(bundleNameLengthMax, `a bundle's name has ${bundleNameLengthMax} characters at most`)
  .regex(
    /^(?![0-9a-f]{64}$)[A-Za-z0-9][A-Za-z0-9._+~:@-]*$/,
    'use letters, digits and "._+~:@-", beginning with a letter or digit, and no SHA-256',
  );

/** What a package of Holdfast wants of the store; absent in one of before there were schema versions. */
const packageSchemaFields = {
  schema: z.int().min(1).optional(),
  /** From this schema on its migrations let servers be upgraded one after the other. */
  rollingFrom: z.int().min(1).optional(),
};

/** `bundles/<sha256>`: there to be kept on every server. */
export const bundleRecordSchema = z.object({
  ...version,
  sha256: sha256Schema,
  /** No two bundles have the same. */
  name: z.string(),
  sizeBytes: z.int().min(0),
  /** Who pushed it. */
  by: z.string(),
  atMs: z.number(),
  /** It is a package of Holdfast itself, which agents and servers can be upgraded to. */
  package: z.object({ version: z.string(), ...packageSchemaFields }).optional(),
  /** Of a package: the cluster's authority vouches for it. */
  signature: z.string().optional(),
});
export type BundleRecord = z.output<typeof bundleRecordSchema>;

/** `bundle-copies/<sha256>/<server>`: written by a server that has the whole content on its disk and has verified it. */
export const bundleCopyRecordSchema = z.object({ ...version, atMs: z.number() });
export type BundleCopyRecord = z.output<typeof bundleCopyRecordSchema>;

/** What a person sees of a bundle. */
export const bundleResourceSchema = z.object({
  sha256: z.string(),
  name: z.string(),
  revision: z.int(),
  sizeBytes: z.int(),
  by: z.string(),
  atMs: z.number(),
  /** A package of Holdfast that agents can be upgraded to. */
  package: z.object({ version: z.string() }).optional(),
  /** Ids of the servers that have a verified copy. */
  copies: z.array(z.string()),
  /** Ids of the servers that have none yet. */
  missing: z.array(z.string()),
  /** Copies that are needed for `isSafe`: a majority of the servers. */
  majority: z.int(),
  /** The loss of any one server costs nothing. */
  isSafe: z.boolean(),
});
export type BundleResource = z.output<typeof bundleResourceSchema>;

/** `GET /v1/bundles` */
export const bundleListSchema = z.object({
  revision: z.int(),
  items: z.array(bundleResourceSchema),
});
export type BundleList = z.output<typeof bundleListSchema>;

/** Longest time that an answer waits for copies, in milliseconds. */
export const bundleWaitMsMax = 60_000;

/** How a server's copy is: `damaged` ones are thrown away and fetched anew. */
export const bundleCheckResults = ["ok", "damaged", "missing", "unreachable"] as const;

/** One server's word about its copy, read from its disk. */
export const bundleCheckSchema = z.object({
  server: z.string(),
  result: z.enum(bundleCheckResults),
  /** For a person; empty when there is nothing to say. */
  detail: z.string(),
});
export type BundleCheck = z.output<typeof bundleCheckSchema>;

/** `GET /v1/bundles/{bundle}/verification` */
export const bundleVerificationSchema = z.object({
  sha256: z.string(),
  name: z.string(),
  servers: z.array(bundleCheckSchema),
});
export type BundleVerification = z.output<typeof bundleVerificationSchema>;
