/** Finds a certificate among those that were revoked, in one look, however its serial is written. */
import type { RevocationRecord } from "../../wire/servers.ts";

/** A certificate's number, and the authority that gave it. */
type Numbered = Pick<RevocationRecord, "serial" | "authority">;

interface Tables {
  readonly revocations: ReadonlyMap<string, { readonly value: RevocationRecord }>;
  readonly revokedNames: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Serials are written with and without leading zeros, colons and capitals. */
export function canonicalSerial(serial: string): string {
  return serial.toLowerCase().replaceAll(":", "").replace(/^0+/, "");
}

/** The name of a certificate among those that were revoked. */
export function revokedName({ serial, authority }: Numbered): string {
  return `${authority}/${canonicalSerial(serial)}`;
}

/** Why and when a certificate was revoked; undefined: it was not. */
export function revocationOf(tables: Tables, certificate: Numbered): RevocationRecord | undefined {
  const [key] = tables.revokedNames.get(revokedName(certificate)) ?? [];
  return key === undefined ? undefined : tables.revocations.get(key)?.value;
}
