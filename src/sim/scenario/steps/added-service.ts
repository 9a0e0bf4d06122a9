/** The value of the word `add`: a service as in the list of services, with its id and whether it runs already. */
import * as z from "zod";
import { fullServiceId, type References } from "../yaml/names.ts";
import { servicePlanOf, serviceSchema } from "../yaml/schemas.ts";
import type { WordSchema } from "./step-action.ts";

/** Makes the schema. */
export function readAdded(references: References): WordSchema {
  const whole = serviceSchema(references).extend({
    id: z.string(),
    running: z.boolean().default(false),
  });
  return z
    .preprocess((value) => (typeof value === "string" ? { id: value } : value), whole)
    .transform(({ id: text, running, ...fields }, context) => {
      const id = fullServiceId(text, fields.type);
      if (id.ok) {
        return [{ kind: "add", service: servicePlanOf(id.value, fields), running }] as const;
      }
      context.addIssue({ code: "custom", path: ["id"], message: id.error });
      return z.NEVER;
    });
}
