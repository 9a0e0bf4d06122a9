/** What the parts of the fleet have in common at the border: properties, versions, spans of time. */
import * as z from "zod";
import { parseConstraint } from "../../core/constraints/parse.ts";
import { nodeOfInstance, type ServiceId } from "../../core/ids.ts";
import { parseVersion, versionLengthMax } from "../../core/versions.ts";
import { serviceIdSchema } from "../ids.ts";

/** Properties that one thing may have. */
export const propertiesMax = 200;
/** Longest constraint, in characters. */
export const constraintLengthMax = 4_000;
/** A year: a longer span of time is a slip of the pen. */
export const spanMsMax = 366 * 86_400_000;

/** A version, as `core/versions.ts` reads it. */
export const versionField: z.ZodType<string, string> = z
  // In YAML, 1.10 is the number 1.1.
  .string({
    error: ({ input }) =>
      typeof input === "number"
        ? 'a version is a text: put it into quotes, e.g. "1.10"'
        : undefined,
  })
  .max(versionLengthMax)
  .superRefine((text, context) => {
    const parsed = parseVersion(text);
    if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.error });
  });

/** A property's name, as constraints write it. */
export const propertyNameSchema: z.ZodString = z
  .string()
  .max(100)
  .regex(
    /^[A-Za-z_][A-Za-z0-9_.-]*$/,
    'a property\'s name has letters, digits, "_", "." and "-", beginning with a letter or "_"',
  );

/** What a property may be. */
export const propertyValueSchema = z.union([
  z.string().max(1_000),
  z.number(),
  z.boolean(),
  z.array(z.string().max(1_000)).max(100),
]);

/** Properties of one thing, by name. */
export const propertiesField = z
  .record(propertyNameSchema, propertyValueSchema)
  .refine((properties) => Object.keys(properties).length <= propertiesMax, {
    message: `there may be ${propertiesMax} properties at most`,
  });

/** A span of time in milliseconds, a year at most. */
export const spanField: z.ZodNumber = z.int().min(0).max(spanMsMax);

/** A constraint as text that is known to be one; the fault says at which character it is none. */
export const constraintField: z.ZodType<string, string> = z
  .string()
  .max(constraintLengthMax)
  .superRefine((text, context) => {
    const parsed = parseConstraint(text);
    if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.error.message });
  });

/** `<type>:<name>`: a service that instances are of, not an instance. */
export const plainServiceField: z.ZodType<ServiceId, string> = serviceIdSchema.refine(
  (service) => nodeOfInstance(service) === undefined,
  { message: 'write <type>:<name> without "@": instances get their nodes from deployments' },
);
