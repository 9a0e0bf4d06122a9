/**
 * Who may do what, on the wire and in the store: users with passwords, what a role may, and who somebody is. A
 * password comes in, and its hash is stored; neither ever goes out.
 */
import * as z from "zod";
import { roleNames } from "../core/access/permissions-table.ts";
import { permissionNames } from "../core/access/permits.ts";
import { nodeIdSchema, serviceIdSchema } from "./ids.ts";

/** Nodes, and services, that one grant may name. */
const ownedMax = 1_000;
/** Longest password, in characters; shortest one that a person may choose. */
const passwordLengthMax = 1_000;
export const passwordLengthMin = 8;

/** A role and, of `owner`, the objects that it is for. */
export const grantFields = {
  role: z.enum(roleNames),
  ownsNodes: z.array(nodeIdSchema).max(ownedMax).default([]),
  ownsServices: z.array(serviceIdSchema).max(ownedMax).default([]),
};

/** Only owners own something, and one without anything is a viewer. */
export function checkGrant(
  grant: {
    readonly role: string;
    readonly ownsNodes: readonly string[];
    readonly ownsServices: readonly string[];
  },
  context: z.RefinementCtx,
): void {
  const count = grant.ownsNodes.length + grant.ownsServices.length;
  if (grant.role === "owner" && count === 0) {
    context.addIssue({
      code: "custom",
      path: ["ownsNodes"],
      message: "an owner owns at least one node or service",
    });
  }
  if (grant.role !== "owner" && count > 0) {
    context.addIssue({
      code: "custom",
      path: [grant.ownsNodes.length > 0 ? "ownsNodes" : "ownsServices"],
      message: "only the role owner names nodes and services",
    });
  }
}

/** A user's name: small letters, so that no two look alike. */
export const userNameSchema: z.ZodString = z
  .string()
  .max(63, "a user's name has 63 characters at most")
  .regex(
    /^[a-z0-9](?:[a-z0-9._@-]*[a-z0-9])?$/,
    'use a-z, 0-9, ".", "_", "@" and "-", beginning and ending with a letter or digit',
  );

const givenPassword = z
  .string()
  .max(passwordLengthMax, `a password has ${passwordLengthMax} characters at most`);
const newPassword = givenPassword.min(
  passwordLengthMin,
  `a password has at least ${passwordLengthMin} characters`,
);

/** A password's hash with all that is needed to check one: parameters may rise with the years. */
export const passwordRecordSchema = z.object({
  algorithm: z.literal("scrypt"),
  /** N, r and p of RFC 7914. */
  cost: z.int().min(2).max(1_048_576),
  blockSize: z.int().min(1).max(64),
  parallelization: z.int().min(1).max(16),
  salt: z.string().min(1).max(200),
  hash: z.string().min(1).max(200),
});
export type PasswordRecord = z.output<typeof passwordRecordSchema>;

/** `users/<name>` */
export const userRecordSchema = z.object({
  version: z.literal(1),
  name: userNameSchema,
  ...grantFields,
  password: passwordRecordSchema,
  /** Random; a new one with each new password. Tokens of the user that name another one count no longer. */
  generation: z.string(),
  createdAtMs: z.number(),
  passwordSetAtMs: z.number(),
});
export type UserRecord = z.output<typeof userRecordSchema>;

/** A user as everybody may see them. */
export const userResourceSchema = z.object({
  name: z.string(),
  revision: z.int(),
  role: z.enum(roleNames),
  ownsNodes: z.array(z.string()),
  ownsServices: z.array(z.string()),
  createdAtMs: z.number(),
  passwordSetAtMs: z.number(),
});
export type UserResource = z.output<typeof userResourceSchema>;

/** `POST /v1/users` */
export const userRequestSchema = z
  .strictObject({ name: userNameSchema, ...grantFields, password: newPassword })
  .superRefine(checkGrant);
export type UserRequest = z.input<typeof userRequestSchema>;

/** `PUT /v1/users/{name}/role` */
export const userRoleRequestSchema = z.strictObject(grantFields).superRefine(checkGrant);
export type UserRoleRequest = z.input<typeof userRoleRequestSchema>;

/** `PUT /v1/users/{name}/password`; one's own password is changed with the one that it was. */
export const userPasswordRequestSchema = z.strictObject({
  password: newPassword,
  currentPassword: givenPassword.optional(),
});
export type UserPasswordRequest = z.input<typeof userPasswordRequestSchema>;

/** `POST /v1/login`: the body, unless the header Authorization: Basic says the same. */
export const loginRequestSchema = z.strictObject({
  user: z.string().max(63),
  password: givenPassword,
});

/** How long a login holds: a working day. */
export const loginTtlMs = 43_200_000;

/** The only answer that holds the token of a login. */
export const loginAnswerSchema = z.object({
  token: z.string(),
  id: z.string(),
  user: z.string(),
  expiresAtMs: z.number(),
});
export type LoginAnswer = z.output<typeof loginAnswerSchema>;

const permissionName = z.enum(permissionNames);

/** `GET /v1/roles`: what a role may. */
export const roleResourceSchema = z.object({
  name: z.enum(roleNames),
  /** For every object. */
  permissions: z.array(permissionName),
  /** Only for nodes and services that are owned. */
  ownedPermissions: z.array(permissionName),
});
export type RoleResource = z.output<typeof roleResourceSchema>;

/** `GET /v1/roles` */
export const roleListSchema = z.object({
  items: z.array(roleResourceSchema),
  /** What each permission is for, in words. */
  permissions: z.array(z.object({ name: permissionName, words: z.string() })),
});
export type RoleList = z.output<typeof roleListSchema>;

/** `GET /v1/whoami` */
export const whoamiSchema = z.object({
  who: z.string(),
  user: z.string().optional(),
  tokenId: z.string().optional(),
  expiresAtMs: z.number().optional(),
  role: z.enum(roleNames),
  ownsNodes: z.array(z.string()),
  ownsServices: z.array(z.string()),
  permissions: z.array(permissionName),
  ownedPermissions: z.array(permissionName),
});
export type Whoami = z.output<typeof whoamiSchema>;
