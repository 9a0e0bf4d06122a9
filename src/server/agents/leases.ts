/** A node's lease: granting, renewing, releasing. Every answer rests on linearizable reads of the store (S2, S4). */
import { type Epoch, epochOf, type NodeId } from "../../core/ids.ts";
import { leaseChangeOf } from "../../core/model/lease-change.ts";
import { type LeaseTimes, withLife } from "../../core/model/times.ts";
import { ok, type Result } from "../../core/result.ts";
import { durationMs } from "../../core/time.ts";
import type { Compare, LeaseId, StoredEntry } from "../../ports/store.ts";
import { jsonOf, readRecord } from "../../runtime/manager-records.ts";
import type {
  LeaseAnswer,
  leaseRequestSchema,
  releaseRequestSchema,
} from "../../wire/agent-protocol.ts";
import type { Problem } from "../../wire/errors.ts";
import {
  epochRecordSchema,
  keys,
  type LeaseRecord,
  leaseRecordSchema,
  nodeRecordSchema,
} from "../../wire/records.ts";
import { timesOf } from "../../wire/settings.ts";
import type { ServerContext } from "../context.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { changeAttemptsMax } from "../limits.ts";
import { turnedAway } from "./removed-node.ts";

type LeaseRequest = ReturnType<typeof leaseRequestSchema.parse>;
type ReleaseRequest = ReturnType<typeof releaseRequestSchema.parse>;
interface RenewalRequest {
  readonly incarnation: string;
  readonly renew: Renewal;
}
type Renewal = NonNullable<LeaseRequest["renew"]>;

/** A node's live lease as the store has it. */
export interface StoredLease {
  readonly record: LeaseRecord;
  readonly entry: StoredEntry;
}

/** The node's live lease; undefined: it holds none. */
export async function readLease(
  context: Pick<ServerContext, "store">,
  node: NodeId,
): Promise<Result<StoredLease | undefined, Problem>> {
  const read = fromStore(await context.store.get(`${keys.leases}${node}`));
  if (!read.ok) return read;
  const { entry } = read.value;
  if (entry === undefined) return ok(undefined);
  return ok({ entry, record: readRecord(leaseRecordSchema, entry.key, entry.value) });
}

/** Grants a lease with a new epoch, while the node holds none. */
async function grantLease(
  context: ServerContext,
  node: NodeId,
  request: LeaseRequest,
): Promise<Result<LeaseAnswer, Problem>> {
  const held = await readLease(context, node);
  if (!held.ok) return held;
  if (held.value !== undefined) return stillHeld(node, held.value.record);
  const epochKey = `${keys.epochs}${node}`;
  const read = fromStore(await context.store.get(epochKey));
  if (!read.ok) return read;
  const { entry } = read.value;
  const last = entry === undefined ? 0 : readRecord(epochRecordSchema, epochKey, entry.value).epoch;
  const times = currentTimes(context);
  const lease = await newLease(context, times);
  if (!lease.ok) return lease;
  const { incarnation } = request;
  const record = { version: 1 as const, epoch: epochOf(last + 1), incarnation, ...lease.value };
  const unchanged: Compare =
    entry === undefined
      ? { kind: "absent", key: epochKey }
      : { kind: "modified-at", key: epochKey, revision: entry.modRevision };
  const granted = fromStore(
    await context.store.txn({
      compare: [
        { kind: "present", key: `${keys.nodes}${node}` },
        { kind: "absent", key: `${keys.leases}${node}` },
        unchanged,
      ],
      then: [
        {
          kind: "put",
          key: epochKey,
          value: { version: 1, epoch: record.epoch, incarnation: request.incarnation },
        },
        {
          kind: "put",
          key: `${keys.leases}${node}`,
          value: jsonOf(record),
          leaseId: record.leaseId,
        },
      ],
    }),
  );
  if (granted.ok && granted.value.succeeded) return ok(answerOf(context, record));
  await letGo(context, record.leaseId);
  if (!granted.ok) return granted;
  const { nodes, removedNodes } = context.view.tables;
  const removed = nodes.has(node) ? undefined : removedNodes.get(node)?.value;
  if (removed !== undefined) return refuse("not-allowed", turnedAway(removed));
  return refuse(
    "conflict",
    `node "${node}" has not joined, or its lease changed just now; try again`,
  );
}

/** What a new lease of the store adds to a record. The era is read first: the lease is of that one or of a later one. */
async function newLease(
  { store }: Pick<ServerContext, "store">,
  times: LeaseTimes,
): Promise<Result<Pick<LeaseRecord, "leaseId" | "times" | "era">, Problem>> {
  const era = store.leaseEra?.();
  const lease = fromStore(await store.grantLease(times.ttlMs));
  if (!lease.ok) return lease;
  return ok({ leaseId: lease.value, times, ...(era === undefined ? {} : { era }) });
}

/** What a lease request asks for: a new lease, or the life of the one that it names. */
export async function takeLease(
  context: ServerContext,
  node: NodeId,
  request: LeaseRequest,
): Promise<Result<LeaseAnswer, Problem>> {
  const { incarnation, renew } = request;
  return renew === undefined
    ? await grantLease(context, node, request)
    : await renewLease(context, node, { incarnation, renew });
}

/** Keeps the lease of this epoch and agent alive. Two servers may be asked for it at the same time. */
async function renewLease(
  context: ServerContext,
  node: NodeId,
  request: RenewalRequest,
): Promise<Result<LeaseAnswer, Problem>> {
  for (let attempt = 0; attempt < changeAttemptsMax; attempt += 1) {
    const renewed = await tryRenew(context, node, request);
    if (!renewed.ok) return renewed;
    if (renewed.value !== "changed") return ok(answerOf(context, renewed.value));
  }
  return refuse("unavailable", `the lease of epoch ${request.renew.epoch} changes all the time`);
}

/** `changed`: another server has just replaced the lease. */
async function tryRenew(
  context: ServerContext,
  node: NodeId,
  request: RenewalRequest,
): Promise<Result<LeaseRecord | "changed", Problem>> {
  const held = await readLease(context, node);
  if (!held.ok) return held;
  const lease = held.value;
  const { epoch } = request.renew;
  if (lease === undefined) return await restoreLease(context, node, request);
  // The epoch and the agent's own id say whose it is; the store's lease may have been replaced (see below).
  if (lease.record.epoch !== epoch || lease.record.incarnation !== request.incarnation) {
    return noLonger(node, epoch);
  }
  const { record } = lease;
  const times = currentTimes(context);
  const { leaseId, countsOnMs } = request.renew;
  const said = leaseId === record.leaseId ? countsOnMs : undefined;
  const change = leaseChangeOf(record.times && leaseTimesOf(record.times), times, said);
  if (change === "wanted") return await replaceLease(context, lease, times);
  if (change === "anew") return await replaceLease(context, lease, record.times);
  if (isOfAnotherEra(context, record)) return await replaceLease(context, lease, record.times);
  const kept = await context.store.keepLeaseAlive(record.leaseId);
  if (!kept.ok && kept.error.kind !== "lease-not-found") return fromStore(kept);
  if (!kept.ok) return await restoreLease(context, node, request);
  // It may have been renewed by a leader of the store that was elected only now.
  if (isOfAnotherEra(context, record)) return await replaceLease(context, lease, record.times);
  return ok(record);
}

/** An end of it could come too early (see the store's `leaseEra`): it is replaced rather than renewed. */
function isOfAnotherEra({ store }: Pick<ServerContext, "store">, { era }: LeaseRecord): boolean {
  return store.leaseEra !== undefined && store.leaseEra() !== era;
}

/** Moves the node's key, with its epoch, to a new lease of the store with these times. */
async function replaceLease(
  context: ServerContext,
  held: StoredLease,
  times: LeaseRecord["times"],
): Promise<Result<LeaseRecord | "changed", Problem>> {
  const lease = await newLease(context, leaseTimesOf(times));
  if (!lease.ok) return lease;
  const { key, modRevision } = held.entry;
  const record: LeaseRecord = { ...held.record, ...lease.value };
  const { leaseId } = record;
  const moved = fromStore(
    await context.store.txn({
      compare: [{ kind: "modified-at", key, revision: modRevision }],
      then: [{ kind: "put", key, value: jsonOf(record), leaseId }],
    }),
  );
  // Nobody holds the new lease, or it is not known: its end must not take the node's key with it.
  if (!moved.ok) return moved;
  await letGo(context, moved.value.succeeded ? held.record.leaseId : leaseId);
  return ok(moved.value.succeeded ? record : "changed");
}

/** Ends the lease of this epoch and of no other; what is over already is a success. */
export async function releaseLease(
  context: ServerContext,
  node: NodeId,
  request: ReleaseRequest,
): Promise<Result<void, Problem>> {
  const held = await readLease(context, node);
  if (!held.ok) return held;
  if (held.value?.record.epoch !== request.epoch) return ok(undefined);
  if (request.nothingRuns) await noteNothingRuns(context, node, held.value);
  return await revokeUntilGone(context, node, held.value.record);
}

/** A renewal may move the key to a longer lease of the store meanwhile: done is what the store has no key of. */
async function revokeUntilGone(
  context: ServerContext,
  node: NodeId,
  first: LeaseRecord,
): Promise<Result<void, Problem>> {
  let { leaseId } = first;
  for (let attempt = 0; attempt < changeAttemptsMax; attempt += 1) {
    const revoked = fromStore(await context.store.revokeLease(leaseId));
    if (!revoked.ok) return revoked;
    const held = await readLease(context, node);
    if (!held.ok) return held;
    if (held.value?.record.epoch !== first.epoch) return ok(undefined);
    leaseId = held.value.record.leaseId;
  }
  return refuse("unavailable", `the lease of epoch ${first.epoch} is being renewed all the time`);
}

/**
 * An agent that has stopped everything confirms its node off as a person would. If that cannot be written, what may
 * outlive the lease waits for a confirmation, as without this word.
 */
async function noteNothingRuns(
  context: ServerContext,
  node: NodeId,
  lease: StoredLease,
): Promise<void> {
  const key = `${keys.nodes}${node}`;
  const read = await context.store.get(key);
  if (!read.ok || read.value.entry === undefined) return;
  const { entry } = read.value;
  const record = readRecord(nodeRecordSchema, key, entry.value);
  const { epoch } = lease.record;
  const confirmed = { ...record, confirmedOffEpoch: epoch };
  const written = await context.store.txn({
    compare: [
      { kind: "created-at", key: lease.entry.key, revision: lease.entry.createRevision },
      { kind: "modified-at", key, revision: entry.modRevision },
    ],
    then: [{ kind: "put", key, value: jsonOf(confirmed) }],
  });
  if (written.ok && written.value.succeeded) return;
  context.log.write(
    "info",
    `it is not noted that nothing of epoch ${epoch} runs on node "${node}"`,
  );
}

/** Whether the node's lease of this epoch is alive; with the revision to compare, where one is written. */
export async function liveLease(
  context: ServerContext,
  node: NodeId,
  epoch: Epoch,
): Promise<Result<StoredLease, Problem>> {
  const held = await readLease(context, node);
  if (!held.ok) return held;
  if (held.value?.record.epoch === epoch) return ok(held.value);
  return refuse("stale-epoch", `node "${node}" does not hold a live lease of epoch ${epoch}`);
}

/**
 * A lease whose end proves nothing (see the store's `leaseEndIsProofAtMs`) is given back to the agent that had it, as
 * long as nobody has acted upon its end: its epoch is still the node's, and the node was not fenced.
 */
async function restoreLease(
  context: ServerContext,
  node: NodeId,
  { incarnation, renew }: RenewalRequest,
): Promise<Result<LeaseRecord | "changed", Problem>> {
  const { epoch } = renew;
  const { store, clock } = context;
  const times = currentTimes(context);
  const proofAtMs = store.leaseEndIsProofAtMs?.(undefined, times.ttlMs) ?? 0;
  if (proofAtMs <= clock.monotonicMs()) return noLonger(node, epoch);
  const key = `${keys.epochs}${node}`;
  const read = fromStore(await store.get(key));
  if (!read.ok) return read;
  const { entry } = read.value;
  const last = entry === undefined ? undefined : readRecord(epochRecordSchema, key, entry.value);
  if (entry === undefined || last?.epoch !== epoch || last.incarnation !== incarnation) {
    return noLonger(node, epoch);
  }
  const lease = await newLease(context, times);
  if (!lease.ok) return lease;
  const record: LeaseRecord = { version: 1, epoch, incarnation, ...lease.value };
  const { leaseId } = record;
  const leaseKey = `${keys.leases}${node}`;
  const restored = fromStore(
    await store.txn({
      compare: [
        { kind: "present", key: `${keys.nodes}${node}` },
        { kind: "absent", key: leaseKey },
        { kind: "modified-at", key, revision: entry.modRevision },
      ],
      then: [{ kind: "put", key: leaseKey, value: jsonOf(record), leaseId }],
    }),
  );
  if (!restored.ok) return restored;
  if (restored.value.succeeded) {
    context.log.write("info", `node "${node}" has its lease of epoch ${epoch} back`);
    return ok(record);
  }
  await letGo(context, leaseId);
  return ok("changed");
}

function noLonger(node: NodeId, epoch: Epoch): ReturnType<typeof refuse> {
  return refuse("stale-epoch", `node "${node}" no longer holds the lease of epoch ${epoch}`);
}

function stillHeld(node: NodeId, record: LeaseRecord): Result<never, Problem> {
  return refuse(
    "conflict",
    `the lease of epoch ${record.epoch} of node "${node}" is still alive; wait until it has ended`,
  );
}

/** While agents are to expect that nobody answers, leases are so long that none is missed. */
function currentTimes({ view }: ServerContext): LeaseTimes {
  const times = timesOf(view.tables.settings.value);
  const { silence } = view.tables;
  return silence === undefined ? times : withLife(times, durationMs(silence.value.ttlMs));
}

/** Of a record of before there were times in it: the default ones. */
function leaseTimesOf(times: LeaseRecord["times"]): LeaseTimes {
  const { ttlMs, watchdogMs, renewEveryMs } = times ?? timesOf({ profile: "balanced" });
  return {
    ttlMs: durationMs(ttlMs),
    watchdogMs: durationMs(watchdogMs),
    renewEveryMs: durationMs(renewEveryMs),
  };
}

function answerOf(context: ServerContext, record: LeaseRecord): LeaseAnswer {
  const { leaseId, epoch } = record;
  const times = leaseTimesOf(record.times);
  const wanted = currentTimes(context);
  return {
    leaseId,
    epoch,
    ...times,
    ...(wanted.ttlMs < times.ttlMs ? { shorter: wanted } : {}),
    operationsPerNode: context.view.tables.settings.value.operationsPerNode,
  };
}

async function letGo(context: ServerContext, lease: LeaseId): Promise<void> {
  const revoked = await context.store.revokeLease(lease);
  if (revoked.ok) return;
  context.log.write(
    "debug",
    `a lease that nobody needs runs out by itself: ${revoked.error.message}`,
  );
}
