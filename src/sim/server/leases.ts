/** A node's lease as servers grant, renew and release it: what `src/server/agents/leases.ts` does, over callbacks. */
import { epochOf, type NodeId } from "../../core/ids.ts";
import { leaseChangeOf } from "../../core/model/lease-change.ts";
import type { LeaseTimes } from "../../core/model/times.ts";
import type { Result } from "../../core/result.ts";
import type { Compare, LeaseId, StoredEntry, StoreError } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { keys, type LeaseRecord } from "../../wire/records.ts";
import { type Settings, timesOf } from "../../wire/settings.ts";
import { readEpoch, readLease, readNode, readRemovedNode } from "../store/records.ts";
import type { StoreLink } from "../store/store-link.ts";
import type { AgentAnswer, Reply, RequestOf } from "./agent-protocol.ts";

export interface LeaseContext {
  readonly link: StoreLink;
  readonly settings: Settings;
}

interface StoredLease {
  readonly record: LeaseRecord;
  readonly entry: StoredEntry;
}

/** Grants a lease with a new epoch, while the node holds none. */
export function grantLease(context: LeaseContext, request: RequestOf<"grant">, reply: Reply): void {
  const { link } = context;
  const { node } = request;
  readHeld(context, node, reply, (held) => {
    if (held !== undefined) {
      const { epoch } = held.record;
      const detail = `the lease of epoch ${epoch} of node "${node}" is still alive`;
      reply({ kind: "refused", code: "conflict", detail });
      return;
    }
    link.get(`${keys.epochs}${node}`, (read) => {
      if (!read.ok) reply(unavailable(read.error));
      else makeLease(context, { request, epochEntry: read.value }, reply);
    });
  });
}

function makeLease(
  context: LeaseContext,
  wish: {
    readonly request: RequestOf<"grant">;
    readonly epochEntry: StoredEntry | undefined;
  },
  reply: Reply,
): void {
  const { link, settings } = context;
  const { request, epochEntry } = wish;
  const { node, incarnation, resetsOnLoss } = request;
  const times = timesOf(settings);
  link.grantLease(times.ttlMs, (granted) => {
    if (!granted.ok) {
      reply(unavailable(granted.error));
      return;
    }
    const leaseId = granted.value;
    const last = epochEntry === undefined ? 0 : readEpoch(epochEntry).epoch;
    const epoch = epochOf(last + 1);
    const record: LeaseRecord = {
      version: 1,
      epoch,
      leaseId,
      incarnation,
      times,
      ...(resetsOnLoss ? { resetsOnLoss } : {}),
    };
    const epochKey = `${keys.epochs}${node}`;
    const unchanged: Compare =
      epochEntry === undefined
        ? { kind: "absent", key: epochKey }
        : { kind: "modified-at", key: epochKey, revision: epochEntry.modRevision };
    const compare: Compare[] = [
      { kind: "present", key: `${keys.nodes}${node}` },
      { kind: "absent", key: `${keys.leases}${node}` },
      unchanged,
    ];
    const value = jsonOf(record);
    const then = [
      { kind: "put", key: epochKey, value: { version: 1, epoch, incarnation } },
      { kind: "put", key: `${keys.leases}${node}`, value, leaseId },
    ] as const;
    link.txn({ compare, then }, (written) => {
      if (written.ok && written.value.succeeded) {
        reply(answerOf(context, record));
        return;
      }
      letGo(context, leaseId);
      if (written.ok) refuseGrant(context, node, reply);
      else reply(unavailable(written.error));
    });
  });
}

function refuseGrant(context: LeaseContext, node: NodeId, reply: Reply): void {
  context.link.get(`${keys.removedNodes}${node}`, (read) => {
    if (read.ok && read.value !== undefined) {
      const { because } = readRemovedNode(read.value);
      const detail = `node "${node}" is turned away: it was taken out of the cluster (${because})`;
      reply({ kind: "refused", code: "not-allowed", detail });
      return;
    }
    const detail = `node "${node}" has not joined, or its lease changed just now`;
    reply({ kind: "refused", code: "conflict", detail });
  });
}

/** Keeps the lease of this epoch and agent alive. */
export function renewLease(context: LeaseContext, request: RequestOf<"renew">, reply: Reply): void {
  const { node, epoch } = request;
  readHeld(context, node, reply, (held) => {
    if (held?.record.epoch !== epoch || held.record.incarnation !== request.incarnation) {
      const detail = `node "${node}" no longer holds the lease of epoch ${epoch}`;
      reply({ kind: "refused", code: "stale-epoch", detail });
      return;
    }
    const wanted = timesOf(context.settings);
    const { promise } = request;
    const said = promise?.leaseId === held.record.leaseId ? promise.countsOnMs : undefined;
    const granted = timesIn(held.record);
    const change = leaseChangeOf(granted, wanted, said);
    if (change !== "keep") {
      const times = change === "anew" && granted !== undefined ? granted : wanted;
      replace(context, { held, request, times }, reply);
    } else if (
      request.isLast === true ||
      (held.record.resetsOnLoss ?? false) !== request.resetsOnLoss
    ) {
      noteResets(context, { held, request }, reply);
    } else {
      keepAlive(context, held.record, reply);
    }
  });
}

function keepAlive(context: LeaseContext, record: LeaseRecord, reply: Reply): void {
  context.link.keepLeaseAlive(record.leaseId, (kept) => {
    reply(kept.ok ? answerOf(context, record) : unavailable(kept.error));
  });
}

/** The node's kernel watchdog was armed or disarmed: its lease says so. */
function noteResets(
  context: LeaseContext,
  wish: { readonly held: StoredLease; readonly request: RequestOf<"renew"> },
  reply: Reply,
): void {
  const { held, request } = wish;
  const { key, modRevision } = held.entry;
  const { resetsOnLoss } = request;
  const record: LeaseRecord = { ...held.record, resetsOnLoss };
  const put = { kind: "put", key, value: jsonOf(record), leaseId: record.leaseId } as const;
  const compare: Compare[] = [{ kind: "modified-at", key, revision: modRevision }];
  context.link.txn({ compare, then: [put] }, (written) => {
    if (!written.ok) reply(unavailable(written.error));
    else if (written.value.succeeded) keepAlive(context, record, reply);
    else if (request.isLast === true) renewLease(context, request, reply);
    else reply(endedJustNow(record));
  });
}

/** Moves the node's key, with its epoch, to a new lease of the store with these times. */
function replace(
  context: LeaseContext,
  wish: {
    readonly held: StoredLease;
    readonly request: RequestOf<"renew">;
    readonly times: LeaseTimes;
  },
  reply: Reply,
): void {
  const { link } = context;
  const { held, request, times } = wish;
  link.grantLease(times.ttlMs, (granted) => {
    if (!granted.ok) {
      reply(unavailable(granted.error));
      return;
    }
    const leaseId = granted.value;
    const { key, modRevision } = held.entry;
    const { resetsOnLoss } = request;
    const record: LeaseRecord = { ...held.record, leaseId, times, resetsOnLoss };
    const put = { kind: "put", key, value: jsonOf(record), leaseId } as const;
    const compare: Compare[] = [{ kind: "modified-at", key, revision: modRevision }];
    link.txn({ compare, then: [put] }, (written) => {
      if (!written.ok) {
        reply(unavailable(written.error));
      } else if (written.value.succeeded) {
        letGo(context, held.record.leaseId);
        reply(answerOf(context, record));
      } else {
        letGo(context, leaseId);
        reply(endedJustNow(record));
      }
    });
  });
}

/** Ends the lease of this epoch and of no other; what is over already is a success. */
export function releaseLease(
  context: LeaseContext,
  request: RequestOf<"release">,
  reply: Reply,
): void {
  readHeld(context, request.node, reply, (held) => {
    if (held?.record.epoch !== request.epoch) {
      reply({ kind: "done" });
      return;
    }
    const revoke = (): void => {
      context.link.revokeLease(held.record.leaseId, (revoked) => {
        if (!revoked.ok) reply(unavailable(revoked.error));
        // A renewal may have moved the key to a longer lease meanwhile: done is what the store has no key of.
        else releaseLease(context, { ...request, nothingRuns: false }, reply);
      });
    };
    if (request.nothingRuns) noteNothingRuns(context, request.node, { lease: held, then: revoke });
    else revoke();
  });
}

/** An agent that has stopped everything confirms its node off; `then` is called whether that is written or not. */
function noteNothingRuns(
  context: LeaseContext,
  node: NodeId,
  word: { readonly lease: StoredLease; readonly then: () => void },
): void {
  const key = `${keys.nodes}${node}`;
  context.link.get(key, (read) => {
    if (!read.ok || read.value === undefined) {
      word.then();
      return;
    }
    const entry = read.value;
    const { lease } = word;
    const confirmed = { ...readNode(entry), confirmedOffEpoch: lease.record.epoch };
    const { createRevision } = lease.entry;
    const compare: Compare[] = [
      { kind: "created-at", key: lease.entry.key, revision: createRevision },
      { kind: "modified-at", key, revision: entry.modRevision },
    ];
    const then = [{ kind: "put", key, value: jsonOf(confirmed) } as const];
    context.link.txn({ compare, then }, () => word.then());
  });
}

/** Reads the node's live lease; where that fails the answer is given here. */
export function readHeld(
  context: LeaseContext,
  node: NodeId,
  reply: Reply,
  then: (held: StoredLease | undefined) => void,
): void {
  context.link.get(`${keys.leases}${node}`, (read: Result<StoredEntry | undefined, StoreError>) => {
    if (!read.ok) reply(unavailable(read.error));
    else if (read.value === undefined) then(undefined);
    else then({ entry: read.value, record: readLease(read.value) });
  });
}

/** What a server says that could not do what was asked. */
export function unavailable(error: StoreError): AgentAnswer {
  return { kind: "unavailable", detail: error.message };
}

function endedJustNow(record: LeaseRecord): AgentAnswer {
  const detail = `the lease of epoch ${record.epoch} ended just now`;
  return { kind: "refused", code: "stale-epoch", detail };
}

function answerOf(context: LeaseContext, record: LeaseRecord): AgentAnswer {
  const { epoch, leaseId, resetsOnLoss = false } = record;
  const { settings } = context;
  const wanted = timesOf(settings);
  const times = timesIn(record) ?? wanted;
  return {
    kind: "lease",
    epoch,
    leaseId,
    times,
    shorter: wanted.ttlMs < times.ttlMs ? wanted : undefined,
    resetsOnLoss,
    operationsPerNode: settings.operationsPerNode,
  };
}

/** The times that a lease was granted with. */
function timesIn({ times }: LeaseRecord): LeaseTimes | undefined {
  return times === undefined ? undefined : (times as LeaseTimes); // written from LeaseTimes by `makeLease`
}

function letGo(context: LeaseContext, leaseId: LeaseId): void {
  // A lease that nobody needs runs out by itself if this fails.
  context.link.revokeLease(leaseId, () => {});
}
