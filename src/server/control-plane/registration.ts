/** A server's own record, which it writes at each start; one that was removed is turned away. */
import { err, ok, type Result } from "../../core/result.ts";
import { type SkewVerdict, skewVerdict, type Versioned } from "../../core/upgrade/skew.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Compare, LeaseId, Store, StoredEntry, StoreError } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { jsonOf, readRecord } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";
import {
  removedServerRecordSchema,
  type ServerRecord,
  serverCounterRecordSchema,
  serverRecordSchema,
} from "../../wire/servers.ts";
import type { CertificateSerials, ControlPlane, ServerSelf } from "./control-plane.ts";
import { askLiving, type Living, type Presence, signMsMax } from "./presence.ts";
import { removedWords } from "./removed-server.ts";

/** Rounds in which others may write the same record first. */
const attemptsMax = 10;
/** Certificates live a year and are issued anew after eight months, or when the load balancer's address changes. */
const serialsMax = 32;
const lookEveryMs = 500;
const toldToEnd = "it was told to end";

export interface RegistrationOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: ServerSelf;
  /** The store's own id of this server's member, where it has one and it is known. */
  readonly memberId: string | undefined;
  readonly version: string;
  /** Of the certificates that it shows now. */
  readonly serials: CertificateSerials;
  /** Begins its sign of life, where others look whether it lives: only when nothing is in its way any more. */
  readonly openPresence: (() => Promise<Result<Presence, StoreError>>) | undefined;
  /** Tells servers that live from those that only have left a sign of life. */
  readonly askPeer: ControlPlane["askPeer"];
  /** Tells the server to end; default: nothing does. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes what this server is now; the answer is the lease of its sign of life. The error is for the operator: it was
 * removed, its name is taken, or its version does not fit to that of servers that live.
 */
export async function registerServer(
  options: RegistrationOptions,
): Promise<Result<LeaseId | undefined, string>> {
  const patience = new Patience(options);
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const free = await untilFree(options, patience);
    if (!free.ok) return free;
    const written = await write(options, free.value);
    if (!written.ok) return written;
    if (written.value !== "again") return ok(written.value.lease);
  }
  return err("other servers change the list of servers all the time; start it again");
}

/** What has to be so still when this server is written. */
interface Free {
  readonly kind: "free";
  readonly compare: readonly Compare[];
  readonly kept: ServerRecord | undefined;
  readonly lastId: number;
}

/** What is in the way of this server. `unfit`: it may go, with the others' signs of life. */
type Looked =
  | Free
  | { readonly kind: "turned-away"; readonly because: string }
  | { readonly kind: "unfit"; readonly because: string; readonly alive: readonly Living[] };

/** Waits while only signs of life are in the way. To end now would stop this server's member, and they would stay. */
async function untilFree(
  options: RegistrationOptions,
  patience: Patience,
): Promise<Result<Free, string>> {
  const { clock, signal = new AbortController().signal } = options;
  while (!signal.aborted) {
    const looked = await look(options);
    if (!looked.ok) {
      // A store between two leaders is no reason to give up the wait.
      if (looked.error.kind === "closed" || !patience.isWaiting) return err(looked.error.message);
    } else if (looked.value.kind === "free") {
      return ok(looked.value);
    } else if (looked.value.kind === "turned-away") {
      return err(looked.value.because);
    } else {
      const because = await patience.refusal(looked.value);
      if (because !== undefined) return err(because);
    }
    await pause(clock, lookEveryMs, signal);
  }
  return err(toldToEnd);
}

/** How long signs of life are believed that nobody answers for. */
class Patience {
  readonly #options: RegistrationOptions;
  #untilMs: number | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  get isWaiting(): boolean {
    return this.#untilMs !== undefined && this.#options.clock.monotonicMs() < this.#untilMs;
  }

  /** Why this server may not start; undefined: that is to be seen yet. */
  async refusal({
    because,
    alive,
  }: Extract<Looked, { kind: "unfit" }>): Promise<string | undefined> {
    const answers = await Promise.all(alive.map((one) => askLiving(one, this.#options)));
    const verdict = verdictOn(this.#options, answers.flat());
    if (verdict.kind === "refused") return refusedWords(verdict.sentence);
    if (this.#untilMs === undefined) this.#begin(alive);
    return this.isWaiting ? undefined : because;
  }

  #begin(alive: readonly Living[]): void {
    const { clock, log } = this.#options;
    this.#untilMs = clock.monotonicMs() + signMsMax;
    const unfit = alive.filter((one) => verdictOn(this.#options, [one]).kind === "refused");
    const names = (unfit.length === 0 ? alive : unfit).map(
      ({ name, version }) => `server "${name}" of version ${version}`,
    );
    log.write(
      "info",
      `waits for at most ${signMsMax / 1_000} s until the sign of life is gone of ${names.join(", ")}: it does not answer, and this server's version ${this.#options.version} does not fit to it`,
    );
  }
}

async function look(options: RegistrationOptions): Promise<Result<Looked, StoreError>> {
  const { store, self } = options;
  const removedKey = `${keys.removedServers}${self.id}`;
  const removed = await store.get(removedKey);
  if (!removed.ok) return removed;
  if (removed.value.entry !== undefined) {
    const { because } = readRecord(
      removedServerRecordSchema,
      removedKey,
      removed.value.entry.value,
    );
    return ok({ kind: "turned-away", because: removedWords({ id: self.id, because }) });
  }
  const servers = await store.range(keys.servers);
  if (!servers.ok) return servers;
  const { entries } = servers.value;
  const records = entries.map((entry) => readRecord(serverRecordSchema, entry.key, entry.value));
  const namesake = records.find(({ id, name }) => id !== self.id && name === self.name);
  if (namesake !== undefined) {
    const because = `server ${namesake.id} is named "${self.name}" already; give this one another name`;
    return ok({ kind: "turned-away", because });
  }
  const skew = await skewWithOthers(options, entries);
  if (!skew.ok) return skew;
  if (skew.value.kind === "unfit") return ok(skew.value);
  const counted = await store.get(keys.serverCounter);
  if (!counted.ok) return counted;
  const counter = counted.value.entry;
  const lastId =
    counter === undefined
      ? 0
      : readRecord(serverCounterRecordSchema, keys.serverCounter, counter.value).lastId;
  const key = `${keys.servers}${self.id}`;
  const compare = [
    asFound(
      key,
      entries.find((entry) => entry.key === key),
    ),
    asFound(keys.serverCounter, counter),
    { kind: "absent" as const, key: removedKey },
    ...skew.value.compare,
  ];
  return ok({ kind: "free", compare, kept: records.find(({ id }) => id === self.id), lastId });
}

function asFound(key: string, entry: StoredEntry | undefined): Compare {
  return entry === undefined
    ? { kind: "absent", key }
    : { kind: "modified-at", key, revision: entry.modRevision };
}

async function write(
  options: RegistrationOptions,
  { compare, kept, lastId }: Free,
): Promise<Result<"again" | { readonly lease: LeaseId | undefined }, string>> {
  const { store, self } = options;
  const presence = await options.openPresence?.();
  if (presence?.ok === false) return err(presence.error.message);
  const lease = presence?.value.lease;
  const outcome = await store.txn({
    compare,
    then: [
      { kind: "put", key: `${keys.servers}${self.id}`, value: jsonOf(recordOf(options, kept)) },
      ...(presence === undefined ? [] : [presence.value.operation]),
      ...(lastId >= Number(self.id)
        ? []
        : [
            {
              kind: "put" as const,
              key: keys.serverCounter,
              value: jsonOf({ version: 1, lastId: Number(self.id) }),
            },
          ]),
    ],
  });
  if (outcome.ok && outcome.value.succeeded) return ok({ lease });
  // If this fails, the lease runs out by itself.
  if (lease !== undefined) await store.revokeLease(lease);
  return outcome.ok ? ok("again") : err(outcome.error.message);
}

/**
 * Refuses a version that does not work together with those of the servers that live. The answer is what has to be so
 * still when this server is written: of two that start at once, the second one sees the first.
 */
async function skewWithOthers(
  options: RegistrationOptions,
  entries: readonly StoredEntry[],
): Promise<
  Result<Extract<Looked, { kind: "unfit" }> | Pick<Free, "kind" | "compare">, StoreError>
> {
  const { store, self, log } = options;
  const living = await store.range(keys.serverLeases);
  if (!living.ok) return living;
  const signs = new Set(living.value.entries.map(({ key }) => key));
  const others = entries
    .map((entry) => ({ entry, ...readRecord(serverRecordSchema, entry.key, entry.value) }))
    .filter(({ id }) => id !== self.id)
    .map((other) => ({ ...other, leaseKey: `${keys.serverLeases}${other.id}` }));
  const alive = others
    .filter(({ leaseKey }) => signs.has(leaseKey))
    .map(({ id, name, url, serverVersion }) => ({ id, name, url, version: serverVersion }));
  const verdict = verdictOn(options, alive);
  if (verdict.kind === "refused") {
    return ok({ kind: "unfit", because: refusedWords(verdict.sentence), alive });
  }
  if (verdict.kind === "unknown") log.write("warn", verdict.sentence);
  const compare = others.flatMap(({ entry: { key, modRevision }, leaseKey }): Compare[] => [
    { kind: "modified-at", key, revision: modRevision },
    ...(signs.has(leaseKey) ? [] : [{ kind: "absent" as const, key: leaseKey }]),
  ]);
  return ok({ kind: "free", compare });
}

function verdictOn(
  { self, version }: RegistrationOptions,
  servers: readonly Versioned[],
): SkewVerdict {
  return skewVerdict({ role: "server", name: self.name, version }, servers);
}

function refusedWords(sentence: string): string {
  return `${sentence}, or stop the servers that do not fit first`;
}

function recordOf(options: RegistrationOptions, kept: ServerRecord | undefined): ServerRecord {
  const { self, version, clock, serials } = options;
  return {
    version: 1,
    id: self.id,
    name: self.name,
    url: self.url,
    ...memberOf(options, kept),
    serverVersion: version,
    ...(kept?.node === undefined ? {} : { node: kept.node }),
    serials: withSerial(kept?.serials ?? [], serials.certificate),
    etcdSerials: withSerial(kept?.etcdSerials ?? [], serials.etcdCertificate),
    registeredAtMs: kept?.registeredAtMs ?? clock.wallMs(),
  };
}

/** Of a member that does not say who it is at this moment, what is known of it still holds. */
function memberOf(
  { self, memberId }: RegistrationOptions,
  kept: ServerRecord | undefined,
): Pick<ServerRecord, "member"> {
  const id = memberId ?? kept?.member?.id;
  return self.member === undefined || id === undefined ? {} : { member: { id, ...self.member } };
}

export interface OwnMemberOptions extends Pick<RegistrationOptions, "store" | "clock" | "log"> {
  readonly controlPlane: Pick<ControlPlane, "self" | "memberStatus">;
  /** Tells the server to end; default: nothing does. */
  readonly signal?: AbortSignal | undefined;
  /** Resolves when the store cannot go on, with the reason; default: nobody says so. */
  readonly storeEnded?: Promise<string | undefined> | undefined;
}

/** After so long, what is known of the member counts: others keep the store going meanwhile. */
const keptAfterMs = 2_000;
/** A member that reads a large log or copies all data says nothing; to end it then would have it begin anew. */
const memberMsMax = 3_600_000;
const memberAgainMs = 100;
/** How often a person is told that it still waits. */
const wordEveryMs = 30_000;

/**
 * The store's own id of this server's member. Undefined: there is no member, or it does not say and the server's record
 * has it. Without either nobody could tell whose member it is, so that the member is waited for.
 */
export async function ownMemberId(
  options: OwnMemberOptions,
): Promise<Result<string | undefined, string>> {
  const { clock, log, signal } = options;
  const { self, memberStatus } = options.controlPlane;
  if (self.member === undefined) return ok(undefined);
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  let ended: string | undefined;
  void options.storeEnded?.then((why) => {
    ended = why ?? "the store was closed";
    stop.abort();
  });
  const begunAtMs = clock.monotonicMs();
  let wordAtMs = begunAtMs + keptAfterMs;
  while (!either.aborted) {
    const { memberId, because = "no reason given" } = await memberStatus();
    if (memberId !== undefined) return ok(memberId);
    const nowMs = clock.monotonicMs();
    if (nowMs >= begunAtMs + keptAfterMs && (await isMemberKept(options))) {
      log.write("warn", `its own member of the store does not answer yet: ${because}`);
      return ok(undefined);
    }
    if (nowMs >= begunAtMs + memberMsMax) {
      return err(`its own member of the store does not answer: ${because}`);
    }
    if (nowMs >= wordAtMs) {
      log.write("info", `waits for its own member of the store: ${because}`);
      wordAtMs = nowMs + wordEveryMs;
    }
    await pause(clock, memberAgainMs, either);
  }
  return err(ended ?? toldToEnd);
}

/** Whether an earlier start has noted whose member it is. A store that does not answer now is asked again. */
async function isMemberKept({ store, controlPlane }: OwnMemberOptions): Promise<boolean> {
  const key = `${keys.servers}${controlPlane.self.id}`;
  const read = await store.get(key);
  const entry = read.ok ? read.value.entry : undefined;
  if (entry === undefined) return false;
  return readRecord(serverRecordSchema, key, entry.value).member !== undefined;
}

function withSerial(serials: readonly string[], serial: string): string[] {
  return [...serials.filter((other) => other !== serial), serial].slice(-serialsMax);
}

/** Notes the serials of certificates that a running server has got, so that they can be revoked with it. */
export async function noteSerials(
  store: Store,
  serverId: string,
  { certificate, etcdCertificate }: CertificateSerials,
): Promise<Result<void, string>> {
  const key = `${keys.servers}${serverId}`;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const read = await store.get(key);
    if (!read.ok) return err(read.error.message);
    const { entry } = read.value;
    if (entry === undefined) return err(`server ${serverId} is not registered`);
    const record = readRecord(serverRecordSchema, key, entry.value);
    const { serials, etcdSerials } = record;
    if (serials.at(-1) === certificate && etcdSerials.at(-1) === etcdCertificate) {
      return ok(undefined);
    }
    const value = jsonOf({
      ...record,
      serials: withSerial(serials, certificate),
      etcdSerials: withSerial(etcdSerials, etcdCertificate),
    });
    const written = await store.txn({
      compare: [{ kind: "modified-at", key, revision: entry.modRevision }],
      then: [{ kind: "put", key, value }],
    });
    if (!written.ok) return err(written.error.message);
    if (written.value.succeeded) return ok(undefined);
  }
  return err("others change the server's record all the time");
}
