/**
 * When what a manager decides by was last changed. A manager may decide by what was true a moment ago, as long as its
 * election lives: its decisions are compared only with what has been true for longer.
 */
import type { ServiceId } from "../../../core/ids.ts";
import type { RequestedState } from "../../../core/model/service.ts";
import type { StoreChange } from "../../../ports/store.ts";
import { serviceIdIn } from "../../../runtime/manager-records.ts";
import { keys } from "../../../wire/records.ts";
import type { Pace } from "../../plan.ts";
import { readService } from "../../store/records.ts";

/** A slow store and the delays of messages on top of an election's life. */
const delayMsMax = 3_000;

interface Wish {
  readonly state: RequestedState;
  readonly removing: boolean;
  readonly sinceMs: number;
}

/** Keys whose change can change what rules and room permit. */
const placementPrefixes: readonly string[] = [
  keys.groups,
  keys.rules,
  keys.rejectedRules,
  keys.nodes,
  keys.services,
  keys.arming,
  keys.freeze,
];

/** What was changed less long ago may be unknown to a manager that decides. */
export function toleranceMsOf({
  electionTtlMs,
  roundMs,
}: Pick<Pace, "electionTtlMs" | "roundMs">): number {
  return electionTtlMs + roundMs + delayMsMax;
}

/** What persons want, since when, and when they last changed anything about places. */
export class Recent {
  readonly #toleranceMs: number;
  readonly #wishes = new Map<ServiceId, Wish>();
  /** When a service was last wanted to be as it is named here. */
  readonly #disabledUntil = new Map<ServiceId, number>();
  #placementChangedAtMs = 0;

  constructor(pace: Pick<Pace, "electionTtlMs" | "roundMs">) {
    this.#toleranceMs = toleranceMsOf(pace);
  }

  apply(change: StoreChange, nowMs: number): void {
    const key = change.kind === "put" ? change.entry.key : change.key;
    if (!placementPrefixes.some((prefix) => key.startsWith(prefix))) return;
    this.#placementChangedAtMs = nowMs;
    if (!key.startsWith(keys.services)) return;
    const service = serviceIdIn(key, keys.services);
    const before = this.#wishes.get(service);
    if (before?.state === "disabled") this.#disabledUntil.set(service, nowMs);
    if (change.kind === "delete") {
      this.#wishes.delete(service);
      return;
    }
    const { config, removing } = readService(change.entry);
    if (before?.state === config.state && before.removing === removing) return;
    this.#wishes.set(service, { state: config.state, removing, sinceMs: nowMs });
  }

  /** What the person has wanted for so long that every manager knows it; undefined: it has just changed. */
  settledWish(service: ServiceId, nowMs: number): Wish | undefined {
    const wish = this.#wishes.get(service);
    return wish === undefined || nowMs - wish.sinceMs <= this.#toleranceMs ? undefined : wish;
  }

  /** Whether a manager may know the service to be wanted `disabled`, or to be removed. */
  mayBeDisabled(service: ServiceId, nowMs: number): boolean {
    const wish = this.#wishes.get(service);
    if (wish === undefined || wish.removing || wish.state === "disabled") return true;
    const untilMs = this.#disabledUntil.get(service);
    return untilMs !== undefined && nowMs - untilMs <= this.#toleranceMs;
  }

  /** Whether rules, groups, nodes and services have been the same for so long that every manager knows them. */
  placementIsSettled(nowMs: number): boolean {
    return nowMs - this.#placementChangedAtMs > this.#toleranceMs;
  }
}
