/** The flag in a query that lets a constraint pass although nothing has the properties that it names. */
import * as z from "zod";

/** `?allowUnknownProperties=true` */
export const unknownPropertiesQuery = z.strictObject({
  allowUnknownProperties: z.enum(["true", "false"]).default("false"),
});

/** What the query says. */
export function unknownPropertiesOf(
  query: z.output<typeof unknownPropertiesQuery>,
): "allowed" | "refused" {
  return query.allowUnknownProperties === "true" ? "allowed" : "refused";
}
