/** Finds a certificate among those that were revoked, in one look, however its serial is written. */
import type { RevocationRecord } from "../../wire/servers.ts";
import type { Follower } from "./table-slots.ts";

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
function revokedName({ serial, authority }: Numbered): string {
  return `${authority}/${canonicalSerial(serial)}`;
}

/** Keeps `names` in step with the revocations: keys by the names of their certificates. */
export function followNames(names: Map<string, Set<string>>): Follower<RevocationRecord> {
  return {
    added(key, record) {
      const name = revokedName(record);
      names.set(name, (names.get(name) ?? new Set()).add(key));
    },
    removed(key, record) {
      const name = revokedName(record);
      const others = names.get(name);
      others?.delete(key);
      if (others?.size === 0) names.delete(name);
    },
  };
}

/** Why and when a certificate was revoked; undefined: it was not. */
export function revocationOf(tables: Tables, certificate: Numbered): RevocationRecord | undefined {
  const [key] = tables.revokedNames.get(revokedName(certificate)) ?? [];
  return key === undefined ? undefined : tables.revocations.get(key)?.value;
}
