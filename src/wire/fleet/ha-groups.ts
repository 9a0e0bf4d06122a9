/** HA groups: sets of nodes of which at most one may be upgrading at a time. */
import * as z from "zod";
import { nameSchema, nodeIdSchema } from "../ids.ts";
import { refuseTwins } from "../placement.ts";

const version = { version: z.literal(1) };
/** Nodes of one group. */
export const haGroupMembersMax = 1_000;

const membersField = z.array(nodeIdSchema).max(haGroupMembersMax).superRefine(refuseTwins);
const descriptionField = z.string().max(1_000);

/** What becomes of a member's upgrade while another member is offline. */
export const offlineChoices = ["continue", "wait"] as const;

/** As a person writes it: `hagroup add`, `apply -f`, `POST /v1/ha-groups`. */
export const haGroupSchema = z.strictObject({
  name: nameSchema,
  description: descriptionField.default(""),
  members: membersField.default([]),
  whenMembersOffline: z.enum(offlineChoices).default("continue"),
});
export type HaGroupConfig = z.output<typeof haGroupSchema>;

/** `PUT /v1/ha-groups/{name}`: what is not given stays as it is, or is the default of a group that is new. */
export const haGroupChangeSchema = z.strictObject({
  name: nameSchema.optional(),
  description: descriptionField.optional(),
  members: membersField.optional(),
  whenMembersOffline: z.enum(offlineChoices).optional(),
});
export type HaGroupChange = z.output<typeof haGroupChangeSchema>;

/**
 * `ha-groups/<name>`: without its members. Written anew with each change of who is in it, so that its revision is that
 * of the whole group.
 */
export const haGroupRecordSchema = z.object({
  ...version,
  name: nameSchema,
  description: descriptionField,
  whenMembersOffline: z.enum(offlineChoices),
  /** Who made it. */
  owner: z.string(),
  /** Whether they were an admin then; undefined: they were. */
  byAdmin: z.boolean().optional(),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
});
export type HaGroupRecord = z.output<typeof haGroupRecordSchema>;

/** `ha-members/<node>`: the one group that the node is in. */
export const haMemberRecordSchema = z.object({ ...version, group: nameSchema });
export type HaMemberRecord = z.output<typeof haMemberRecordSchema>;

/** Who holds the group's upgrade slot, and why. */
export const slotResourceSchema = z.object({
  node: nodeIdSchema,
  /** A sentence. */
  reason: z.string(),
  sinceMs: z.number(),
});

/** What a person sees of a group. */
export const haGroupResourceSchema = z.object({
  name: z.string(),
  revision: z.int(),
  description: z.string(),
  whenMembersOffline: z.enum(offlineChoices),
  owner: z.string(),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
  members: z.array(z.object({ node: nodeIdSchema, isOnline: z.boolean() })),
  /** Undefined: nobody is upgrading. */
  slot: slotResourceSchema.optional(),
});
export type HaGroupResource = z.output<typeof haGroupResourceSchema>;
