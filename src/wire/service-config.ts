/** What a person writes about a service: `service add`, `apply -f`, `PUT /v1/services/{id}`. */
import * as z from "zod";
import { isolationPolicies, requestedStates } from "../core/model/service.ts";
import { nodeIdSchema, serviceIdSchema } from "./ids.ts";
import { processConfigSchema } from "./process-config.ts";

/** Types that have a driver, each with the schema of its part of the configuration. */
export const driverConfigSchemas = { process: processConfigSchema } as const;
export const driverTypes: readonly string[] = Object.keys(driverConfigSchemas);

const serviceFields = {
  state: z.enum(requestedStates).default("started"),
  maxRestart: z.int().min(0).max(1_000).default(1),
  maxRelocate: z.int().min(0).max(1_000).default(1),
  onIsolation: z.enum(isolationPolicies).default("stop"),
  /** Where it is placed first, if that node is online. */
  node: nodeIdSchema.optional(),
  description: z.string().max(1_000).optional(),
  process: processConfigSchema.optional(),
};

/** Exactly the part that the type of the id asks for must be there. */
function checkDriverPart(
  value: { readonly id: string; readonly process?: unknown },
  context: z.RefinementCtx,
): void {
  const type = value.id.slice(0, value.id.indexOf(":"));
  if (!driverTypes.includes(type)) {
    forgetUnknownField(type, context);
    context.addIssue({
      code: "custom",
      path: ["id"],
      message: `no driver for service type "${type}"; this version has: ${driverTypes.join(", ")}`,
    });
  } else if (value.process === undefined) {
    context.addIssue({
      code: "custom",
      path: [type],
      message: `"${value.id}" needs a part "${type}" with at least "command"`,
    });
  }
}

/** A part of a type without driver is no second fault. */
function forgetUnknownField(name: string, context: z.RefinementCtx): void {
  for (const [index, issue] of context.issues.entries()) {
    if (issue.code !== "unrecognized_keys") continue;
    const keys = issue.keys.filter((key) => key !== name);
    context.issues.splice(index, 1, ...(keys.length === 0 ? [] : [{ ...issue, keys }]));
    return;
  }
}

/** A service's whole configuration. */
export const serviceConfigSchema = z
  .strictObject({ id: serviceIdSchema, ...serviceFields })
  .superRefine(checkDriverPart);
/** With all defaults filled in. */
export type ServiceConfig = z.output<typeof serviceConfigSchema>;
/** As a person writes it. */
export type ServiceConfigInput = z.input<typeof serviceConfigSchema>;

/** `PATCH`: fields to change; null removes an optional one; `process` is merged one level deep. */
export const serviceChangeSchema = z.strictObject({
  state: z.enum(requestedStates).optional(),
  maxRestart: z.int().min(0).max(1_000).optional(),
  maxRelocate: z.int().min(0).max(1_000).optional(),
  onIsolation: z.enum(isolationPolicies).optional(),
  node: nodeIdSchema.nullable().optional(),
  description: z.string().max(1_000).nullable().optional(),
  process: z.record(z.string(), z.unknown()).optional(),
});
export type ServiceChange = z.input<typeof serviceChangeSchema>;
