/**
 * How a machine comes in: join tokens, and what it exchanges with the servers. The token goes in the body, because
 * a machine that joins has no identity yet; it is of the form `hfj_<id>_<secret>`, and the store has its hash only.
 */
import * as z from "zod";
import { nameSchema, nodeIdSchema } from "./ids.ts";
import { capacitySchema } from "./service-config.ts";

/** Longest PEM text that is read, in characters. */
const pemLengthMax = 16_384;
const pem = z.string().max(pemLengthMax);
/** A machine's own random name for itself, so that a request may be repeated. */
const identityField = z.string().regex(/^[0-9a-f]{32}$/, "is 32 hexadecimal digits");

export const joinRoles = ["server", "node"] as const;
export type JoinRole = (typeof joinRoles)[number];

/** `join-tokens/<id>`: `sha256` of the token, never the token. */
export const joinTokenRecordSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  sha256: z.string(),
  role: z.enum(joinRoles),
  name: z.string(),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
  /** Counts for one machine only. */
  singleUse: z.boolean(),
  /** The identity of the machine that has used a token of single use. */
  usedBy: z.string().optional(),
});
export type JoinTokenRecord = z.output<typeof joinTokenRecordSchema>;

/** `POST /v1/join-tokens` */
export const joinTokenRequestSchema = z.strictObject({
  role: z.enum(joinRoles),
  name: z.string().max(100).default(""),
  /** Default: 2 hours for servers, 24 hours for nodes. */
  ttlMs: z.int().min(1_000).max(31_536_000_000).optional(),
  singleUse: z.boolean().default(false),
});

/** A token as it is listed. */
export const joinTokenResourceSchema = joinTokenRecordSchema
  .omit({ version: true, sha256: true })
  .extend({ leftMs: z.number() });
export type JoinTokenResource = z.output<typeof joinTokenResourceSchema>;
/** The only answer that holds the token. */
export const createdJoinTokenSchema = joinTokenResourceSchema.extend({
  token: z.string(),
  /** Of the authority's key: what the new machine checks the servers with. */
  authorityHash: z.string(),
  /** Where the new machine finds the servers. */
  servers: z.array(z.string()),
  /** Sentences about what would be in the way now. */
  warnings: z.array(z.string()).optional(),
});
export type CreatedJoinToken = z.output<typeof createdJoinTokenSchema>;

/** `GET /v1/join/authority`: the authority's certificate, which the machine compares with the hash that it was given. */
export const authorityAnswerSchema = z.object({ authorityPem: pem });

/** `POST /v1/join/node` */
export const nodeJoinRequestSchema = z.strictObject({
  token: z.string().max(200),
  node: nodeIdSchema,
  identity: identityField,
  requestPem: pem,
  agentVersion: z.string().max(100),
  properties: z.record(
    z.string().max(100),
    z.union([z.string().max(1_000), z.number(), z.boolean()]),
  ),
  capacity: capacitySchema.optional(),
  taints: z.array(z.string().max(63)).max(16).default([]),
  /** The HA group that the node is put into as it joins. */
  haGroup: nameSchema.optional(),
  /** The server on the same machine, where there is one. */
  serverId: z.string().max(20).optional(),
});
export const nodeJoinAnswerSchema = z.object({
  node: nodeIdSchema,
  certificatePem: pem,
  authorityPem: pem,
  servers: z.array(z.string()),
});

/** `POST /v1/agent/certificate`: a new one for the same holder. */
export const certificateRequestSchema = z.strictObject({ requestPem: pem });
export const certificateAnswerSchema = z.object({ certificatePem: pem, authorityPem: pem });

const hostField = z.string().min(1).max(253);

/** `POST /v1/join/server`: asks for an id, certificates and the authorities' keys. */
export const serverJoinRequestSchema = z.strictObject({
  token: z.string().max(200),
  name: z.string().min(1).max(63),
  identity: identityField,
  version: z.string().max(100),
  /** Where others reach it. */
  host: hostField,
  port: z.int().min(1).max(65_533),
  requestPem: pem,
  etcdRequestPem: pem,
});
export const serverJoinAnswerSchema = z.object({
  id: z.string(),
  certificatePem: pem,
  etcdCertificatePem: pem,
  authorityPem: pem,
  etcdAuthorityPem: pem,
  /** The authorities' keys, sealed with the token's secret. */
  sealedKeys: z.string().max(pemLengthMax),
  /** Members of the replicated store that are there already. */
  clientUrls: z.array(z.string()),
  servers: z.array(z.string()),
});
export type ServerJoinAnswer = z.output<typeof serverJoinAnswerSchema>;
