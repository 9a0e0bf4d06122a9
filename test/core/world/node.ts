/** A dumb node for property tests: a lease, an agent that executes what it has seen, and what really runs. */
import { type Epoch, epochOf, type ServiceId } from "../../../src/core/ids.ts";
import type { AgentMode } from "../../../src/core/model/node.ts";
import type { NodeMode } from "../../../src/core/model/node-mode.ts";
import type {
  PlacedStatus,
  ReportResult,
  ServiceReport,
  ServiceStatus,
} from "../../../src/core/model/service.ts";
import { isPlaced } from "../../../src/core/model/service.ts";

/** What runs of a service; `keep`: nobody kills it when the lease is lost. */
export interface Copy {
  keep: boolean;
}

export class WorldNode {
  readonly name: string;
  epoch = 0;
  confirmedOff = 0;
  leaseEpoch: number | undefined = undefined;
  maintenance = false;
  /** What a person wants of the node as a whole. */
  personMode: NodeMode = "enabled";
  memoryBytes: number | undefined = undefined;
  taints: readonly string[] = [];
  registered = true;
  /** A kernel watchdog resets it when its lease expires. */
  resets = false;
  /** What the store has of its agent's mode, and what the agent is about to do. */
  mode: AgentMode = "active";
  leaving: "restart" | "freeze" | "failover" | "migrate" | undefined = undefined;
  /** Powered and reaching the store: asks for a lease when it has none. */
  up = false;
  readonly copies = new Map<ServiceId, Copy>();
  /** The instructions as the agent has last seen them. */
  readonly seen = new Map<ServiceId, ServiceStatus>();
  /** Uids that were executed. */
  readonly done = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }

  /** Power is gone, and all that ran with it. An agent that boots again brings its own up again. */
  lose(): void {
    this.up = false;
    this.leaving = undefined;
    this.copies.clear();
    this.done.clear();
    this.seen.clear();
  }

  /** The lease has expired: watchdog or guard has killed what does not outlive it just before (S3). */
  expire(): void {
    for (const [id, copy] of [...this.copies]) {
      if (this.resets || !copy.keep) this.copies.delete(id);
    }
    this.leaseEpoch = undefined;
    this.resets = false;
    this.leaving = undefined;
    this.seen.clear();
  }

  /** What the agent is to do about a service now; undefined: nothing, or it was done. */
  task(id: ServiceId): PlacedStatus | undefined {
    const status = this.seen.get(id);
    if (!this.up || this.leaseEpoch === undefined || status === undefined) return undefined;
    if (!isPlaced(status) || status.node !== this.name) return undefined;
    if (status.nodeEpoch !== this.leaseEpoch || this.done.has(status.uid)) return undefined;
    return status;
  }

  /**
   * Executes an instruction; the answer is what the agent reports of it. A start needs the store's confirmation that
   * the instruction is the current one (S2); `fails` has it fail.
   */
  execute(
    status: PlacedStatus,
    facts: { readonly isCurrent: boolean; readonly fails: boolean },
  ): ReportResult | undefined {
    const id = status.service;
    const copy = this.copies.get(id);
    if (status.suspended === true) return this.leave(status, copy);
    switch (status.state) {
      case "started":
        return this.start(status, facts);
      case "request_stop":
      case "stopped":
      case "migrate":
      case "relocate":
        if (facts.fails && status.state !== "stopped" && copy !== undefined) return "failed";
        this.copies.delete(id);
        return "stopped";
      case "request_start_balance":
        return copy === undefined ? "stopped" : "running";
      case "freeze":
      case "ignored":
        return this.leave(status, copy);
      default:
        return undefined;
    }
  }

  private start(
    status: PlacedStatus,
    { isCurrent, fails }: { readonly isCurrent: boolean; readonly fails: boolean },
  ): ReportResult | undefined {
    const copy = this.copies.get(status.service);
    if (fails) {
      this.copies.delete(status.service);
      return "failed";
    }
    if (copy !== undefined) copy.keep = status.survivesIsolation;
    else if (isCurrent) this.copies.set(status.service, { keep: status.survivesIsolation });
    else return undefined;
    return "running";
  }

  private leave(status: PlacedStatus, copy: Copy | undefined): ReportResult {
    if (copy !== undefined) copy.keep = status.survivesIsolation;
    return "released";
  }

  /** Whether an agent that leaves in its way may give the lease back. */
  mayRelease(services: Iterable<ServiceId>): boolean {
    if (this.leaving === undefined || this.leaseEpoch === undefined || !this.up) return false;
    if (this.leaving === "failover") return true;
    for (const id of services) {
      const status = this.seen.get(id);
      const isHere = status !== undefined && isPlaced(status) && status.node === this.name;
      const isLeft = isHere && (status.state === "freeze" || status.suspended === true);
      const copy = this.copies.get(id);
      if (this.leaving === "migrate") {
        if (copy !== undefined || (isHere && !this.done.has(status.uid))) return false;
      } else if (isHere ? !isLeft : copy !== undefined) return false;
      else if (this.leaving === "restart" && copy?.keep === false) return false;
    }
    return true;
  }

  /** The report of an executed instruction. */
  reportOf(status: PlacedStatus, result: ReportResult): ServiceReport {
    const { service, node, nodeEpoch: epoch, uid } = status;
    return { service, node, epoch, uid, result, detail: "", stable: true };
  }

  get lease(): Epoch | undefined {
    return this.leaseEpoch === undefined ? undefined : epochOf(this.leaseEpoch);
  }
}
