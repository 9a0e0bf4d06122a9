/** What somebody does on a server's machine itself, past the API, is in the audit as all else is. */
import { userInfo } from "node:os";
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Operation, Store } from "../ports/store.ts";
import { type AuditFacts, auditEntry } from "../server/changes/audit-entry.ts";
import { keys } from "../wire/records.ts";
import type { ServerIdentity } from "./server-files.ts";

export interface HandOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** The server on whose machine it is done. */
  readonly identity: Pick<ServerIdentity, "id" | "host">;
}

/** The entry to be written; its `who` is the user of the machine. */
export async function auditByHand(
  { store, clock, identity }: HandOptions,
  facts: Pick<AuditFacts, "action" | "subject" | "detail">,
): Promise<Result<Operation, string>> {
  const read = await store.range(keys.audit);
  if (!read.ok) return err(read.error.message);
  const lastKey = read.value.entries.at(-1)?.key;
  const who = `${userName()} at server/${identity.id}`;
  return ok(auditEntry({ ...facts, who, from: identity.host }, { lastKey, nowMs: clock.wallMs() }));
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? "unknown"}`; // the machine knows no name for it
  }
}
