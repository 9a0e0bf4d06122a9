/** A decision's reason as it is stored and sent: its code, its facts, and the sentence made from them. */
import * as z from "zod";

export const reasonSchema = z.looseObject({ code: z.string().min(1).max(100) });
