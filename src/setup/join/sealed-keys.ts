/** What a server hands on to one that joins, sealed with the join token's secret. */
import * as z from "zod";
import { etcdCertificatesSchema } from "../engine/given-certificates.ts";

/** What a server seals for one that joins. */
export const sealedKeysSchema: z.ZodObject<{
  authorityKeyPem: z.ZodString;
  etcdAuthorityKeyPem: z.ZodString;
  members: z.ZodEnum<{ own: "own"; others: "others" }>;
  etcdCertificates: z.ZodOptional<typeof etcdCertificatesSchema>;
}> = z.object({
  authorityKeyPem: z.string(),
  etcdAuthorityKeyPem: z.string(),
  /** `others`: etcd is run by others, and no server has a member of its own. */
  members: z.enum(["own", "others"]),
  /** What opens the members that others run. */
  etcdCertificates: etcdCertificatesSchema.optional(),
});
export type SealedKeys = z.output<typeof sealedKeysSchema>;
