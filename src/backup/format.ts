/**
 * The format of a backup: one file of frames. Each frame ends with a SHA-256 over itself and the one before it, so that
 * the last one vouches for the whole file, and a fault is found at its place.
 *
 *     "HOLDFAST-BACKUP\n"
 *     u32 length, header (JSON), SHA-256 over all before
 *     frames: u8 kind, u32 length, content, SHA-256 (over the one before, kind, length and content)
 *       1 data: a JSON array of items; encrypted: sealed, see crypt.ts
 *       2 the last data frame: one item, the summary
 *       3 the summary once more, in clear (JSON)
 *     u32 length of the frame before with all its parts, "HFBACKUP"
 *
 * Numbers are big-endian. A part of the format never changes under the same format version.
 */
import { createHash } from "node:crypto";
import * as z from "zod";

/** How a file begins, and how it ends. */
export const fileMagic: Buffer = Buffer.from("HOLDFAST-BACKUP\n");
export const fileEnd: Buffer = Buffer.from("HFBACKUP");
/** The format that this program writes, and the only one that it reads. */
export const formatVersion = 1;

export const digestBytes = 32;
/** Kind and length. */
export const frameHeadBytes = 5;
/** Largest header or summary. */
export const headerBytesMax = 65_536;
/** Largest content of a frame: the largest record that a store takes fits several times. */
export const frameBytesMax = 8_388_608;

export const frameKinds = { data: 1, last: 2, summary: 3 } as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

const encryptionSchema = z.strictObject({
  cipher: z.literal("aes-256-gcm"),
  derivation: z.literal("scrypt"),
  /** Base64, 16 bytes. */
  salt: z.base64().max(64),
  /** scrypt's N, as a power of two; memory is 128 * 2^cost * blockSize bytes. */
  cost: z.int().min(14).max(18),
  blockSize: z.int().min(1).max(8),
  parallel: z.int().min(1).max(4),
});
export type Encryption = z.output<typeof encryptionSchema>;

/** Why a backup was made. */
export const backupOrigins = ["person", "schedule", "upgrade"] as const;
export type BackupOrigin = (typeof backupOrigins)[number];

/** What a backup says of itself, readable without a passphrase. */
export const headerSchema = z.object({
  format: z.literal(formatVersion),
  /** Of the Holdfast that made it. */
  version: z.string().max(100),
  /** Of the store; see src/core/migrations. */
  schema: z.int().min(1),
  /** Which cluster it is of: the hash of its authority's key; undefined: its server was never initialised. */
  cluster: z.string().max(200).optional(),
  /** Wall time. */
  atMs: z.int().min(0),
  /** Id of the server that made it. */
  server: z.string().max(200),
  origin: z.enum(backupOrigins),
  encryption: encryptionSchema.optional(),
});
export type BackupHeader = z.output<typeof headerSchema>;

/** What is known at the end. */
export const summarySchema = z.strictObject({
  /** The one revision of the store that it shows. */
  revision: z.int().min(0),
  /** Keys with their records. */
  entryCount: z.int().min(0),
  /** Files of the server: certificates, keys, its identity. */
  fileCount: z.int().min(0),
  nodeCount: z.int().min(0),
  serviceCount: z.int().min(0),
  /** Bundles that are listed; their contents are in no backup. */
  bundleCount: z.int().min(0),
});
export type BackupSummary = z.output<typeof summarySchema>;

/** SHA-256 over several pieces. */
export function digestOf(...pieces: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}

/** Four bytes. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Kind and length of a frame. */
export function frameHead(kind: FrameKind, length: number): Buffer {
  return Buffer.concat([Buffer.from([kind]), u32(length)]);
}
