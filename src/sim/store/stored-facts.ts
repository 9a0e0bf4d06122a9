/** What the store says at this instant, whoever can reach it. */
import type { Epoch, NodeId, ServiceId } from "../../core/ids.ts";
import type { NodeState } from "../../core/model/node.ts";
import {
  keys,
  type NodeRecord,
  type ServiceRecord,
  type StatusRecord,
} from "../../wire/records.ts";
import { readLease, readNode, readNodeState, readService, readStatus } from "./records.ts";
import type { SimulatedStore } from "./simulated-store.ts";

/** A node's lease as the store has it. */
export interface NodeLease {
  readonly epoch: Epoch;
  /** When it ends unless it is renewed, in the world's milliseconds. */
  readonly endsAtMs: number;
  readonly resetsOnLoss: boolean;
}

/** Reads a simulated store. */
export class StoredFacts {
  /** The store itself, to look at. */
  readonly store: Pick<SimulatedStore, "get" | "range" | "revision" | "leaseEndsAt">;

  constructor(store: SimulatedStore) {
    this.store = store;
  }

  leaseOf(node: NodeId): NodeLease | undefined {
    const entry = this.store.get(`${keys.leases}${node}`);
    if (entry === undefined) return undefined;
    const { epoch, leaseId, resetsOnLoss = false } = readLease(entry);
    const endsAtMs = this.store.leaseEndsAt(leaseId);
    return endsAtMs === undefined ? undefined : { epoch, endsAtMs, resetsOnLoss };
  }

  nodeStateOf(node: NodeId): NodeState | undefined {
    const entry = this.store.get(`${keys.nodeStates}${node}`);
    return entry === undefined ? undefined : readNodeState(entry).state;
  }

  nodeRecordOf(node: NodeId): NodeRecord | undefined {
    const entry = this.store.get(`${keys.nodes}${node}`);
    return entry === undefined ? undefined : readNode(entry);
  }

  statusOf(service: ServiceId): StatusRecord | undefined {
    const entry = this.store.get(`${keys.statuses}${service}`);
    return entry === undefined ? undefined : readStatus(entry);
  }

  serviceOf(service: ServiceId): ServiceRecord | undefined {
    const entry = this.store.get(`${keys.services}${service}`);
    return entry === undefined ? undefined : readService(entry);
  }

  /** All statuses in order of service. */
  statuses(): readonly StatusRecord[] {
    return this.store.range(keys.statuses).map(readStatus);
  }

  /** All services in order of id. */
  services(): readonly ServiceRecord[] {
    return this.store.range(keys.services).map(readService);
  }
}
