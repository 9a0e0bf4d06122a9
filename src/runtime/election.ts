/**
 * Who is manager: whoever's transaction made the key `manager`, for as long as that key is there (S5). The key
 * hangs on a store lease, so the loss of a server costs one time to live and no decision of anybody.
 */
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { LeaseId, Store, StoreError, StoreRevision } from "../ports/store.ts";
import { keys, managerRecordSchema } from "../wire/records.ts";
import { pause } from "./manager-pulse.ts";
import { readRecord } from "./manager-records.ts";

/** Life of the election's lease without a renewal. */
export const electionTtlMs = 5_000;
/** Three renewals fit into the time to live. */
export const electionRenewEveryMs = 1_500;
const retryDelayMs = 500;

/** One time of office. */
export interface Term {
  /** Revision that made the key `manager`; every write of this manager compares it. */
  readonly createRevision: StoreRevision;
  /** Aborts at once when the election is lost, or the server goes. */
  readonly signal: AbortSignal;
}

export interface ElectionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverId: string;
  /** Is manager until `term.signal` aborts. Rejects only for a bug. */
  readonly lead: (term: Term) => Promise<void>;
  /** Ends the candidacy, and steps down first. */
  readonly signal: AbortSignal;
  /**
   * Resolves with true once that server is surely gone, with false when the signal aborts. A server that is gone is
   * deposed before its lease ends; if it was none of it, S5 holds all the same. Default: nobody is deposed.
   */
  readonly untilUnreachable?:
    | ((serverId: string, signal: AbortSignal) => Promise<boolean>)
    | undefined;
  /** How long the office must be vacant before this server stands for it; default: it stands at once. */
  readonly standBackMs?: (() => number) | undefined;
  /** Defaults: the constants above; tests make them shorter. */
  readonly ttlMs?: number | undefined;
  readonly renewEveryMs?: number | undefined;
}

/** Is a candidate, and manager when elected, until `signal` aborts or the store is closed. */
export async function runElection(options: ElectionOptions): Promise<void> {
  const { signal, clock, log } = options;
  let mayTakeOver = options.store.capabilities.exclusive;
  while (!signal.aborted) {
    const outcome = await candidate(options, mayTakeOver);
    if (outcome === "closed") return;
    if (outcome === "led") mayTakeOver = false;
    if (outcome === "failed") {
      log.write("debug", "the election failed, it is tried again");
      await pause(clock, retryDelayMs, signal);
    }
  }
}

type CandidateOutcome = "led" | "again" | "failed" | "closed";

async function candidate(
  options: ElectionOptions,
  mayTakeOver: boolean,
): Promise<CandidateOutcome> {
  const { store } = options;
  if (mayTakeOver) {
    const cleared = await store.txn({
      compare: [],
      then: [{ kind: "delete", key: keys.manager }],
    });
    if (!cleared.ok) return failed(cleared.error);
  }
  const read = await store.get(keys.manager);
  if (!read.ok) return failed(read.error);
  const { entry } = read.value;
  if (entry === undefined) {
    return (await othersGoFirst(options)) ? "again" : await stand(options);
  }
  const { serverId } = readRecord(managerRecordSchema, entry.key, entry.value);
  const { createRevision } = entry;
  // An earlier life of this server, whose place is taken: it cannot come back.
  if (serverId === options.serverId) return await depose(options, { serverId, createRevision });
  return await untilOver(options, { serverId, createRevision, revision: read.value.revision });
}

/** Leaves a vacant office to others for a while; whether one of them has taken it. */
async function othersGoFirst(options: ElectionOptions): Promise<boolean> {
  const waitMs = options.standBackMs?.() ?? 0;
  if (waitMs <= 0) return false;
  await pause(options.clock, waitMs, options.signal);
  const read = await options.store.get(keys.manager);
  return options.signal.aborted || !read.ok || read.value.entry !== undefined;
}

interface Incumbent {
  readonly serverId: string;
  readonly createRevision: StoreRevision;
}

/** Waits until somebody else's election is over, by itself or because that server is gone. */
async function untilOver(
  options: ElectionOptions,
  incumbent: Incumbent & { readonly revision: StoreRevision },
): Promise<CandidateOutcome> {
  const { store, log, untilUnreachable } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const gone = untilGone(store, incumbent.revision, signal);
  if (untilUnreachable === undefined) return await gone;
  const unreachable = untilUnreachable(incumbent.serverId, signal).then((isUnreachable) =>
    isUnreachable ? ("unreachable" as const) : gone,
  );
  const first = await Promise.race([gone, unreachable]);
  over.abort();
  await gone;
  if (first !== "unreachable") return first;
  log.write("warn", `nobody reaches server ${incumbent.serverId}: it is manager no longer`);
  return await depose(options, incumbent);
}

/** Ends that election and no other. */
async function depose(
  { store }: ElectionOptions,
  { createRevision }: Incumbent,
): Promise<CandidateOutcome> {
  const deposed = await store.txn({
    compare: [{ kind: "created-at", key: keys.manager, revision: createRevision }],
    then: [{ kind: "delete", key: keys.manager }],
  });
  return deposed.ok ? "again" : failed(deposed.error);
}

async function stand(options: ElectionOptions): Promise<CandidateOutcome> {
  const { store, clock, serverId } = options;
  const ttlMs = options.ttlMs ?? electionTtlMs;
  const sentAtMs = clock.monotonicMs();
  const lease = await store.grantLease(ttlMs);
  if (!lease.ok) return failed(lease.error);
  const won = await store.txn({
    compare: [{ kind: "absent", key: keys.manager }],
    then: [
      {
        kind: "put",
        key: keys.manager,
        value: { version: 1, serverId, electedAtMs: clock.wallMs() },
        leaseId: lease.value,
      },
    ],
  });
  try {
    if (!won.ok) return failed(won.error);
    if (!won.value.succeeded) return "again";
    await holdOffice(options, { lease: lease.value, createRevision: won.value.revision, sentAtMs });
    return "led";
  } finally {
    // Deletes the key too, so that the next manager need not wait. If it fails, the lease runs out.
    await store.revokeLease(lease.value);
  }
}

interface Office {
  readonly lease: LeaseId;
  readonly createRevision: StoreRevision;
  readonly sentAtMs: number;
}

async function holdOffice(options: ElectionOptions, office: Office): Promise<void> {
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const lose = (because: string) => {
    if (signal.aborted) return;
    options.log.write("warn", `no longer manager: ${because}`);
    lost.abort();
  };
  options.log.write("info", "elected as manager", { revision: office.createRevision });
  const guards = [
    renew(options, office, { signal, lose }),
    keyGone(options.store, office.createRevision, signal).then((because) => {
      if (because !== undefined) lose(because);
    }),
  ];
  try {
    await options.lead({ createRevision: office.createRevision, signal });
    if (!signal.aborted) lose("the manager ended");
  } finally {
    lost.abort();
    await Promise.all(guards);
  }
}

interface RenewalEnd {
  readonly signal: AbortSignal;
  readonly lose: (because: string) => void;
}

/** Renews until the office is lost; loses it when no renewal has succeeded within its time to live. */
async function renew(
  options: ElectionOptions,
  office: Office,
  { signal, lose }: RenewalEnd,
): Promise<void> {
  const { clock, store, ttlMs = electionTtlMs, renewEveryMs = electionRenewEveryMs } = options;
  let cancelExpiry = (): void => {};
  const expireAfter = (sentAtMs: number) => {
    cancelExpiry();
    const leftMs = Math.max(0, sentAtMs + ttlMs - clock.monotonicMs());
    cancelExpiry = clock.after(leftMs, () => {
      lose("no renewal succeeded in time");
    });
  };
  expireAfter(office.sentAtMs);
  try {
    while (!signal.aborted) {
      await pause(clock, renewEveryMs, signal);
      if (signal.aborted) return;
      const sentAtMs = clock.monotonicMs();
      const renewed = await store.keepLeaseAlive(office.lease);
      if (renewed.ok) expireAfter(sentAtMs);
      else if (renewed.error.kind === "lease-not-found" || renewed.error.kind === "closed") {
        lose(renewed.error.message);
      }
    }
  } finally {
    cancelExpiry();
  }
}

/** Why the key of this term is no longer there; undefined when `signal` ended the wait. */
async function keyGone(
  store: Store,
  createRevision: StoreRevision,
  signal: AbortSignal,
): Promise<string | undefined> {
  let fromRevision = createRevision + 1;
  while (!signal.aborted) {
    const end = await watchKey(store, fromRevision, signal);
    if (end === undefined) return undefined;
    if (end === "deleted") return deletedSentence;
    if (end.kind !== "compacted") return end.message;
    // Changes were missed, and one of them may have been a deletion: the key itself tells.
    const read = await store.get(keys.manager);
    if (!read.ok) return read.error.message;
    if (read.value.entry?.createRevision !== createRevision) return deletedSentence;
    fromRevision = read.value.revision + 1;
  }
  return undefined;
}

const deletedSentence = "its election was deleted";

/** How a watch of the key ended; undefined: by `signal`. */
async function watchKey(
  store: Store,
  fromRevision: StoreRevision,
  signal: AbortSignal,
): Promise<"deleted" | StoreError | undefined> {
  for await (const batch of store.watch(keys.manager, { fromRevision, signal })) {
    if (!batch.ok) return batch.error;
    if (batch.value.changes.some((change) => change.kind === "delete")) return "deleted";
  }
  return undefined;
}

/** Waits until somebody else's election is over. */
async function untilGone(
  store: Store,
  revision: StoreRevision,
  signal: AbortSignal,
): Promise<CandidateOutcome> {
  const end = await watchKey(store, revision + 1, signal);
  return end === undefined || end === "deleted" ? "again" : failed(end);
}

function failed(error: StoreError): CandidateOutcome {
  return error.kind === "closed" ? "closed" : "failed";
}
