/** What the API answers: the resources as people and scripts see them. */
import * as z from "zod";
import { roleNames } from "../core/access/permissions-table.ts";
import { verdicts } from "../core/explain/why.ts";
import { armingStates } from "../core/manager/effect.ts";
import { armingModes } from "../core/manager/event.ts";
import { agentModes, nodeStates } from "../core/model/node.ts";
import { nodeModes, nodeOrders } from "../core/model/node-mode.ts";
import { managerStates, reportResults, requestedStates } from "../core/model/service.ts";
import { checkGrant, grantFields } from "./access.ts";
import { propertyValueSchema } from "./fleet/common.ts";
import type { HaGroupResource } from "./fleet/ha-groups.ts";
import type { DeploymentResource, InstanceResource, RolloutResource } from "./fleet/resources.ts";
import { groupSchema, ruleSchema } from "./placement.ts";
import { capacitySchema } from "./service-config.ts";
import { settingsSchema } from "./settings.ts";

const id = z.string();

export const serviceResourceSchema = z.object({
  id,
  type: z.string(),
  /** The ETag and what `If-Match` compares: revision of the last change of the configuration. */
  revision: z.int(),
  config: z.unknown(),
  requested: z.enum(requestedStates),
  removing: z.boolean(),
  state: z.enum(managerStates),
  node: z.string().optional(),
  target: z.string().optional(),
  /** Where it was when that node went into maintenance: it goes back there. */
  maintenanceNode: z.string().optional(),
  /** The node that its volumes are on, and that it stays on as long as that is in the cluster. */
  boundTo: z.string().optional(),
  /** The cluster is disarmed with `ignore`: it is left alone whatever the state says. */
  suspended: z.boolean().optional(),
  failedNodes: z.array(z.string()),
  /** What its agent said last: running, stopped, failed ... and the health. */
  running: z.enum([...reportResults, "unknown"]),
  health: z.enum(["none", "starting", "healthy", "unhealthy", "unknown"]),
  detail: z.string(),
  /** Its agent has said so of this very revision: a changed configuration has taken effect. */
  applied: z.boolean(),
  sinceMs: z.number(),
  /** Why it is in this state, as a sentence. */
  reason: z.string(),
  uid: z.string().optional(),
  /** What it uses, as measured; undefined: its agent has not said. */
  usage: capacitySchema.optional(),
});
export type ServiceResource = z.output<typeof serviceResourceSchema>;

/** The answer to a change of a service. `warnings`: what a person should know of it, e.g. that capacity is short. */
export const changedServiceSchema = serviceResourceSchema.extend({
  warnings: z.array(z.string()).optional(),
});
export type ChangedService = z.output<typeof changedServiceSchema>;

/** A placement group. `services`: those that refer to it. */
export const groupResourceSchema = z.object({
  name: z.string(),
  revision: z.int(),
  config: groupSchema,
  services: z.array(id),
  inForce: z.boolean(),
  /** Why it is not in force, as a sentence. */
  because: z.string().optional(),
});
export type GroupResource = z.output<typeof groupResourceSchema>;

/** A rule, and whether it is in force. */
export const ruleResourceSchema = z.object({
  name: z.string(),
  revision: z.int(),
  config: ruleSchema,
  inForce: z.boolean(),
  /** Why it is not in force, as a sentence. */
  because: z.string().optional(),
});
export type RuleResource = z.output<typeof ruleResourceSchema>;

/** `PUT /v1/arming`: whether the cluster acts by itself. */
export const armingRequestSchema = z.strictObject({
  mode: z.enum(armingModes),
  /** For those who wonder why. */
  reason: z.string().max(1_000).optional(),
});
export type ArmingRequest = z.input<typeof armingRequestSchema>;

/** `GET /v1/arming` */
export const armingResourceSchema = z.object({
  revision: z.int(),
  mode: z.enum(armingModes),
  state: z.enum(armingStates),
  by: z.string().optional(),
  reason: z.string().optional(),
  sinceMs: z.number().optional(),
  /** While it is `disarming`: what has to end first, each as a sentence. */
  waitsFor: z.array(z.string()),
});
export type ArmingResource = z.output<typeof armingResourceSchema>;

/** Longest time of a freeze that ends by itself, and of its reason. */
const freezeForMsMax = 30 * 24 * 3_600_000;
const freezeReasonMax = 1_000;

/** `PUT /v1/freeze`: from now on nobody changes anything. A freeze that there is already is replaced. */
export const freezeRequestSchema = z.strictObject({
  /** It ends by itself after so long; undefined: when it is taken back. */
  forMs: z.int().min(1_000).max(freezeForMsMax).optional(),
  /** For those who are refused. */
  reason: z.string().max(freezeReasonMax).optional(),
  /** Lost nodes are fenced and their services recovered all the same. */
  failover: z.boolean().default(true),
});
export type FreezeRequest = z.input<typeof freezeRequestSchema>;

/** `GET /v1/freeze`: whether the cluster is frozen, and by whom. Revision 0: it is not. */
export const freezeResourceSchema = z.object({
  revision: z.int(),
  frozen: z.boolean(),
  by: z.string().optional(),
  reason: z.string().optional(),
  sinceMs: z.number().optional(),
  untilMs: z.number().optional(),
  failover: z.boolean(),
});
export type FreezeResource = z.output<typeof freezeResourceSchema>;

/** `PUT /v1/nodes/{id}/maintenance` */
export const maintenanceRequestSchema = z.strictObject({ on: z.boolean() });

/** A node, as `GET /v1/nodes` shows it. */
export const nodeResourceSchema = z.object({
  id,
  revision: z.int(),
  type: z.enum(["device", "cluster"]),
  state: z.enum(nodeStates),
  epoch: z.int(),
  /** It holds a live lease. */
  leased: z.boolean(),
  confirmedOffEpoch: z.int(),
  agentVersion: z.string(),
  /** All that are in effect: its agent's, those that people have set, and those of Holdfast itself. */
  properties: z.record(z.string(), propertyValueSchema),
  /** Those that people have set. */
  setProperties: z.record(z.string(), propertyValueSchema).optional(),
  /** What it asks of deployments and services; undefined: nothing. */
  constraint: z.string().optional(),
  /** A person asked for maintenance. */
  maintenance: z.boolean(),
  /** What a person wants of it as a whole. */
  mode: z.enum(nodeModes).default("enabled"),
  /** What its agent is about to do. */
  agentMode: z.enum(agentModes),
  /** What it has for services; undefined: its agent does not say. */
  capacity: capacitySchema.optional(),
  /** It takes only services that tolerate all of these. */
  taints: z.array(z.string()).default([]),
  /** The HA group that it is in; undefined: in none. */
  haGroup: z.string().optional(),
  services: z.array(id),
  sinceMs: z.number(),
  reason: z.string(),
});
export type NodeResource = z.output<typeof nodeResourceSchema>;

/** `PUT /v1/nodes/{id}/mode` */
export const nodeModeRequestSchema = z.strictObject({ order: z.enum(nodeOrders) });
export type NodeModeRequest = z.output<typeof nodeModeRequestSchema>;
/** Its answer. */
export const nodeModeAnswerSchema = nodeResourceSchema.extend({
  /** Of a node that was flushed: what cannot leave it now, and why. */
  staying: z.array(z.object({ service: z.string(), because: z.string() })),
});
export type NodeModeAnswer = z.output<typeof nodeModeAnswerSchema>;

/** Something that happened, with its reason as a sentence. */
export const eventResourceSchema = z.object({
  /** Revision that it was written in; `after` and `Last-Event-ID` take it. */
  revision: z.int(),
  sequence: z.string(),
  atMs: z.number(),
  kind: z.string(),
  subject: z.string(),
  from: z.string().optional(),
  to: z.string().optional(),
  node: z.string().optional(),
  target: z.string().optional(),
  code: z.string(),
  sentence: z.string(),
});
export type EventResource = z.output<typeof eventResourceSchema>;

/** `GET /v1/cluster`: everything at one revision. */
export const clusterStatusSchema = z.object({
  revision: z.int(),
  version: z.string(),
  serverId: z.string(),
  /** Server id of the manager; undefined while there is none. */
  manager: z.string().optional(),
  settings: settingsSchema,
  times: z.object({ ttlMs: z.number(), watchdogMs: z.number(), renewEveryMs: z.number() }),
  arming: armingResourceSchema,
  /** Undefined: a server of an earlier version, which knows of none. */
  freeze: freezeResourceSchema.optional(),
  /** Rules that the manager ignores, each with the reason as a sentence. */
  rejectedRules: z.array(z.object({ rule: z.string(), because: z.string() })),
  /** Why the backup that is due by itself has not been made; absent: nothing is wrong. */
  backupWarning: z.string().optional(),
  /** Versions that do not fit together, each as a sentence; absent: they do. */
  versionWarnings: z.array(z.string()).optional(),
  nodes: z.array(nodeResourceSchema),
  services: z.array(serviceResourceSchema),
});
export type ClusterStatus = z.output<typeof clusterStatusSchema>;

/** `GET /v1/services/{id}/why`: why a service is where it is. */
export const whySchema = z.object({
  service: id,
  state: z.enum(managerStates),
  /** The answer in one line. */
  summary: z.string(),
  /** What rules, order and limits mean for it, each as a sentence. */
  rules: z.array(z.string()),
  /** What stands against or for each node. */
  nodes: z.array(z.object({ node: id, verdict: z.enum(verdicts), sentence: z.string() })),
  /** What a person can do; empty when there is nothing to do. */
  next: z.array(z.string()),
  /** The latest decisions about it, newest first. */
  history: z.array(eventResourceSchema),
});
export type Why = z.output<typeof whySchema>;

/** What a person changed: who, what, when, from where. */
export const auditResourceSchema = z.object({
  revision: z.int(),
  atMs: z.number(),
  who: z.string(),
  from: z.string(),
  action: z.string(),
  subject: z.string(),
  detail: z.string(),
});
export type AuditResource = z.output<typeof auditResourceSchema>;

/** A token without its secret. */
export const tokenResourceSchema = z.object({
  id,
  /** `user`: as much as its user may. */
  role: z.enum([...roleNames, "agent", "user"]),
  ownsNodes: z.array(id),
  ownsServices: z.array(id),
  node: z.string().optional(),
  /** Whose it is: it ends with them, and may at most what they may. */
  user: z.string().optional(),
  name: z.string(),
  createdAtMs: z.number(),
  expiresAtMs: z.number().optional(),
});
export type TokenResource = z.output<typeof tokenResourceSchema>;

/** The only time that a token is shown. */
export const createdTokenSchema = tokenResourceSchema.extend({ token: z.string() });
export type CreatedToken = z.output<typeof createdTokenSchema>;

/** How long a token may hold, at least and at most: from a second to a hundred years. */
export const tokenTtlRangeMs = { min: 1_000, max: 3_153_600_000_000 } as const;
/** Events, and entries of the audit, that one answer may hold. */
export const pageRange = { min: 1, max: 1_000 } as const;
/** Lines of a service's output that one answer may begin with. */
export const logLinesRange = { min: 0, max: 10_000 } as const;

/** `POST /v1/tokens`: for a person, a program or one node's agent. Without `ttlMs` it never expires. */
export const tokenRequestSchema = z
  .strictObject({
    ...grantFields,
    /** `user`: as much as the one who asks, always. */
    role: z.enum([...roleNames, "agent", "user"]),
    /** It belongs to the user who asks, and ends with them. */
    own: z.boolean().default(false),
    node: z.string().optional(),
    name: z.string().min(1).max(100).default("unnamed"),
    ttlMs: z.int().min(tokenTtlRangeMs.min).max(tokenTtlRangeMs.max).optional(),
  })
  .superRefine(checkGrant)
  .superRefine((value, context) => {
    const complain = (field: string, message: string): void => {
      context.addIssue({ code: "custom", path: [field], message });
    };
    if (value.role === "agent" && value.node === undefined) {
      complain("node", "an agent's token names its node");
    }
    if (value.role !== "agent" && value.node !== undefined) {
      complain("node", "only an agent's token names a node");
    }
    if (value.role === "agent" && value.own) complain("own", "an agent's token belongs to nobody");
    if (value.role === "user" && !value.own) {
      complain("role", "a token of role user belongs to the user who asks: set own");
    }
  });

/** `POST /v1/services/{id}/commands`: a person's order about one service. */
export const commandRequestSchema = z.discriminatedUnion("command", [
  z.strictObject({ command: z.literal("migrate"), target: z.string() }),
  z.strictObject({ command: z.literal("relocate"), target: z.string() }),
  /** It was moved by hand, behind the manager's back: this is where it is now. */
  z.strictObject({ command: z.literal("located"), target: z.string() }),
  z.strictObject({
    command: z.literal("stop"),
    timeoutMs: z.int().min(0).max(86_400_000).optional(),
  }),
]);
export type CommandRequest = z.input<typeof commandRequestSchema>;

/**
 * `GET /v1/watch`: server-sent events. `event:` is the kind, `data:` the resource, or `{"id":...}` for what was
 * deleted. `id:` is the revision to resume after: send it back as `Last-Event-ID`, or as `?after=`. Of several
 * messages of one revision only the last one bears that revision, so that nothing is lost between them.
 */
export const watchKinds = [
  ...(["service", "node", "event"] as const),
  ...(["ha-group", "deployment", "rollout", "instance"] as const),
] as const;
export type WatchMessage =
  | { readonly kind: "service"; readonly revision: number; readonly resource: ServiceResource }
  | { readonly kind: "service-deleted"; readonly revision: number; readonly id: string }
  | { readonly kind: "node"; readonly revision: number; readonly resource: NodeResource }
  | { readonly kind: "node-deleted"; readonly revision: number; readonly id: string }
  | { readonly kind: "ha-group"; readonly revision: number; readonly resource: HaGroupResource }
  | { readonly kind: "ha-group-deleted"; readonly revision: number; readonly id: string }
  | {
      readonly kind: "deployment";
      readonly revision: number;
      readonly resource: DeploymentResource;
    }
  | { readonly kind: "rollout"; readonly revision: number; readonly resource: RolloutResource }
  | { readonly kind: "instance"; readonly revision: number; readonly resource: InstanceResource }
  | {
      readonly kind: "deployment-deleted" | "rollout-deleted" | "instance-deleted";
      readonly revision: number;
      readonly id: string;
    }
  | { readonly kind: "event"; readonly revision: number; readonly resource: EventResource };
