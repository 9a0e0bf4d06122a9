/** What a server is told about the program that it runs, and what it says of it. */
import * as z from "zod";
import { serverUpgradeStates } from "../../core/upgrade/facts.ts";
import { sha256Schema } from "../bundles.ts";
import { versionField } from "../fleet/common.ts";

const version = { version: z.literal(1) };
const orderIdSchema = z.string().min(1).max(300);

/** Longest `detail` of a report, in characters. */
export const serverReportDetailMax = 2_000;

/** `server-upgrades/<id>`: what the server of that id is to do. It carries out each order once, by the order's own id. */
export const serverOrderRecordSchema = z.object({
  ...version,
  id: orderIdSchema,
  /** `prepare`: fetch, verify, unpack and try it. `switch`: become it. */
  order: z.enum(["prepare", "switch"]),
  package: z.object({
    version: versionField,
    /** Of a bundle; undefined: a version that the server still has. */
    sha256: sha256Schema.optional(),
  }),
  /** The new version counts as healthy, too, while all that it waits for is this schema of the store. */
  schema: z.int().min(1),
  /** A version that is not healthy within this time after its start is rolled back. */
  healthyWithinMs: z.number().positive(),
});
export type ServerOrderRecord = z.output<typeof serverOrderRecordSchema>;

/** `server-upgrade-reports/<id>`: what the server says of its order; written by itself, once for each change. */
export const serverReportRecordSchema = z.object({
  ...version,
  /** Of the order. */
  id: orderIdSchema,
  state: z.enum(serverUpgradeStates),
  /** That the server runs when it says so. */
  serverVersion: z.string(),
  /** For a person; empty when there is nothing to say. */
  detail: z.string().max(serverReportDetailMax),
  atMs: z.number(),
});
export type ServerReportRecord = z.output<typeof serverReportRecordSchema>;
