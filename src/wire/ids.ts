/** Ids at the border: text in, branded ids out, with the sentence of `core/ids.ts` where one is wrong. */
import * as z from "zod";
import {
  type Epoch,
  epochOf,
  type InstructionUid,
  instructionUidOf,
  type NodeId,
  parseNodeId,
  parseServiceId,
  type ServiceId,
} from "../core/ids.ts";
import type { Result } from "../core/result.ts";

function branded<T>(parse: (text: string) => Result<T, string>): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const result = parse(text);
    if (result.ok) return result.value;
    context.addIssue({ code: "custom", message: result.error });
    return z.NEVER;
  });
}

export const nodeIdSchema: z.ZodType<NodeId, string> = branded(parseNodeId);
export const serviceIdSchema: z.ZodType<ServiceId, string> = branded(parseServiceId);
export const epochSchema: z.ZodType<Epoch, number> = z.int().min(0).transform(epochOf);
export const uidSchema: z.ZodType<InstructionUid, string> = z
  .string()
  .min(1)
  .max(100)
  .transform(instructionUidOf);

/** Longest name of a placement group or rule, in characters. */
const nameLengthMax = 63;

/** A placement group's or rule's name: as a node's, and capitals, "." and "_" are allowed too. */
export const nameSchema: z.ZodString = z
  .string()
  .max(nameLengthMax, `a name has ${nameLengthMax} characters at most`)
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/,
    'use letters, digits, ".", "_" and "-", beginning and ending with a letter or digit',
  );
