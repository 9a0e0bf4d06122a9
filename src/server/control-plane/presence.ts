/** A server's sign of life: a key that hangs on a lease, which the server renews for as long as it can reach the store. */
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { LeaseId, Operation, Store, StoreError } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";
import { ownStatusSchema } from "../../wire/servers.ts";
import type { ControlPlane } from "./control-plane.ts";

/** A server that is not heard of for so long is lost; nothing is decided on that for a long time yet. */
const presenceTtlMs = 10_000;
/**
 * So long a sign of life may be nobody's: one that was killed leaves it, and the store gives it its full time again when
 * its leader changes, as it does when all servers have just been started.
 */
export const signMsMax: number = 2 * presenceTtlMs;
/** A server that lives says so at once. */
const answerMsMax = 1_000;
/** Two renewals may fail. */
const renewEveryMs = 3_000;
const againMs = 1_000;

export interface PresenceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverId: string;
  /** Of this program. */
  readonly version: string;
  /** What the key hangs on already, since the server registered itself. */
  readonly lease: LeaseId;
  /** Ends it; the key is gone then. */
  readonly signal: AbortSignal;
}

/** The key, and the lease that it hangs on for now. */
export interface Presence {
  readonly lease: LeaseId;
  readonly operation: Operation;
}

/** For the transaction in which a server registers itself, so that nobody sees it without a sign of life. */
export async function openPresence(
  store: Store,
  { serverId, version: serverVersion }: Pick<PresenceOptions, "serverId" | "version">,
): Promise<Result<Presence, StoreError>> {
  const lease = await store.grantLease(presenceTtlMs);
  if (!lease.ok) return lease;
  const key = `${keys.serverLeases}${serverId}`;
  const value = jsonOf({ version: 1, id: serverId, serverVersion });
  return ok({
    lease: lease.value,
    operation: { kind: "put", key, value, leaseId: lease.value },
  });
}

/** A server whose sign of life is there, and what it runs. */
export interface Living {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly version: string;
}

/** What it says itself, while its sign of life may be all that is left of it; empty: it does not answer. */
export async function askLiving(
  { id, name, url }: Living,
  { askPeer }: Pick<ControlPlane, "askPeer">,
): Promise<readonly Living[]> {
  const answer = await askPeer({ url, path: "/v1/peers/status", timeoutMs: answerMsMax });
  const said = answer.ok ? livingSchema.safeParse(answer.value) : undefined;
  if (said?.success !== true || said.data.id !== id) return [];
  return [{ id, name, url, version: said.data.version }];
}

/** No more is read of the answer: the rest may be of another version's shape. */
const livingSchema = ownStatusSchema.pick({ id: true, version: true });

/** Keeps the key until the signal aborts, or the server was removed. */
export async function keepPresence(options: PresenceOptions): Promise<void> {
  const { clock, signal, log } = options;
  await renew(options, options.lease);
  while (!signal.aborted) {
    const begun = await begin(options);
    if (!begun.ok) {
      log.write("debug", `the servers do not see this one yet: ${begun.error}`);
      await pause(clock, againMs, signal);
      continue;
    }
    if (begun.value === "removed") return;
    await renew(options, begun.value);
  }
}

/** `removed`: there is no server of this id any more. */
async function begin({
  store,
  serverId,
  version,
}: PresenceOptions): Promise<Result<LeaseId | "removed", string>> {
  const presence = await openPresence(store, { serverId, version });
  if (!presence.ok) return err(presence.error.message);
  const { lease, operation } = presence.value;
  const written = await store.txn({
    compare: [{ kind: "absent", key: `${keys.removedServers}${serverId}` }],
    then: [operation],
  });
  if (written.ok && written.value.succeeded) return ok(lease);
  await store.revokeLease(lease); // if this fails, the lease runs out by itself
  return written.ok ? ok("removed") : err(written.error.message);
}

/** Until the lease is over, or the server ends. */
async function renew({ store, clock, signal }: PresenceOptions, lease: LeaseId): Promise<void> {
  let waitMs = renewEveryMs;
  while (!signal.aborted) {
    await pause(clock, waitMs, signal);
    if (signal.aborted) break;
    const renewed = await store.keepLeaseAlive(lease);
    if (!renewed.ok && renewed.error.kind === "lease-not-found") return;
    if (!renewed.ok && renewed.error.kind === "closed") return;
    waitMs = renewed.ok ? renewEveryMs : againMs;
  }
  await store.revokeLease(lease); // one that ends in order is missed at once
}
