/**
 * The facts that several checks need, kept up to date with each commit of the store. It knows the store's records
 * from the commits alone, so that a check does not trust the parts that it checks.
 */
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../../core/ids.ts";
import type { ServiceStatus } from "../../core/model/service.ts";
import type { JsonValue, StoreChange, StoreRevision } from "../../ports/store.ts";
import { nodeIdIn, serviceIdIn, statusOf } from "../../runtime/manager-records.ts";
import {
  keys,
  type LeaseRecord,
  type NodeRecord,
  type ServiceRecord,
  type StatusRecord,
} from "../../wire/records.ts";
import { readEpoch, readLease, readNode, readService, readStatus } from "../store/records.ts";

/** The parts of a stored report that checks compare. */
export interface ReportFacts {
  readonly node: string;
  readonly epoch: number;
  readonly uid: string;
  readonly result: string;
}

/** Something that was true until `untilMs`. */
interface Past<T> {
  readonly value: T;
  readonly untilMs: number;
}

/** Ended facts that are kept for answers that are still under way. */
const pastMax = 32;

/** The store's records as of the last commit. */
export class Ledger {
  readonly statuses = new Map<ServiceId, StatusRecord>();
  readonly reports = new Map<ServiceId, ReportFacts>();
  readonly services = new Map<ServiceId, ServiceRecord>();
  readonly leases = new Map<NodeId, LeaseRecord>();
  readonly epochs = new Map<NodeId, Epoch>();
  readonly nodes = new Map<NodeId, NodeRecord>();
  /** Nodes that were taken out and have not come back. */
  readonly removedNodes = new Set<NodeId>();
  /** Revision that made the key `manager`; undefined: nobody is manager. */
  managerRevision: StoreRevision | undefined;
  /** The last epoch of a node's lease that meant a reset when it ended. */
  readonly resetEpochs = new Map<NodeId, Epoch>();
  /** Up to which epoch a person, or a device, confirmed that the node was off; never less than before. */
  readonly #pastUids = new Map<ServiceId, Past<InstructionUid>[]>();
  readonly #pastLeases = new Map<NodeId, Past<Epoch>[]>();

  /** Takes a change in, after the checks have compared it with what was before. */
  apply(change: StoreChange, nowMs: number): void {
    const key = change.kind === "put" ? change.entry.key : change.key;
    if (key.startsWith(keys.statuses))
      this.#applyStatus(serviceIdIn(key, keys.statuses), change, nowMs);
    else if (key.startsWith(keys.leases))
      this.#applyLease(nodeIdIn(key, keys.leases), change, nowMs);
    else if (key === keys.manager) {
      this.managerRevision = change.kind === "put" ? change.entry.createRevision : undefined;
    } else if (change.kind === "put") this.#applyPut(key, change);
    else this.#applyDelete(key);
  }

  /** Whether this was the service's instruction at some instant since `sinceMs`. */
  wasInstruction(service: ServiceId, uid: InstructionUid, sinceMs: number): boolean {
    if (this.statuses.get(service)?.uid === uid) return true;
    return wasTrue(this.#pastUids.get(service), uid, sinceMs);
  }

  /** Whether the node held the lease of this epoch at some instant since `sinceMs`. */
  heldLease(node: NodeId, epoch: Epoch, sinceMs: number): boolean {
    if (this.leases.get(node)?.epoch === epoch) return true;
    return wasTrue(this.#pastLeases.get(node), epoch, sinceMs);
  }

  /** The service's status in the core's words; undefined: it has none. */
  statusOf(service: ServiceId): ServiceStatus | undefined {
    const record = this.statuses.get(service);
    return record === undefined ? undefined : statusOf(record);
  }

  #applyStatus(service: ServiceId, change: StoreChange, nowMs: number): void {
    const before = this.statuses.get(service);
    if (change.kind === "put") this.statuses.set(service, readStatus(change.entry));
    else this.statuses.delete(service);
    if (before === undefined || before.uid === this.statuses.get(service)?.uid) return;
    remember(this.#pastUids, service, { value: before.uid, untilMs: nowMs });
  }

  #applyLease(node: NodeId, change: StoreChange, nowMs: number): void {
    const before = this.leases.get(node);
    if (change.kind === "put") this.leases.set(node, readLease(change.entry));
    else this.leases.delete(node);
    if (before === undefined || before.epoch === this.leases.get(node)?.epoch) return;
    if (before.resetsOnLoss === true) this.resetEpochs.set(node, before.epoch);
    remember(this.#pastLeases, node, { value: before.epoch, untilMs: nowMs });
  }

  #applyPut(key: string, { entry }: Extract<StoreChange, { kind: "put" }>): void {
    if (key.startsWith(keys.reports)) {
      this.reports.set(serviceIdIn(key, keys.reports), reportFactsOf(entry.value));
    } else if (key.startsWith(keys.services)) {
      this.services.set(serviceIdIn(key, keys.services), readService(entry));
    } else if (key.startsWith(keys.epochs)) {
      this.epochs.set(nodeIdIn(key, keys.epochs), readEpoch(entry).epoch);
    } else if (key.startsWith(keys.nodes)) {
      this.nodes.set(nodeIdIn(key, keys.nodes), readNode(entry));
      this.removedNodes.delete(nodeIdIn(key, keys.nodes));
    }
  }

  #applyDelete(key: string): void {
    if (key.startsWith(keys.reports)) this.reports.delete(serviceIdIn(key, keys.reports));
    if (key.startsWith(keys.services)) this.services.delete(serviceIdIn(key, keys.services));
    if (key.startsWith(keys.epochs)) this.epochs.delete(nodeIdIn(key, keys.epochs));
    if (!key.startsWith(keys.nodes)) return;
    this.nodes.delete(nodeIdIn(key, keys.nodes));
    this.removedNodes.add(nodeIdIn(key, keys.nodes));
  }
}

function remember<Key, T>(pasts: Map<Key, Past<T>[]>, key: Key, past: Past<T>): void {
  const known = pasts.get(key);
  if (known === undefined) {
    pasts.set(key, [past]);
    return;
  }
  known.push(past);
  if (known.length > pastMax) known.shift();
}

function wasTrue<T>(pasts: readonly Past<T>[] | undefined, value: T, sinceMs: number): boolean {
  if (pasts === undefined) return false;
  return pasts.some((past) => past.value === value && past.untilMs >= sinceMs);
}

/** The facts of a report as it is stored. */
export function reportFactsOf(value: JsonValue): ReportFacts {
  return {
    node: textIn(value, "node"),
    epoch: Number(fieldIn(value, "epoch") ?? -1),
    uid: textIn(value, "uid"),
    result: textIn(value, "result"),
  };
}

/** A field of a stored record; undefined: it is not there. */
export function fieldIn(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isRecord(value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text field of a stored record; empty: it is not there. */
export function textIn(value: JsonValue | undefined, name: string): string {
  const field = fieldIn(value, name);
  return typeof field === "string" ? field : "";
}
