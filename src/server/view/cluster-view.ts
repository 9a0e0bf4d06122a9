/**
 * This server's memory of the cluster: all records but the audit's, kept up to date by one watch of the store,
 * and the fan-out of its changes to every stream. Answers wait until it shows the revision that they need.
 */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type {
  Store,
  StoredEntry,
  StoreError,
  StoreRevision,
  WatchBatch,
} from "../../ports/store.ts";
import { eventsKeptMax } from "../../runtime/event-operations.ts";
import { createPulse, type Pulse, pause } from "../../runtime/manager-pulse.ts";
import { nodeIdIn, readRecord, serviceIdIn } from "../../runtime/manager-records.ts";
import { openSnapshot, type Snapshot } from "../../runtime/manager-snapshot.ts";
import type { EventResource } from "../../wire/api.ts";
import { eventRecordSchema, keys } from "../../wire/records.ts";
import { createTables, type ViewTables, type WritableTables } from "./view-tables.ts";

const prefixes: readonly string[] = [...new Set(Object.values(keys))];
const nodePrefixes = [
  ...[keys.nodes, keys.nodeStates, keys.leases, keys.epochs, keys.agentModes],
  keys.haMembers,
];
const reloadDelayMs = 200;

/** What one revision changed, for those who tell others. */
export interface ViewChange {
  readonly revision: StoreRevision;
  /** Services of which anything changed, also what their agent said. */
  readonly services: ReadonlySet<ServiceId>;
  /** Of these, the ones whose configuration or status changed. */
  readonly instructed: ReadonlySet<ServiceId>;
  readonly nodes: ReadonlySet<NodeId>;
  /** HA groups of which anything changed: who is in them, who of these is online, who holds the slot. */
  readonly haGroups: ReadonlySet<string>;
  readonly events: readonly EventResource[];
  /** Every key that it put or deleted. */
  readonly changedKeys: readonly string[];
}

export interface ViewListener {
  changed(change: ViewChange): void;
  /** The watch broke and everything was read anew: what was told before may have gaps. */
  reset(): void;
}

export interface ClusterView {
  readonly tables: ViewTables;
  readonly revision: StoreRevision;
  /** The watch goes on; while it does not, nothing that is answered could be trusted. */
  readonly connected: boolean;
  /** Oldest first. */
  readonly events: readonly EventResource[];
  /** Keys of the audit's records, oldest first. */
  readonly auditKeys: readonly string[];
  listen(listener: ViewListener): () => void;
  /** Whether the view showed `revision` before the time was over. */
  reach(revision: StoreRevision, withinMs: number): Promise<boolean>;
}

export interface ViewOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface RunningView {
  readonly view: ClusterView;
  /** Resolves when the signal has ended it, with an error when the store ended it for good. */
  readonly done: Promise<Result<void, StoreError>>;
}

/** Reads the store and follows it until the signal aborts or the store is closed. */
export async function openClusterView(
  options: ViewOptions,
): Promise<Result<RunningView, StoreError>> {
  const snapshot = await openSnapshot(options.store, prefixes, options.signal);
  if (!snapshot.ok) return snapshot;
  const view = new FollowedView(options.clock);
  view.load(snapshot.value);
  return ok({ view, done: follow(options, view, snapshot.value) });
}

async function follow(
  options: ViewOptions,
  view: FollowedView,
  first: Snapshot,
): Promise<Result<void, StoreError>> {
  let snapshot: Snapshot | undefined = first;
  while (!options.signal.aborted) {
    const error = await followOnce(view, snapshot);
    view.connected = false;
    if (options.signal.aborted) break;
    if (error?.kind === "closed") return err(error);
    options.log.write("warn", `the server's watch ended: ${error?.message ?? "no reason given"}`);
    snapshot = await reopen(options);
    if (snapshot === undefined) break;
    view.load(snapshot);
    view.tellReset();
  }
  return ok(undefined);
}

async function followOnce(view: FollowedView, snapshot: Snapshot): Promise<StoreError | undefined> {
  for (;;) {
    const next = await snapshot.changes.next();
    if (next.done === true) return undefined;
    if (!next.value.ok) return next.value.error;
    view.apply(next.value.value);
  }
}

async function reopen(options: ViewOptions): Promise<Snapshot | undefined> {
  while (!options.signal.aborted) {
    const snapshot = await openSnapshot(options.store, prefixes, options.signal);
    if (snapshot.ok) return snapshot.value;
    await pause(options.clock, reloadDelayMs, options.signal);
  }
  return undefined;
}

class FollowedView implements ClusterView {
  tables: WritableTables = createTables();
  revision: StoreRevision = 0;
  connected = false;
  events: EventResource[] = [];
  auditKeys: string[] = [];
  readonly #clock: Clock;
  readonly #listeners = new Set<ViewListener>();
  readonly #moved: Pulse = createPulse();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  load(snapshot: Snapshot): void {
    this.tables = createTables();
    this.events = [];
    this.auditKeys = [];
    for (const entry of snapshot.entries.values()) this.#put(entry);
    this.revision = snapshot.revision;
    this.connected = true;
    this.#moved.ring();
  }

  apply(batch: WatchBatch): void {
    const eventsBefore = this.events.at(-1)?.sequence ?? "";
    const touched = touchedBy(batch, this.tables);
    for (const change of batch.changes) {
      if (change.kind === "put") this.#put(change.entry);
      else this.#delete(change.key);
    }
    for (const service of touched.instructed) {
      const node = this.tables.statuses.get(service)?.value.node;
      if (node !== undefined) touched.nodes.add(node);
    }
    this.revision = batch.revision;
    const events = newerThan(this.events, eventsBefore);
    for (const listener of [...this.#listeners]) {
      listener.changed({ ...touched, revision: batch.revision, events });
    }
    this.#moved.ring();
  }

  tellReset(): void {
    for (const listener of [...this.#listeners]) listener.reset();
  }

  listen(listener: ViewListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async reach(revision: StoreRevision, withinMs: number): Promise<boolean> {
    if (this.revision >= revision && this.connected) return true;
    const over = new AbortController();
    const cancel = this.#clock.after(withinMs, () => {
      over.abort();
    });
    try {
      while (this.revision < revision || !this.connected) {
        if (over.signal.aborted) return false;
        await this.#moved.next(over.signal);
      }
      return true;
    } finally {
      cancel();
    }
  }

  #put(entry: StoredEntry): void {
    if (entry.key.startsWith(keys.events)) {
      this.events.push(eventOf(entry));
      if (this.events.length > eventsKeptMax + 1_000) this.events.splice(0, 1_000);
    } else if (entry.key.startsWith(keys.audit)) {
      this.auditKeys.push(entry.key);
    } else {
      this.tables.put(entry);
    }
  }

  #delete(key: string): void {
    if (key.startsWith(keys.audit)) {
      if (this.auditKeys[0] === key) this.auditKeys.shift();
      else this.auditKeys = this.auditKeys.filter((kept) => kept !== key);
    } else if (!key.startsWith(keys.events)) {
      this.tables.delete(key);
    }
  }
}

/** They are in their order: what is new is at the end. */
function newerThan(events: readonly EventResource[], sequence: string): readonly EventResource[] {
  const last = events.findLastIndex((event) => event.sequence <= sequence);
  return events.slice(last + 1);
}

interface Touched {
  readonly services: Set<ServiceId>;
  readonly instructed: Set<ServiceId>;
  readonly nodes: Set<NodeId>;
  readonly haGroups: Set<string>;
  readonly changedKeys: string[];
}

/** What a batch concerns; `before` gives the nodes that services are about to leave. */
export function touchedBy(batch: WatchBatch, before: ViewTables): Touched {
  const touched: Touched = {
    services: new Set(),
    instructed: new Set(),
    nodes: new Set(),
    haGroups: new Set(),
    changedKeys: [],
  };
  for (const change of batch.changes) {
    const key = change.kind === "put" ? change.entry.key : change.key;
    touched.changedKeys.push(key);
    for (const prefix of [keys.services, keys.statuses, keys.reports]) {
      if (!key.startsWith(prefix)) continue;
      const service = serviceIdIn(key, prefix);
      touched.services.add(service);
      if (prefix === keys.reports) continue;
      touched.instructed.add(service);
      const node = before.statuses.get(service)?.value.node;
      if (node !== undefined) touched.nodes.add(node);
    }
    for (const prefix of nodePrefixes) {
      if (key.startsWith(prefix)) touched.nodes.add(nodeIdIn(key, prefix));
    }
    const group = haGroupIn(key, before);
    if (group !== undefined) touched.haGroups.add(group);
  }
  return touched;
}

/** The HA group that a key is about. A member comes or goes only with its group's own record. */
function haGroupIn(key: string, { haMembers }: ViewTables): string | undefined {
  for (const prefix of [keys.haGroups, keys.upgradeSlots]) {
    if (key.startsWith(prefix)) return key.slice(prefix.length);
  }
  if (!key.startsWith(keys.leases)) return undefined;
  return haMembers.get(nodeIdIn(key, keys.leases))?.value.group;
}

/** An event as people see it. */
export function eventOf(entry: StoredEntry): EventResource {
  const record = readRecord(eventRecordSchema, entry.key, entry.value);
  return {
    revision: entry.modRevision,
    sequence: entry.key.slice(keys.events.length),
    atMs: record.atMs,
    kind: record.kind,
    subject: record.subject,
    ...(record.from === undefined ? {} : { from: record.from }),
    ...(record.to === undefined ? {} : { to: record.to }),
    ...(record.node === undefined ? {} : { node: record.node }),
    ...(record.target === undefined ? {} : { target: record.target }),
    code: record.reason.code,
    sentence: record.sentence,
  };
}
