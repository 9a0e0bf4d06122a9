/** What a node's agent is told about the upgrade of itself, and what it says of it. */
import * as z from "zod";
import { agentUpgradeStates } from "../../core/fleet/model/agent-upgrade.ts";
import { sha256Schema } from "../bundles.ts";
import { versionField } from "./common.ts";

/** What the agent is to do now: `fetch` is to download and verify, and no more; `install` to become that version. */
const agentUpgradeSchema = z.object({
  /** An agent carries out an upgrade once, whatever it is told twice. */
  id: z.string().min(1).max(200),
  order: z.enum(["fetch", "install"]),
  package: z.object({
    version: versionField,
    sha256: sha256Schema,
    /** Undefined: no server keeps it any more. */
    sizeBytes: z.int().min(1).optional(),
    /** In base64; see `packageStatement`. */
    signature: z.string().max(1_000).optional(),
  }),
  healthyWithinMs: z.number().positive(),
});
export type AgentUpgradeOrder = z.output<typeof agentUpgradeSchema>;

/** A message of the instruction stream: sent when the agent connects, and with each change. */
export const agentUpgradeMessageSchema = z.object({
  kind: z.literal("agent-upgrade"),
  /** Undefined: nothing is ordered (any more). */
  upgrade: agentUpgradeSchema.optional(),
});

/**
 * `POST /v1/agent/upgrade`: refused with `not-found` when that upgrade is not the node's (any more), and with `conflict`
 * when it is `initiated` without having been ordered.
 */
export const agentUpgradeReportRequestSchema = z.strictObject({
  id: z.string().max(200),
  state: z.enum(agentUpgradeStates),
  detail: z.string().max(2_000),
  /** Of the agent that says so. */
  agentVersion: z.string().max(100),
});
export type AgentUpgradeReportRequest = z.output<typeof agentUpgradeReportRequestSchema>;
