/** The fields of HA groups, definitions, deployments, packages and policies in a scenario that people write. */
import * as z from "zod";
import type { ServiceId } from "../../../core/ids.ts";
import {
  constraintField,
  plainServiceField,
  propertiesField,
  versionField,
} from "../../../wire/fleet/common.ts";
import { type DeploymentConfig, deploymentSchema } from "../../../wire/fleet/deployments.ts";
import { offlineChoices } from "../../../wire/fleet/ha-groups.ts";
import { type PolicyConfig, policySchema } from "../../../wire/fleet/policies.ts";
import type { AgentPackagePlan, DefinitionPlan, VersionBehaviour } from "../../fleet-plan.ts";
import type { References } from "../yaml/names.ts";
import { duration } from "../yaml/schemas.ts";

export const offlineSchema = z.enum(offlineChoices).default("continue");

/** An HA group without its name: its members, or a map. */
export function haGroupSchema(references: References) {
  return z.preprocess(
    (value) => (Array.isArray(value) ? { members: value } : value),
    z.strictObject({ members: references.nodes.optional(), whenMembersOffline: offlineSchema }),
  );
}

/** A version without its service and its number. */
export function definitionSchema(references: References) {
  return z.preprocess(
    (value) => value ?? {},
    z.strictObject({
      properties: propertiesField.default({}),
      constraint: constraintField.optional(),
      healthyAfter: duration.optional(),
      start: z.enum(["ok", "fails", "hangs"]).default("ok"),
      unhealthyAfter: duration.optional(),
      onlyOn: references.nodes.optional(),
    }),
  );
}

type DefinitionFields = z.output<ReturnType<typeof definitionSchema>>;

/** The version with its service and its number. */
export function definitionOf(
  of: { readonly service: ServiceId; readonly version: string },
  fields: DefinitionFields,
): DefinitionPlan {
  const { properties, constraint, healthyAfter = 0, start, unhealthyAfter, onlyOn } = fields;
  const behaviour: VersionBehaviour = {
    healthyAfterMs: healthyAfter,
    start,
    unhealthyAfterMs: unhealthyAfter,
    onlyOn,
  };
  return { ...of, properties, constraint, behaviour };
}

/** `<type>:<name>` and a version's number. */
export const serviceField = plainServiceField;
export const numberField = versionField;

/** Fields of a deployment whose values are spans of time, as the API and as people call them. */
const spans = {
  versions: { retryDuration: "retryDurationMs", verifiedDuration: "verifiedDurationMs" },
  canaries: { wait: "waitMs" },
  rollout: { healthyFor: "healthyForMs" },
  policy: { window: "windowMs", spread: "spreadMs", healthyWithin: "healthyWithinMs" },
} as const;

/** A deployment with its name. Versions may be numbers alone; spans of time are written as durations. */
export const deploymentField: z.ZodType<DeploymentConfig, unknown> = z.preprocess(
  withSpans,
  deploymentSchema,
);

function withSpans(value: unknown): unknown {
  const fields = fieldsOf(value);
  if (fields === undefined) return value;
  const { versions, rollout } = fields;
  return {
    ...fields,
    ...(Array.isArray(versions) ? { versions: versions.map(lineOf) } : {}),
    ...(rollout === undefined ? {} : { rollout: rolloutOf(rollout) }),
  };
}

function lineOf(value: unknown): unknown {
  return typeof value === "string" ? { version: value } : inMs(value, spans.versions);
}

function rolloutOf(value: unknown): unknown {
  const fields = fieldsOf(inMs(value, spans.rollout));
  if (fields?.["canaries"] === undefined) return fields ?? value;
  return { ...fields, canaries: inMs(fields["canaries"], spans.canaries) };
}

/** A policy with its name. */
export const policyField: z.ZodType<PolicyConfig, unknown> = z.preprocess(
  (value) => inMs(value, spans.policy),
  policySchema,
);

/** Fields that are durations under the names that the API has for milliseconds; what is no duration stays as it is. */
function inMs(value: unknown, names: Readonly<Record<string, string>>): unknown {
  const fields = fieldsOf(value);
  if (fields === undefined) return value;
  const entries = Object.entries(fields).map(([name, field]) => {
    const inApi = names[name];
    const read = inApi === undefined ? undefined : duration.safeParse(field);
    return inApi !== undefined && read?.success === true ? [inApi, read.data] : [name, field];
  });
  return Object.fromEntries(entries);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value));
}

/** A package of Holdfast with its version. */
export const packageField: z.ZodType<AgentPackagePlan, unknown> = z.strictObject({
  version: versionField,
  install: z.enum(["ok", "fails", "unhealthy"]).default("ok"),
});
