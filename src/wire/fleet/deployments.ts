/** Deployments: which versions of a service run on every node that fits, and how a new one goes over them. */
import * as z from "zod";
import { compareVersions } from "../../core/versions.ts";
import { nameSchema } from "../ids.ts";
import {
  constraintField,
  plainServiceField,
  propertiesField,
  spanField,
  versionField,
} from "./common.ts";

const version = { version: z.literal(1) };
/** Versions that one deployment may name. */
const versionsMax = 20;

const deploymentVersionSchema = z.strictObject({
  version: versionField,
  /** 1 is tried first. Default: its place in the list. */
  priority: z.int().min(1).max(1_000).optional(),
  retries: z.int().min(1).max(100).default(2),
  retryDurationMs: spanField.min(100).default(60_000),
  verifiedDurationMs: spanField.default(300_000),
});

type VersionLine = z.output<typeof deploymentVersionSchema>;

/** The priority of the version at a place of the list. */
export function priorityAt(lines: readonly Pick<VersionLine, "priority">[], index: number): number {
  return lines[index]?.priority ?? index + 1;
}

/** One version twice, or two with one priority, would leave open which is meant. */
function refuseTwinVersions(lines: readonly VersionLine[], context: z.RefinementCtx): void {
  for (const [index, { version: text }] of lines.entries()) {
    const twin = lines.findIndex((line) => compareVersions(line.version, text) === 0);
    // Of a text that is no version, which is a fault of its own, nothing is equal.
    if (twin >= 0 && twin < index) {
      const message = `version ${text} is named twice`;
      context.addIssue({ code: "custom", path: [index, "version"], message });
    }
    const priority = priorityAt(lines, index);
    const other = lines.findIndex((_line, place) => priorityAt(lines, place) === priority);
    if (other < index) {
      const message = `priority ${priority} is that of version ${lines[other]?.version} too`;
      context.addIssue({ code: "custom", path: [index, "priority"], message });
    }
  }
}

/** Values by the names that the definition declares. */
const inputsField = z.record(
  z.string().max(100),
  z.union([z.string().max(32_768), z.number(), z.boolean()]),
);

const countOrPercent = z.union([
  z.int().min(1).max(100_000),
  z.string().regex(/^(?:100|[1-9]?\d)%$/, "write a number of nodes, or a share such as 25%"),
]);

/** How a new version goes over the nodes. */
const rolloutPolicySchema = z.strictObject({
  /** Of the nodes in no HA group: so many may be without a healthy copy at a time. */
  maxUnavailable: countOrPercent.default(1),
  canaries: z
    .strictObject({ count: z.int().min(1).max(1_000), waitMs: spanField.default(60_000) })
    .optional(),
  /** With more failed nodes than this share, all go back. */
  failedShareMax: z.number().min(0).max(1).default(0.2),
  /** So long must an instance have been healthy before the next one's turn. */
  healthyForMs: spanField.default(5_000),
});

/** As a person writes it: `deployment add`, `PUT /v1/deployments/{name}`. */
export const deploymentSchema = z.strictObject({
  name: nameSchema,
  description: z.string().max(1_000).optional(),
  /** `<type>:<name>` of definitions. */
  service: plainServiceField,
  versions: z
    .array(deploymentVersionSchema)
    .min(1)
    .max(versionsMax)
    .superRefine(refuseTwinVersions),
  properties: propertiesField.default({}),
  /** Over the nodes' properties; undefined: every node. */
  constraint: constraintField.optional(),
  inputs: inputsField.default({}),
  haSemantics: z.enum(["one-at-a-time", "none"]).default("one-at-a-time"),
  rollout: rolloutPolicySchema.prefault({}),
});
export type DeploymentInput = z.input<typeof deploymentSchema>;
export type DeploymentConfig = z.output<typeof deploymentSchema>;

/** `deployments/<name>` */
export const deploymentRecordSchema = z.object({
  ...version,
  deployment: deploymentSchema,
  /** Grows with every change by a person. */
  generation: z.int(),
  /** Of `deployment.inputs`: hexadecimal digits of a SHA-256 of them, written with their names in order. */
  inputsKey: z.string(),
  by: z.string(),
  addedAtMs: z.number(),
  /** Its instances are stopped, then it is forgotten. */
  removing: z.boolean(),
});
export type DeploymentRecord = z.output<typeof deploymentRecordSchema>;

/**
 * `deployment-inputs/<deployment>/<inputsKey>`: written together with the first deployment record that names the key, and
 * kept as long as the deployment, so that an instance can go back to what it ran before.
 */
export const deploymentInputsRecordSchema = z.object({ ...version, inputs: inputsField });
