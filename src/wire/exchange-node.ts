/** What clients of another system's exchange have written of a node. It means nothing to Holdfast, and is shown to them again. */
import * as z from "zod";
import { passwordRecordSchema } from "./access.ts";

/** Part of the node's own record, so that it goes with the node. */
export const exchangeNodeSchema = z.object({
  name: z.string(),
  pattern: z.string(),
  publicKey: z.string(),
  arch: z.string(),
  msgEndPoint: z.string(),
  softwareVersions: z.record(z.string(), z.string()),
  /** The user who registered it. */
  owner: z.string(),
  /** Hash of the secret with which the node may look itself up; undefined: it has none. */
  token: passwordRecordSchema.optional(),
  updatedAtMs: z.number(),
});
export type ExchangeNode = z.output<typeof exchangeNodeSchema>;
