/** Every copy of every service that there is: the only truth about what runs where. */
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../../core/ids.ts";
import type { CopyChange, Observer } from "../engine/engine.ts";

/** `parked`: moved here while it ran, and not yet let go on; it executes nothing. */
export type CopyState = Exclude<CopyChange["state"], "gone">;

/** One copy of a service. */
export interface Copy {
  readonly service: ServiceId;
  readonly node: NodeId;
  readonly instanceId: string;
  readonly state: CopyState;
  /** The guard kills it when the node's lease is lost. */
  readonly tracked: boolean;
  /** Under what it was started; undefined: by hand, or before the world began. */
  readonly startedUnder: { readonly uid: InstructionUid; readonly epoch: Epoch } | undefined;
  /** What it was started with; undefined: its service has no versions. */
  readonly restartKey?: string | undefined;
  /** From then on, as its health check sees it, it is unhealthy; undefined: never. */
  readonly unhealthyAtMs?: number | undefined;
}

/** Whether its instructions are being executed. */
export function isExecuting(copy: Copy): boolean {
  return copy.state !== "parked";
}

/** The copies of the whole world. */
export class Copies {
  readonly #observer: Observer;
  readonly #all = new Map<string, Copy>();

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  /** In the order in which they were made. */
  get all(): ReadonlyMap<string, Copy> {
    return this.#all;
  }

  get(instanceId: string): Copy | undefined {
    return this.#all.get(instanceId);
  }

  on(node: NodeId): readonly Copy[] {
    return [...this.#all.values()].filter((copy) => copy.node === node);
  }

  of(service: ServiceId): readonly Copy[] {
    return [...this.#all.values()].filter((copy) => copy.service === service);
  }

  /** Adds a copy, or changes one. */
  put(copy: Copy): void {
    const before = this.#all.get(copy.instanceId);
    this.#all.set(copy.instanceId, copy);
    if (before?.state !== copy.state) this.#tell(copy, copy.state);
  }

  /** Nothing of it is left. */
  remove(instanceId: string): void {
    const copy = this.#all.get(instanceId);
    if (copy === undefined) return;
    this.#all.delete(instanceId);
    this.#tell(copy, "gone");
  }

  #tell({ service, node, instanceId }: Copy, state: CopyChange["state"]): void {
    this.#observer.onCopy?.({ service, node, instanceId, state });
  }
}
