/**
 * What is stored, under which key. Each record carries its schema version; readers accept all versions up to
 * theirs. Who may write what: status, node state, events: the manager; leases, epochs, reports: the server that
 * the agent talks to, each in a transaction that checks the facts; services, commands, tokens, audit: the API.
 */
import * as z from "zod";
import { roleNames } from "../core/access/permissions-table.ts";
import { armingStates } from "../core/manager/effect.ts";
import { armingModes } from "../core/manager/event.ts";
import { agentModes, nodeStates } from "../core/model/node.ts";
import { nodeModes } from "../core/model/node-mode.ts";
import { managerStates, reportResults } from "../core/model/service.ts";
import { agentOrderSchema } from "./agent-protocol.ts";
import { exchangeNodeSchema } from "./exchange-node.ts";
import { propertiesField } from "./fleet/common.ts";
import { releaseSchema } from "./fleet/instances.ts";
import { epochSchema, nodeIdSchema, serviceIdSchema, uidSchema } from "./ids.ts";
import { groupSchema, ruleSchema } from "./placement.ts";
import { reasonSchema } from "./reason.ts";
import { capacitySchema, storedServiceConfigSchema } from "./service-config.ts";
import { settingsSchema } from "./settings.ts";

/** None of these is the beginning of another one. */
export const keys = {
  settings: "settings",
  schema: "schema",
  migration: "migration",
  migrationBefore: "before-migration/",
  manager: "manager",
  officeAddress: "office-address",
  groups: "groups/",
  rules: "rules/",
  arming: "arming-mode",
  armingState: "arming-state",
  freeze: "freeze",
  rejectedRules: "rejected-rules",
  relations: "relations",
  nodes: "nodes/",
  removedNodes: "removed-nodes/",
  epochs: "epochs/",
  nodeStates: "node-states/",
  leases: "leases/",
  agentModes: "agent-modes/",
  services: "services/",
  statuses: "statuses/",
  reports: "reports/",
  commands: "commands/",
  usages: "usages/",
  events: "events/",
  audit: "audit/",
  tokens: "tokens/",
  users: "users/",
  bundles: "bundles/",
  bundleCopies: "bundle-copies/",
  peerProofs: "peer-proofs/",
  agentOrders: "agent-orders/",
  servers: "servers/",
  serverCounter: "server-counter",
  serverConfigs: "server-configs/",
  serverConfigOrders: "server-config-orders/",
  serverLeases: "server-leases/",
  lostServers: "lost-servers/",
  serverRemovals: "server-removals/",
  removedServers: "removed-servers/",
  serverUpgrades: "server-upgrades/",
  serverUpgradeReports: "server-upgrade-reports/",
  joins: "joins/",
  joinTokens: "join-tokens/",
  revocations: "revocations/",
  controlPlane: "control-plane",
  haGroups: "ha-groups/",
  haMembers: "ha-members/",
  definitions: "definitions/",
  deployments: "deployments/",
  deploymentInputs: "deployment-inputs/",
  instances: "instances/",
  rollouts: "rollouts/",
  rolloutOrders: "rollout-orders/",
  upgradeSlots: "upgrade-slots/",
  systemUpgrade: "system-upgrade",
  silence: "silence",
  backupSchedule: "backup-schedule",
  backupRun: "backup-run",
  policies: "policies/",
  agentUpgrades: "agent-upgrades/",
  agentUpgradeReports: "agent-upgrade-reports/",
} as const;

const version = { version: z.literal(1) };

/** `settings` */
export const settingsRecordSchema = z.object({ ...version, settings: settingsSchema });
/** `manager`: the election. Whoever's transaction created the key is manager until the key is gone. */
export const managerRecordSchema = z.object({
  ...version,
  serverId: z.string(),
  electedAtMs: z.number(),
});

/** `nodes/<node>`: made when its agent joins first. */
export const nodeRecordSchema = z.object({
  ...version,
  node: nodeIdSchema,
  type: z.enum(["device", "cluster"]),
  properties: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  agentVersion: z.string(),
  registeredAtMs: z.number(),
  confirmedOffEpoch: epochSchema,
  /** A person asked for maintenance. */
  maintenance: z.boolean().default(false),
  /** What a person wants of the node as a whole. */
  mode: z.enum(nodeModes).default("enabled"),
  /** What the node has for services; undefined: its agent does not say. */
  capacity: capacitySchema.optional(),
  /** It takes only services that tolerate all of these; sorted by name. */
  taints: z.array(z.string()).default([]),
  /** What the certificates of its agent name beside the node: another machine of that name has another one. */
  identity: z.string().optional(),
  /** Properties that people have set; they go before the agent's own, but for the built-in ones. */
  setProperties: propertiesField.optional(),
  /** What it asks of deployments and services. */
  constraint: z.string().optional(),
  /** What clients of another system's exchange have written of it. */
  exchange: exchangeNodeSchema.optional(),
});
export type NodeRecord = z.output<typeof nodeRecordSchema>;

/** `removed-nodes/<node>`: one that was purged or removed; the same machine is turned away when it comes back. */
export const removedNodeRecordSchema = z.object({
  ...version,
  node: nodeIdSchema,
  /** As in its record; undefined: it had none. */
  identity: z.string().optional(),
  /** Its last epoch. */
  epoch: epochSchema,
  because: z.string(),
  atMs: z.number(),
});
export type RemovedNodeRecord = z.output<typeof removedNodeRecordSchema>;

/** `epochs/<node>`: raised when a lease is granted, and when the node is fenced. */
export const epochRecordSchema = z.object({
  ...version,
  epoch: epochSchema,
  /** Of the agent that was granted the epoch; undefined: the node was fenced since. */
  incarnation: z.string().optional(),
});
export type EpochRecord = z.output<typeof epochRecordSchema>;

/** `leases/<node>`: attached to the store's lease, dies with it. `incarnation`: the agent's own random id. */
export const leaseRecordSchema = z.object({
  ...version,
  epoch: epochSchema,
  leaseId: z.string(),
  incarnation: z.string(),
  /** The times that the lease was granted with; its holder counts with them until it is told others. */
  times: z
    .object({ ttlMs: z.number(), watchdogMs: z.number(), renewEveryMs: z.number() })
    .optional(),
  /** The store's era in which its lease was granted, where it has eras; what an end of it proves depends on that. */
  era: z.number().optional(),
  /** A kernel watchdog resets the node when this lease is lost. */
  resetsOnLoss: z.boolean().optional(),
});
export type LeaseRecord = z.output<typeof leaseRecordSchema>;

/** `node-states/<node>`: the manager's word. */
export const nodeStateRecordSchema = z.object({
  ...version,
  state: z.enum(nodeStates),
  sinceMs: z.number(),
  reason: reasonSchema,
});
export type NodeStateRecord = z.output<typeof nodeStateRecordSchema>;

/** `agent-modes/<node>`: what the agent that holds the lease of `epoch` is about to do. */
export const agentModeRecordSchema = z.object({
  ...version,
  mode: z.enum(agentModes),
  epoch: epochSchema,
});
export type AgentModeRecord = z.output<typeof agentModeRecordSchema>;

/** `groups/<name>` */
export const groupRecordSchema = z.object({ ...version, group: groupSchema });
export type GroupRecord = z.output<typeof groupRecordSchema>;

/** `rules/<name>` */
export const ruleRecordSchema = z.object({ ...version, rule: ruleSchema });
export type RuleRecord = z.output<typeof ruleRecordSchema>;

/** `arming-mode`: a person's word; without it the cluster is armed. */
export const armingRecordSchema = z.object({
  ...version,
  mode: z.enum(armingModes),
  by: z.string(),
  reason: z.string().optional(),
  sinceMs: z.number(),
});
export type ArmingRecord = z.output<typeof armingRecordSchema>;

/** `arming-state`: how far the manager has come with it. */
export const armingStateRecordSchema = z.object({
  ...version,
  state: z.enum(armingStates),
  sinceMs: z.number(),
  reason: reasonSchema,
});
export type ArmingStateRecord = z.output<typeof armingStateRecordSchema>;

/** `freeze`: people change nothing while it is there; one whose time is over counts as none, and the manager deletes it. */
export const freezeRecordSchema = z.object({
  ...version,
  /** A person, or the upgrade that froze the cluster for its own time. */
  by: z.string(),
  reason: z.string().optional(),
  sinceMs: z.number(),
  /** By the wall clock of whoever looks; undefined: until it is taken back. */
  untilMs: z.number().optional(),
  /** Lost nodes are fenced and their services recovered all the same. */
  failover: z.boolean(),
});
export type FreezeRecord = z.output<typeof freezeRecordSchema>;

/** `rejected-rules`: rules that the manager ignores, each with a sentence for people. */
export const rejectedRulesRecordSchema = z.object({
  ...version,
  rejections: z.array(z.object({ rule: z.string(), because: z.string() })),
});
export type RejectedRulesRecord = z.output<typeof rejectedRulesRecordSchema>;

/** `relations`: written with every change that rests on how things refer to each other, so that no two cross. */
export const relationsRecordSchema = z.object({ ...version, subject: z.string() });
export type RelationsRecord = z.output<typeof relationsRecordSchema>;

/** `usages/<service>`: what it uses, as measured. */
export const usageRecordSchema = z.object({ ...version, ...capacitySchema.shape });
export type UsageRecord = z.output<typeof usageRecordSchema>;

/** `services/<service>` */
export const serviceRecordSchema = z.object({
  ...version,
  config: storedServiceConfigSchema,
  removing: z.boolean(),
  addedAtMs: z.number(),
  /** Of an instance: whose it is, and what its configuration was made of. Only the manager writes it then. */
  instance: z.object({ deployment: z.string(), release: releaseSchema }).optional(),
});
export type ServiceRecord = z.output<typeof serviceRecordSchema>;

/** `statuses/<service>`: the manager's state, and the instruction to the agent of `node`. */
export const statusRecordSchema = z.object({
  ...version,
  service: serviceIdSchema,
  state: z.enum(managerStates),
  uid: uidSchema,
  node: nodeIdSchema.optional(),
  nodeEpoch: epochSchema.optional(),
  target: nodeIdSchema.optional(),
  stopTimeoutMs: z.number().optional(),
  survivesIsolation: z.boolean().optional(),
  mayOutliveLease: z.boolean().optional(),
  maintenanceNode: nodeIdSchema.optional(),
  boundTo: nodeIdSchema.optional(),
  suspended: z.boolean().optional(),
  clearLocks: z.boolean().optional(),
  failedNodes: z.array(nodeIdSchema),
  sinceMs: z.number(),
  reason: reasonSchema,
});
export type StatusRecord = z.output<typeof statusRecordSchema>;

/** `reports/<service>`: the last word of an agent on the instruction `uid`. */
export const reportRecordSchema = z.object({
  ...version,
  service: serviceIdSchema,
  node: nodeIdSchema,
  epoch: epochSchema,
  uid: uidSchema,
  result: z.enum(reportResults),
  detail: z.string().max(2_000),
  health: z.enum(["none", "starting", "healthy", "unhealthy"]),
  stable: z.boolean().default(false),
  configRevision: z.int().default(0),
  atMs: z.number(),
});
export type ReportRecord = z.output<typeof reportRecordSchema>;

/** `commands/<service>`: one pending order; a new one replaces it. */
export const commandRecordSchema = z.object({
  ...version,
  id: z.string(),
  kind: z.enum(["migrate", "relocate", "stop", "located"]),
  target: nodeIdSchema.optional(),
  timeoutMs: z.number().optional(),
  by: z.string(),
});
export type CommandRecord = z.output<typeof commandRecordSchema>;

/** `events/<sequence>`: what happened and why, written in the transaction that did it. */
export const eventRecordSchema = z.object({
  ...version,
  atMs: z.number(),
  kind: z.enum([
    "service",
    "node",
    "command",
    "manager",
    "cluster",
    "rule",
    "deployment",
    "ha-group",
    "policy",
  ]),
  /** The service, node, server, rule, deployment, group or policy that it is about, or `cluster`. */
  subject: z.string(),
  from: z.string().optional(),
  to: z.string().optional(),
  node: z.string().optional(),
  target: z.string().optional(),
  reason: reasonSchema,
  /** `from -> to` and the reason as a sentence. */
  sentence: z.string(),
});
export type EventRecord = z.output<typeof eventRecordSchema>;

/** `audit/<sequence>`: every mutation: who, what, when, from where. */
export const auditRecordSchema = z.object({
  ...version,
  atMs: z.number(),
  who: z.string(),
  from: z.string(),
  action: z.string(),
  subject: z.string(),
  detail: z.string().max(2_000),
});

/**
 * `tokens/<id>`: `sha256` of the token, never the token. Version 1 knows the roles `admin` and `agent` only; version 2
 * all roles, and tokens that belong to a user.
 */
export const tokenRecordSchema = z.object({
  version: z.union([z.literal(1), z.literal(2)]),
  id: z.string(),
  sha256: z.string(),
  /** `user`: as much as its user may at that moment. */
  role: z.enum([...roleNames, "agent", "user"]),
  /** Of role `owner`. */
  ownsNodes: z.array(nodeIdSchema).default([]),
  ownsServices: z.array(serviceIdSchema).default([]),
  /** Of role `agent`: the one node that it may speak for. */
  node: nodeIdSchema.optional(),
  /** Whose it is: it may at most what they may, and ends with this generation of their record. */
  user: z.object({ name: z.string(), generation: z.string() }).optional(),
  name: z.string(),
  createdAtMs: z.number(),
  expiresAtMs: z.number().optional(),
});
export type TokenRecord = z.output<typeof tokenRecordSchema>;

/**
 * `agent-orders/<request>`: what a person asked of a node's agent at a server that does not hold its stream; hangs
 * on a lease of seconds. The server that does hold it passes it on, and the agent answers to `answerTo`.
 */
export const agentOrderRecordSchema = z.object({
  ...version,
  node: nodeIdSchema,
  order: agentOrderSchema,
  answerTo: z.string(),
});
export type AgentOrderRecord = z.output<typeof agentOrderRecordSchema>;
