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
