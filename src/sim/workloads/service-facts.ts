/** What is true of services outside the manager: where they are configured, what locks them, how they misbehave. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { Misbehaviour } from "../plan.ts";

/** Locks that an operation on a node that died leaves behind. */
const staleLocks: ReadonlySet<string> = new Set([
  "backup",
  "mounted",
  "migrate",
  "clone",
  "rollback",
  "snapshot",
  "snapshot-delete",
  "suspending",
  "suspended",
]);

interface Facts {
  configuredOn: NodeId | undefined;
  lock: string | undefined;
  misbehaviour: Misbehaviour | undefined;
  hangs: boolean;
  failedStarts: number;
  failedMoves: number;
}

/** The facts of all services. */
export class ServiceFacts {
  readonly #facts = new Map<ServiceId, Facts>();

  configuredOn(service: ServiceId): NodeId | undefined {
    return this.#of(service).configuredOn;
  }

  configure(service: ServiceId, node: NodeId | undefined): void {
    this.#of(service).configuredOn = node;
  }

  setLock(service: ServiceId, lock: string | undefined): void {
    this.#of(service).lock = lock;
  }

  /** Removes a lock that a dead node left. */
  clearStaleLock(service: ServiceId): void {
    const facts = this.#of(service);
    if (facts.lock !== undefined && staleLocks.has(facts.lock)) facts.lock = undefined;
  }

  setMisbehaviour(service: ServiceId, misbehaviour: Misbehaviour | undefined): void {
    const facts = this.#of(service);
    facts.misbehaviour = misbehaviour;
    facts.failedStarts = 0;
    facts.failedMoves = 0;
  }

  setHangs(service: ServiceId, hangs: boolean): void {
    this.#of(service).hangs = hangs;
  }

  /** Operations of it never end, for now. */
  hangs(service: ServiceId): boolean {
    return this.#of(service).hangs;
  }

  /** Why it cannot start anywhere, whoever asks; undefined: it can. */
  isMissing(service: ServiceId): boolean {
    return this.#of(service).misbehaviour?.missing === true;
  }

  /** Why a start on the node fails, undefined: it succeeds. Counts it. */
  whyNotStart(service: ServiceId, node: NodeId): string | undefined {
    const facts = this.#of(service);
    if (facts.misbehaviour?.missing === true) return "it does not exist";
    if (facts.lock !== undefined) return `it is locked (${facts.lock})`;
    if (facts.failedStarts < countOn(facts.misbehaviour, node, "failingStarts")) {
      facts.failedStarts += 1;
      return `start ${facts.failedStarts} fails`;
    }
    facts.failedStarts = 0;
    return undefined;
  }

  /** Why a stop fails, undefined: it succeeds. */
  whyNotStop(service: ServiceId): string | undefined {
    const { lock, misbehaviour } = this.#of(service);
    if (lock !== undefined) return `it is locked (${lock})`;
    return misbehaviour?.cannotStop === true ? "it does not stop" : undefined;
  }

  /** Why a move away from the node fails, undefined: it may succeed. Counts it. */
  whyNotMove(service: ServiceId, node: NodeId): string | undefined {
    const facts = this.#of(service);
    if (facts.lock !== undefined) return `it is locked (${facts.lock})`;
    if (facts.failedMoves < countOn(facts.misbehaviour, node, "failingMoves")) {
      facts.failedMoves += 1;
      return `move ${facts.failedMoves} fails`;
    }
    return undefined;
  }

  /** A move has succeeded: counting starts again. */
  noteMoved(service: ServiceId): void {
    this.#of(service).failedMoves = 0;
  }

  #of(service: ServiceId): Facts {
    const known = this.#facts.get(service);
    if (known !== undefined) return known;
    const facts: Facts = {
      configuredOn: undefined,
      lock: undefined,
      misbehaviour: undefined,
      hangs: false,
      failedStarts: 0,
      failedMoves: 0,
    };
    this.#facts.set(service, facts);
    return facts;
  }
}

function countOn(
  misbehaviour: Misbehaviour | undefined,
  node: NodeId,
  what: "failingStarts" | "failingMoves",
): number {
  if (misbehaviour === undefined) return 0;
  const { onlyOn } = misbehaviour;
  return onlyOn === undefined || onlyOn === node ? misbehaviour[what] : 0;
}
