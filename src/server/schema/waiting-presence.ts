/**
 * A server that waits for its store's schema lives, and runs another version than before: the others have to see both.
 * It writes nothing else, and that in the shape that it finds, as its own is not yet the store's.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { JsonValue, Store } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { keys } from "../../wire/records.ts";
import { keepPresence, openPresence } from "../control-plane/presence.ts";

export interface WaitingPresenceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverId: string;
  readonly version: string;
  readonly signal: AbortSignal;
}

const againMs = 1_000;

/** Until the signal aborts. */
export async function showWaiting(options: WaitingPresenceOptions): Promise<void> {
  const { clock, log, signal } = options;
  while (!signal.aborted) {
    const shown = await tryShow(options);
    if (shown.ok) {
      if (shown.value !== undefined) await keepPresence({ ...options, lease: shown.value });
      return;
    }
    log.write("debug", `the servers do not see that this one waits: ${shown.error}`);
    await pause(clock, againMs, signal);
  }
}

/** The lease of its sign of life; undefined: the server was never registered, so that nobody looks for it. */
async function tryShow({
  store,
  serverId,
  version,
}: WaitingPresenceOptions): Promise<Result<string | undefined, string>> {
  const key = `${keys.servers}${serverId}`;
  const read = await store.get(key);
  if (!read.ok) return err(read.error.message);
  const { entry } = read.value;
  if (entry === undefined) return ok(undefined);
  const presence = await openPresence(store, { serverId, version });
  if (!presence.ok) return err(presence.error.message);
  const { lease, operation } = presence.value;
  const migration = await store.get(keys.migration);
  if (!migration.ok) return err(migration.error.message);
  // Once a migration has begun, records change in no other way; the sign of life says the version, too.
  const hasBegun = migration.value.entry !== undefined;
  const record = { kind: "put", key, value: withVersion(entry.value, version) } as const;
  const written = await store.txn({
    compare: [
      { kind: "modified-at", key, revision: entry.modRevision },
      ...(hasBegun ? [] : [{ kind: "absent" as const, key: keys.migration }]),
    ],
    then: hasBegun ? [operation] : [operation, record],
  });
  if (written.ok && written.value.succeeded) return ok(lease);
  await store.revokeLease(lease); // if this fails, the lease runs out by itself
  return err(written.ok ? "its record is being changed" : written.error.message);
}

function withVersion(record: JsonValue, serverVersion: string): JsonValue {
  if (typeof record !== "object" || record === null || Array.isArray(record)) return record;
  return { ...record, serverVersion };
}
