/** What a server's checks add up to: pure, so that its table of cases is its test. */
import { checkTimes } from "../config/balancer-settings.ts";

/** `not-ready`: it answers, and says that it cannot serve. */
export const checkResults = ["ready", "not-ready", "unreachable"] as const;

/** What one check found. */
export interface CheckOutcome {
  readonly kind: (typeof checkResults)[number];
  /** Why, unless it is ready. */
  readonly because: string;
}

/** `unknown`: it was never asked. */
export interface HealthState {
  readonly kind: CheckOutcome["kind"] | "unknown";
  readonly because: string;
  /** Checks in a row, up to the last one, that speak against `kind`: bad ones of a ready server, good ones else. */
  readonly againstCount: number;
}

/** Before the first check. */
export const neverAsked: HealthState = {
  kind: "unknown",
  because: "not asked yet",
  againstCount: 0,
};

/** The state after one more check. The first one decides alone. */
export function afterCheck(state: HealthState, outcome: CheckOutcome): HealthState {
  const { kind } = outcome;
  const isReady = state.kind === "ready";
  if (state.kind === "unknown") return settled(outcome);
  if (isReady === (kind === "ready")) return settled(outcome);
  const againstCount = state.againstCount + 1;
  const enough = isReady ? checkTimes.fallCount : checkTimes.riseCount;
  return againstCount >= enough ? settled(outcome) : { ...state, againstCount };
}

function settled({ kind, because }: CheckOutcome): HealthState {
  return { kind, because, againstCount: 0 };
}
