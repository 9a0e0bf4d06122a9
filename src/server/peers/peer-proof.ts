/**
 * How servers without certificates know each other (plain HTTP is for one machine: a demo, tests): they share a store.
 * Each keeps a secret in its memory and has written the secret's hash there.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { err, ok, type Result } from "../../core/result.ts";
import type { Store } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";
import type { ViewTables } from "../view/view-tables.ts";

const headerPattern = /^Holdfast-Peer ([A-Za-z0-9-]{1,64}) ([A-Za-z0-9_-]{43})$/;

/** Makes this server's secret and writes its hash; the value is the header `Authorization` that shows it. */
export async function writePeerProof(
  store: Store,
  serverId: string,
): Promise<Result<string, string>> {
  const secret = randomBytes(32).toString("base64url");
  const written = await store.txn({
    compare: [],
    then: [
      {
        kind: "put",
        key: `${keys.peerProofs}${serverId}`,
        value: jsonOf({ version: 1, sha256: hashOf(secret) }),
      },
    ],
  });
  return written.ok ? ok(`Holdfast-Peer ${serverId} ${secret}`) : err(written.error.message);
}

/** The server that the header proves; undefined: none. */
export function serverOfProof(
  header: string | undefined,
  tables: Pick<ViewTables, "peerProofs">,
): string | undefined {
  const [, server = "", secret = ""] = headerPattern.exec(header ?? "") ?? [];
  const record = tables.peerProofs.get(server)?.value;
  if (record === undefined) return undefined;
  const wanted = Buffer.from(record.sha256);
  const given = Buffer.from(hashOf(secret));
  return wanted.length === given.length && timingSafeEqual(wanted, given) ? server : undefined;
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
