/** Definitions: one version of a service each, for deployments to run. They never change once they are added. */
import * as z from "zod";
import { refuseTwins } from "../placement.ts";
import { processConfigSchema } from "../process-config.ts";
import { capacitySchema, checkDriverPart } from "../service-config.ts";
import { constraintField, plainServiceField, propertiesField, versionField } from "./common.ts";

const version = { version: z.literal(1) };

/** Inputs that one definition may declare. */
const inputsMax = 100;

/** A value that a deployment gives to a service: it is in the environment of its process, under this name. */
const inputSchema = z
  .strictObject({
    name: z
      .string()
      .max(100)
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "use letters, digits and _"),
    type: z.enum(["string", "number", "boolean"]).default("string"),
    /** Undefined: every deployment has to give one. */
    default: z.union([z.string().max(32_768), z.number(), z.boolean()]).optional(),
    description: z.string().max(1_000).optional(),
  })
  .superRefine((input, context) => {
    if (input.default === undefined || typeof input.default === input.type) return;
    const message = `the input is a ${input.type}, its default is a ${typeof input.default}`;
    context.addIssue({ code: "custom", path: ["default"], message });
  });

function refuseTwinInputs(
  inputs: readonly { readonly name: string }[],
  context: z.RefinementCtx,
): void {
  refuseTwins(
    inputs.map(({ name }) => name),
    context,
  );
}

/** As a person writes it: `definition add`, `POST /v1/definitions`. */
export const definitionSchema = z
  .strictObject({
    /** `<type>:<name>`, without a node. */
    service: plainServiceField,
    version: versionField,
    description: z.string().max(1_000).optional(),
    properties: propertiesField.default({}),
    /** What it asks of nodes. */
    constraint: constraintField.optional(),
    inputs: z.array(inputSchema).max(inputsMax).superRefine(refuseTwinInputs).default([]),
    maxRestart: z.int().min(0).max(1_000).default(1),
    limits: capacitySchema.optional(),
    process: processConfigSchema.optional(),
  })
  .superRefine(({ service, process }, context) =>
    checkDriverPart({ id: service, process }, context, "service"),
  );
export type DefinitionInput = z.input<typeof definitionSchema>;
export type DefinitionConfig = z.output<typeof definitionSchema>;

/** `definitions/<service>/<version>` */
export const definitionRecordSchema = z.object({
  ...version,
  definition: definitionSchema,
  by: z.string(),
  addedAtMs: z.number(),
});
export type DefinitionRecord = z.output<typeof definitionRecordSchema>;
