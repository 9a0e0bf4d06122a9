/**
 * Holds back the news that a node's lease has ended while the store says that such an end may have come too early: the
 * node may have renewed it a moment ago, so its time is waited for (S3, S4). A node that comes back meanwhile was never
 * lost.
 */
import type { Epoch, NodeId } from "../core/ids.ts";
import type { ManagerEvent } from "../core/manager/event.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Store, StoreChange, StoredEntry } from "../ports/store.ts";
import {
  epochRecordSchema,
  keys,
  leaseRecordSchema,
  nodeStateRecordSchema,
  settingsRecordSchema,
} from "../wire/records.ts";
import { settingsSchema, timesOf } from "../wire/settings.ts";
import { nodeIdIn, readRecord } from "./manager-records.ts";

type LeaseEvent = Extract<ManagerEvent, { kind: "lease-granted" | "lease-gone" }>;

interface Held {
  readonly event: LeaseEvent;
  readonly cancel: () => void;
}

export interface LeaseEndingsOptions {
  readonly store: Pick<Store, "leaseEndIsProofAtMs">;
  readonly clock: Clock;
  readonly log: Log;
  /** Tells the core, when the time is over. */
  readonly onEnded: (event: ManagerEvent) => void;
}

export class LeaseEndings {
  readonly #options: LeaseEndingsOptions;
  readonly #held = new Map<NodeId, Held>();

  constructor(options: LeaseEndingsOptions) {
    this.#options = options;
  }

  /** What the core is told now of a change that means `events`. */
  pass(change: StoreChange, events: readonly ManagerEvent[]): readonly ManagerEvent[] {
    return events.flatMap((event) => {
      if (event.kind === "lease-granted") return [...this.#settle(event), event];
      if (event.kind !== "lease-gone" || change.kind !== "delete") return [event];
      const { era, times } = readRecord(leaseRecordSchema, change.key, change.previous);
      const { ttlMs } = times ?? timesOf({ profile: "patient" });
      const doubtMs = this.#inDoubtForMs(era, ttlMs);
      if (doubtMs <= 0) return [event];
      this.#hold(event, doubtMs);
      return [];
    });
  }

  /**
   * At the beginning of an office: nodes that counted as there and have no lease. The answer is what stands for their
   * leases until their time is over.
   */
  missed(entries: ReadonlyMap<string, StoredEntry>): readonly ManagerEvent[] {
    const doubtMs = this.#inDoubtForMs(undefined, ttlMsIn(entries));
    if (doubtMs <= 0) return [];
    const events: ManagerEvent[] = [];
    for (const { key, value } of entries.values()) {
      if (!key.startsWith(keys.nodeStates)) continue;
      const { state } = readRecord(nodeStateRecordSchema, key, value);
      const node = nodeIdIn(key, keys.nodeStates);
      const epoch = epochIn(entries, node);
      const isThere = state === "online" || state === "maintenance";
      if (!isThere || epoch === undefined || entries.has(`${keys.leases}${node}`)) continue;
      events.push({ kind: "lease-granted", node, epoch, resetsOnLoss: false });
      this.#hold({ kind: "lease-gone", node, epoch }, doubtMs);
    }
    return events;
  }

  /** Nothing is told any more. */
  close(): void {
    for (const { cancel } of this.#held.values()) cancel();
    this.#held.clear();
  }

  #inDoubtForMs(era: number | undefined, ttlMs: number): number {
    const { store, clock } = this.#options;
    return (store.leaseEndIsProofAtMs?.(era, ttlMs) ?? 0) - clock.monotonicMs();
  }

  #hold(event: LeaseEvent, forMs: number): void {
    const { clock, log, onEnded } = this.#options;
    this.#forget(event.node);
    log.write(
      "info",
      `the lease of node "${event.node}" has ended after a change of the store's leader: what it may have missed is waited for`,
      { forMs },
    );
    const cancel = clock.after(forMs, () => {
      this.#held.delete(event.node);
      onEnded(event);
    });
    this.#held.set(event.node, { event, cancel });
  }

  /** A lease of the same epoch was given back: it never ended. One of another epoch: its agent has let go of the old. */
  #settle({ node, epoch }: LeaseEvent): readonly ManagerEvent[] {
    const held = this.#forget(node);
    return held === undefined || held.epoch === epoch ? [] : [held];
  }

  #forget(node: NodeId): LeaseEvent | undefined {
    const held = this.#held.get(node);
    held?.cancel();
    this.#held.delete(node);
    return held?.event;
  }
}

function epochIn(entries: ReadonlyMap<string, StoredEntry>, node: NodeId): Epoch | undefined {
  const entry = entries.get(`${keys.epochs}${node}`);
  return entry === undefined
    ? undefined
    : readRecord(epochRecordSchema, entry.key, entry.value).epoch;
}

function ttlMsIn(entries: ReadonlyMap<string, StoredEntry>): number {
  const entry = entries.get(keys.settings);
  const settings =
    entry === undefined
      ? settingsSchema.parse({})
      : readRecord(settingsRecordSchema, entry.key, entry.value).settings;
  return timesOf(settings).ttlMs;
}
