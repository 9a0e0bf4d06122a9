/**
 * What agents and servers say to each other, all below `/v1/agent`, with a token of role `agent`; the token
 * names the node, so no message does. An agent that is refused with `stale-epoch` has lost its lease.
 */
import * as z from "zod";
import { agentModes, leavingKinds } from "../core/model/node.ts";
import { managerStates, reportResults } from "../core/model/service.ts";
import { agentUpgradeMessageSchema } from "./fleet/agent-upgrades.ts";
import { epochSchema, nameSchema, nodeIdSchema, serviceIdSchema, uidSchema } from "./ids.ts";
import { capacitySchema, moveKinds, storedServiceConfigSchema } from "./service-config.ts";

const durationField = z.number().positive();
const propertyValue = z.union([z.string().max(1_000), z.number(), z.boolean()]);

/** `POST /v1/agent/join`: registers the node, or updates what it says of itself. Idempotent. */
export const joinRequestSchema = z.strictObject({
  agentVersion: z.string().max(100),
  properties: z.record(z.string().max(100), propertyValue),
  /** What the node has for services; undefined: the agent cannot tell. */
  capacity: capacitySchema.optional(),
  /** The HA group that a node which is new is put into; of one that is known nothing is changed by it. */
  haGroup: nameSchema.optional(),
});
export const joinAnswerSchema = z.object({
  node: nodeIdSchema,
  serverVersion: z.string(),
  /** The HA group that the node is in; undefined: in none. */
  haGroup: z.string().optional(),
});

const leaseTimesFields = {
  ttlMs: durationField,
  watchdogMs: durationField,
  renewEveryMs: durationField,
};

/**
 * `POST /v1/agent/lease`. Without `renew`: asks for a new lease and epoch; refused with `conflict` while the
 * node's old lease lives (its detail says how to go on: wait). With `renew`: keeps that one alive, or
 * `stale-epoch`. `incarnation` is the agent's random id, kept on its disk with the lease.
 */
export const leaseRequestSchema = z.strictObject({
  incarnation: z.string().min(8).max(100),
  renew: z
    .strictObject({
      leaseId: z.string().max(100),
      epoch: epochSchema,
      /** It counts on no more than this of the lease that it names, and never will; absent: on all of it. */
      countsOnMs: durationField.optional(),
    })
    .optional(),
});
export const leaseAnswerSchema = z.object({
  leaseId: z.string(),
  epoch: epochSchema,
  /** The times that hold from now on; the TTL is the granted lease's own. */
  ...leaseTimesFields,
  /** The times that the lease would rather have: an agent that counts on no more may have them. */
  shorter: z.object(leaseTimesFields).optional(),
  /** Starts, stops and moves that may go on at a time. */
  operationsPerNode: z.int().min(1),
});
export type LeaseAnswer = z.output<typeof leaseAnswerSchema>;

/**
 * `POST /v1/agent/release`: the guard's last word, or an agent's orderly end: nothing of `epoch` runs any more.
 * Ends the lease of that epoch and of no other. Idempotent; a lease that is over already is a success.
 */
export const releaseRequestSchema = z.strictObject({
  epoch: epochSchema,
  leaseId: z.string().max(100),
  /** The agent has stopped everything, whatever watches it: it may all run elsewhere at once (S1). */
  nothingRuns: z.boolean().default(false),
});

/**
 * `POST /v1/agent/mode`: the agent leaves (alone, or because its node goes down), or is `active` again. The answer
 * is the mode that follows from the cluster's shutdown policy; it holds until the agent says otherwise.
 * Refused with `stale-epoch` without a live lease of this epoch.
 */
export const modeRequestSchema = z.strictObject({
  kind: z.enum([...leavingKinds, "active"]),
  epoch: epochSchema,
});
export const modeAnswerSchema = z.object({ mode: z.enum(agentModes) });

/** The manager's word for one service, as its node's agent gets it, with the configuration that belongs to it. */
export const instructionSchema = z.object({
  service: serviceIdSchema,
  uid: uidSchema,
  state: z.enum(managerStates),
  node: nodeIdSchema,
  nodeEpoch: epochSchema,
  target: nodeIdSchema.optional(),
  /** How its driver moves it; undefined: it is stopped here and started there. */
  moveBy: z.enum(moveKinds).optional(),
  stopTimeoutMs: z.number().optional(),
  /** The cluster is disarmed: left alone whatever the state says. */
  suspended: z.boolean().optional(),
  /** It was recovered from a dead node, whose locks on it may be removed. */
  clearLocks: z.boolean().optional(),
  /** The order for the guard under this uid: true: leave the copy alone; false: kill it without a lease. */
  survivesIsolation: z.boolean(),
  config: storedServiceConfigSchema,
  /** Revision of the configuration; reports name the one that they are about. */
  configRevision: z.int(),
});
export type Instruction = z.output<typeof instructionSchema>;

/** Output of a service that a person wants to see: its node's agent is to send it to `logs`. */
const logOrderSchema = z.object({
  kind: z.literal("log-request"),
  requestId: z.string(),
  service: serviceIdSchema,
  linesMax: z.int(),
  follow: z.boolean(),
});
/** A command that a person wants to run beside a service: its node's agent is to fetch it at `exec`. */
const execOrderSchema = z.object({
  kind: z.literal("exec-request"),
  requestId: z.string(),
  service: serviceIdSchema,
});
/** What a person wants of an agent now. It names no more than what the store may know. */
export const agentOrderSchema = z.discriminatedUnion("kind", [logOrderSchema, execOrderSchema]);
export type AgentOrder = z.output<typeof agentOrderSchema>;

/** What a request to `POST /v1/agent/lease` would have been answered; `id` is the line's that asked. */
export const leaseAnswerMessageSchema = z.object({
  kind: z.literal("lease-answer"),
  id: z.int(),
  status: z.int(),
  body: z.unknown(),
});
export type LeaseAnswerMessage = z.output<typeof leaseAnswerMessageSchema>;

/** Base address of the server that waits for the answer; undefined: the one that says it. */
const answerTo = { answerTo: z.url({ protocol: /^https?$/ }).optional() };

/**
 * `POST /v1/agent/instructions`: the answer is server-sent events. First `snapshot` with all instructions of the node,
 * then `instruction` for each that changes, `gone` for a service that is no longer the node's, `servers` when there are
 * others, `agent-upgrade` for the agent itself, and what persons want of it: `log-request`, `exec-request`. A comment
 * line every few seconds shows that the stream lives. An agent leaves out what it does not know. The body goes on for as
 * long as the answer: lines of the agent (`agentLineSchema`), each answered by a `lease-answer`. It may be left out.
 */
export const instructionMessageSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("snapshot"), instructions: z.array(instructionSchema) }),
  z.object({ kind: z.literal("instruction"), instruction: instructionSchema }),
  z.object({ kind: z.literal("gone"), service: serviceIdSchema }),
  /** Where the servers are now. */
  z.object({ kind: z.literal("servers"), urls: z.array(z.url({ protocol: /^https?$/ })) }),
  logOrderSchema.extend(answerTo),
  execOrderSchema.extend(answerTo),
  agentUpgradeMessageSchema,
  leaseAnswerMessageSchema,
]);
export type InstructionMessage = z.output<typeof instructionMessageSchema>;

/** Content type of the lines: one JSON text each. */
export const agentLinesContentType = "application/x-ndjson";
/** Longest line, in characters. */
export const agentLineLengthMax = 4_096;
/** `lease`: what `POST /v1/agent/lease` takes; an agent at rest needs no second connection then. */
export const agentLineSchema = z.strictObject({ id: z.int().min(1), lease: leaseRequestSchema });

/**
 * `POST /v1/agent/confirm`: is this still the instruction for the service, and is this node's lease of this epoch
 * alive? Answered by a linearizable read of both (S2).
 */
export const confirmRequestSchema = z.strictObject({
  service: serviceIdSchema,
  uid: uidSchema,
  epoch: epochSchema,
});
export const confirmAnswerSchema = z.object({ current: z.boolean() });

/** `POST /v1/agent/report`: refused with `stale-epoch` when the epoch is over or the instruction has changed. */
export const reportRequestSchema = z.strictObject({
  service: serviceIdSchema,
  epoch: epochSchema,
  uid: uidSchema,
  result: z.enum(reportResults),
  detail: z.string().max(2_000),
  health: z.enum(["none", "starting", "healthy", "unhealthy"]),
  /** Of `running`: it has run for so long that earlier failures no longer count. */
  stable: z.boolean().default(false),
  /** The revision of the configuration that what runs (or does not) follows. */
  configRevision: z.int().min(0).default(0),
});
export type ReportRequest = z.input<typeof reportRequestSchema>;

/** Services in one `usage` request; an agent that has more of them to tell sends several. */
export const usagesMax = 50;
/**
 * `POST /v1/agent/usage`: what services of the node use, as measured. Of a service that is not the node's nothing is
 * kept. Refused with `stale-epoch` without a live lease of this epoch.
 */
export const usageRequestSchema = z.strictObject({
  epoch: epochSchema,
  usages: z
    .array(z.strictObject({ service: serviceIdSchema, ...capacitySchema.shape }))
    .max(usagesMax),
});

/**
 * `POST /v1/agent/logs/{requestId}`: the output as plain text, streamed as long as the server reads it.
 * `POST /v1/agent/exec/{requestId}`: frames in both directions at once (exec/messages.ts).
 * `GET /v1/agent/packages/{sha256}`: the content of a package of Holdfast.
 */
export const agentPaths = {
  certificate: "/v1/agent/certificate",
  join: "/v1/agent/join",
  lease: "/v1/agent/lease",
  release: "/v1/agent/release",
  mode: "/v1/agent/mode",
  instructions: "/v1/agent/instructions",
  confirm: "/v1/agent/confirm",
  report: "/v1/agent/report",
  usage: "/v1/agent/usage",
  logs: "/v1/agent/logs",
  exec: "/v1/agent/exec",
  upgrade: "/v1/agent/upgrade",
  packages: "/v1/agent/packages",
} as const;
