/** Management policies: which agent version which nodes are to run; and what agents are told and say about it. */
import * as z from "zod";
import { agentUpgradeStates } from "../../core/fleet/model/agent-upgrade.ts";
import { sha256Schema } from "../bundles.ts";
import { nameSchema, nodeIdSchema } from "../ids.ts";
import { constraintField, spanField, versionField } from "./common.ts";

const version = { version: z.literal(1) };

/** As a person writes it: `policy add`, `PUT /v1/policies/{name}`. */
export const policySchema = z.strictObject({
  name: nameSchema,
  description: z.string().max(1_000).optional(),
  /** Over the nodes' properties; undefined: every node. */
  constraint: constraintField.optional(),
  agentVersion: z.union([z.literal("latest"), versionField]),
  allowDowngrade: z.boolean().default(false),
  /** RFC 3339; undefined: at once. */
  start: z.iso.datetime({ offset: true }).optional(),
  /** Nothing is begun so long after the start; undefined: no end. */
  windowMs: spanField.min(1_000).optional(),
  /** Each node begins at a moment of its own within so long after the start. */
  spreadMs: spanField.default(0),
  enabled: z.boolean().default(true),
  healthyWithinMs: spanField.min(1_000).default(120_000),
  /** Of nodes in no HA group. */
  nodesAtOnce: z.int().min(1).max(100_000).default(10),
});
export type PolicyInput = z.input<typeof policySchema>;
export type PolicyConfig = z.output<typeof policySchema>;

/** `policies/<name>` */
export const policyRecordSchema = z.object({
  ...version,
  policy: policySchema,
  generation: z.int(),
  /** The start in milliseconds: that of the policy, or when it was added or last changed. */
  startAtMs: z.number(),
  by: z.string(),
  addedAtMs: z.number(),
  /** Which order of an upgrade of the control plane it carries out; undefined: it is a person's. */
  order: z.string().optional(),
});
export type PolicyRecord = z.output<typeof policyRecordSchema>;

/** What a person sees of a policy. */
export const policyResourceSchema = z.object({
  name: z.string(),
  revision: z.int(),
  config: policySchema,
  generation: z.int(),
  startAtMs: z.number(),
  by: z.string(),
  addedAtMs: z.number(),
  /** Nodes whose upgrade it orders now or ordered last, by how far they are. */
  nodes: z.partialRecord(z.enum(agentUpgradeStates), z.int()),
});
export type PolicyResource = z.output<typeof policyResourceSchema>;

/** The answer to a change. `warnings`: what a person should know although it is done. */
export const changedPolicySchema = policyResourceSchema.extend({
  warnings: z.array(z.string()).optional(),
});
export type ChangedPolicy = z.output<typeof changedPolicySchema>;

/** A node that the policy is about. */
export const policyNodeSchema = z.object({
  node: nodeIdSchema,
  state: z.enum(agentUpgradeStates),
  from: z.string(),
  /** Undefined: there is no package yet that would be the latest. */
  to: z.string().optional(),
  sinceMs: z.number().optional(),
  detail: z.string(),
});
export type PolicyNode = z.output<typeof policyNodeSchema>;

/** `GET /v1/policies/{name}/status`: without the nodes that its constraint does not choose. */
export const policyStatusSchema = z.object({
  revision: z.int(),
  policy: policyResourceSchema,
  items: z.array(policyNodeSchema),
});
export type PolicyStatus = z.output<typeof policyStatusSchema>;

/** `agent-upgrades/<node>`: what its agent is told, and how far it has come. */
export const agentUpgradeRecordSchema = z.object({
  ...version,
  node: nodeIdSchema,
  policy: nameSchema,
  generation: z.int(),
  id: z.string(),
  from: z.string(),
  to: z.string(),
  package: z.object({ version: z.string(), sha256: sha256Schema }).optional(),
  order: z.enum(["fetch", "install", "none"]),
  state: z.enum(agentUpgradeStates),
  detail: z.string(),
  healthyWithinMs: z.number(),
  sinceMs: z.number(),
});
export type AgentUpgradeRecord = z.output<typeof agentUpgradeRecordSchema>;

/** `agent-upgrade-reports/<node>`: the last word of its agent. */
export const agentUpgradeReportRecordSchema = z.object({
  ...version,
  id: z.string(),
  state: z.enum(agentUpgradeStates),
  detail: z.string().max(2_000),
  agentVersion: z.string(),
  atMs: z.number(),
});
export type AgentUpgradeReportRecord = z.output<typeof agentUpgradeReportRecordSchema>;
