/**
 * What agents and servers say to each other, all below `/v1/agent`, with a token of role `agent`; the token
 * names the node, so no message does. An agent that is refused with `stale-epoch` has lost its lease.
 */
import * as z from "zod";
import { managerStates, reportResults } from "../core/model/service.ts";
import { epochSchema, nodeIdSchema, serviceIdSchema, uidSchema } from "./ids.ts";
import { serviceConfigSchema } from "./service-config.ts";

const durationField = z.number().positive();
const propertyValue = z.union([z.string().max(1_000), z.number(), z.boolean()]);

/** `POST /v1/agent/join`: registers the node, or updates what it says of itself. Idempotent. */
export const joinRequestSchema = z.strictObject({
  agentVersion: z.string().max(100),
  properties: z.record(z.string().max(100), propertyValue),
});
export const joinAnswerSchema = z.object({ node: nodeIdSchema, serverVersion: z.string() });

/**
 * `POST /v1/agent/lease`. Without `renew`: asks for a new lease and epoch; refused with `conflict` while the
 * node's old lease lives (its detail says how to go on: wait). With `renew`: keeps that one alive, or
 * `stale-epoch`. `incarnation` is the agent's random id, kept on its disk with the lease.
 */
export const leaseRequestSchema = z.strictObject({
  incarnation: z.string().min(8).max(100),
  renew: z.strictObject({ leaseId: z.string().max(100), epoch: epochSchema }).optional(),
});
export const leaseAnswerSchema = z.object({
  leaseId: z.string(),
  epoch: epochSchema,
  /** The times that hold from now on; the TTL is the granted lease's own. */
  ttlMs: durationField,
  watchdogMs: durationField,
  renewEveryMs: durationField,
});
export type LeaseAnswer = z.output<typeof leaseAnswerSchema>;

/**
 * `POST /v1/agent/release`: the guard's last word, or an agent's orderly end: nothing of `epoch` runs any more.
 * Ends the lease of that epoch and of no other. Idempotent; a lease that is over already is a success.
 */
export const releaseRequestSchema = z.strictObject({
  epoch: epochSchema,
  leaseId: z.string().max(100),
});

/** The manager's word for one service, as its node's agent gets it, with the configuration that belongs to it. */
export const instructionSchema = z.object({
  service: serviceIdSchema,
  uid: uidSchema,
  state: z.enum(managerStates),
  node: nodeIdSchema,
  nodeEpoch: epochSchema,
  target: nodeIdSchema.optional(),
  stopTimeoutMs: z.number().optional(),
  /** The order for the guard under this uid: true: leave the copy alone; false: kill it without a lease. */
  survivesIsolation: z.boolean(),
  config: serviceConfigSchema,
  /** Revision of the configuration; reports name the one that they are about. */
  configRevision: z.int(),
});
export type Instruction = z.output<typeof instructionSchema>;

/**
 * `GET /v1/agent/instructions`: server-sent events. First `snapshot` with all instructions of the node, then
 * `instruction` for each that changes, `gone` for a service that is no longer the node's, `log-request` when a
 * person wants to see a service's output. A comment line every few seconds shows that the stream lives.
 */
export const instructionMessageSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("snapshot"), instructions: z.array(instructionSchema) }),
  z.object({ kind: z.literal("instruction"), instruction: instructionSchema }),
  z.object({ kind: z.literal("gone"), service: serviceIdSchema }),
  z.object({
    kind: z.literal("log-request"),
    requestId: z.string(),
    service: serviceIdSchema,
    linesMax: z.int(),
    follow: z.boolean(),
  }),
]);
export type InstructionMessage = z.output<typeof instructionMessageSchema>;

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

/** `POST /v1/agent/logs/{requestId}`: the output as plain text, streamed as long as the server reads it. */
export const agentPaths = {
  join: "/v1/agent/join",
  lease: "/v1/agent/lease",
  release: "/v1/agent/release",
  instructions: "/v1/agent/instructions",
  confirm: "/v1/agent/confirm",
  report: "/v1/agent/report",
  logs: "/v1/agent/logs",
} as const;
