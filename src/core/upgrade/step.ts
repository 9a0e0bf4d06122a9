/** Carries an upgrade on by one step: pure, so that whichever server is manager decides the same. */
import { darkRetryMs, darkUntilMs, pausesAfter } from "./dark.ts";
import { doStep, limitsMs } from "./do-step.ts";
import type { UpgradeAct, UpgradeFacts, UpgradeWrite } from "./facts.ts";
import type { ControlPlaneUpgrade, StepState, UpgradeStep } from "./model.ts";
import { withOrder } from "./orders.ts";
import { currentStep, currentUndo, withNewcomers } from "./plan.ts";
import { undoStep } from "./undo-step.ts";
import type { Verdict } from "./verdict.ts";

export interface UpgradeDecision {
  /** The same object where nothing is to be written. */
  readonly upgrade: ControlPlaneUpgrade;
  /** To be written together with the upgrade. */
  readonly writes: readonly UpgradeWrite[];
  /** To be done beside the store once this is written; its result is told as `facts.act`. */
  readonly act: DecidedAct | undefined;
  /** When time alone changes something, in the time of `nowMs`; undefined: never. */
  readonly wakeAtMs: number | undefined;
}

/** An act beside the store. */
export interface DecidedAct {
  readonly kind: UpgradeAct;
  readonly step: string;
  /** It has failed if it is not done by then, in the time of `nowMs`; undefined: it may take what it takes. */
  readonly untilMs: number | undefined;
}

/** What is to be done now. Called again after each write, and whenever the facts have changed. */
export function stepUpgrade(
  upgrade: ControlPlaneUpgrade,
  facts: UpgradeFacts,
  nowMs: number,
): UpgradeDecision {
  switch (upgrade.state) {
    case "running":
      return goOn(upgrade, facts, nowMs);
    case "aborting":
      return goBack(upgrade, facts, nowMs);
    case "paused":
    case "failed":
      return endDark(upgrade, facts, nowMs);
    case "abort-failed":
      return retryInDark(upgrade, facts, nowMs);
    case "done":
    case "aborted":
      return idle(upgrade);
  }
}

function idle(upgrade: ControlPlaneUpgrade, wakeAtMs?: number): UpgradeDecision {
  return { upgrade, writes: [], act: undefined, wakeAtMs };
}

/** It waits for a person, but not for so long that agents would have to stop their services. */
function endDark(
  upgrade: ControlPlaneUpgrade,
  facts: UpgradeFacts,
  nowMs: number,
): UpgradeDecision {
  const untilMs = darkUntilMs(upgrade, facts);
  if (untilMs === undefined || nowMs < untilMs) return idle(upgrade, untilMs);
  const before = upgrade.detail === "" ? "" : ` (${upgrade.detail})`;
  const detail = `by itself, as agents would soon have to stop their services${before}`;
  return decided({ ...upgrade, state: "aborting", detail });
}

/** What is waited for, a server that was lost for one, is not waited for as long as usual where nobody serves. */
function inTheDark(
  verdict: Verdict,
  upgrade: ControlPlaneUpgrade,
  { facts, nowMs }: { readonly facts: UpgradeFacts; readonly nowMs: number },
): Verdict {
  const untilMs = darkUntilMs(upgrade, facts);
  if (verdict.kind !== "wait" || untilMs === undefined || nowMs < untilMs) return verdict;
  return {
    kind: "failed",
    detail: `no server serves meanwhile, and it takes too long: ${verdict.detail}`,
  };
}

function retryInDark(
  upgrade: ControlPlaneUpgrade,
  facts: UpgradeFacts,
  nowMs: number,
): UpgradeDecision {
  if (darkUntilMs(upgrade, facts) === undefined) return idle(upgrade);
  const failed = upgrade.steps.filter(({ state }) => state === "undoing");
  const failedAtMs = Math.max(0, ...failed.map(({ endedAtMs = 0 }) => endedAtMs));
  const againAtMs = failedAtMs + darkRetryMs;
  const again = nowMs < againAtMs ? undefined : withOrder(upgrade, "resume", "");
  return again?.ok === true ? decided(again.value) : idle(upgrade, againAtMs);
}

function goOn(present: ControlPlaneUpgrade, facts: UpgradeFacts, nowMs: number): UpgradeDecision {
  const upgrade = withNewcomers(present, facts.servers);
  if (upgrade !== present) return decided(upgrade);
  const step = currentStep(upgrade, managerIn(facts));
  if (step === undefined) {
    const writes = facts.servers
      .filter(({ order }) => order !== undefined)
      .map(({ id }): UpgradeWrite => ({ kind: "forget-order", server: id }));
    return decided({ ...upgrade, state: "done", detail: "", endedAtMs: nowMs }, writes);
  }
  if (step.state !== "running") return decided(withStep(upgrade, begun(step, "running", nowMs)));
  const ageMs = nowMs - (step.beganAtMs ?? nowMs);
  const verdict = inTheDark(doStep({ upgrade, step, facts, ageMs }), upgrade, { facts, nowMs });
  if (verdict.kind === "failed" || verdict.kind === "refused") {
    const { detail } = verdict;
    const failed = withStep(upgrade, { ...step, detail });
    return decided({ ...failed, state: "failed", detail: `${step.name}: ${detail}` });
  }
  if (verdict.kind !== "done") {
    // A server's own time begins when it is told; before that others were waited for.
    const isTold =
      verdict.kind === "wait" && verdict.writes?.some(({ kind }) => kind === "order-server");
    if (!isTold || step.kind !== "switch") return underWay(upgrade, step, { verdict, facts });
    const told = { ...step, beganAtMs: nowMs };
    return underWay(withStep(upgrade, told), told, { verdict, facts });
  }
  const { detail } = verdict;
  const done = withStep(upgrade, { ...step, state: "done", detail, endedAtMs: nowMs });
  const backup = facts.act?.name === step.name ? facts.act.backup : undefined;
  const next = backup === undefined ? done : { ...done, backup };
  const pauses = pausesAfter(next, step);
  const paused = {
    state: "paused",
    detail: `after the step ${step.name}, as was asked for`,
  } as const;
  return decided(pauses ? { ...next, ...paused } : next, verdict.writes);
}

function goBack(upgrade: ControlPlaneUpgrade, facts: UpgradeFacts, nowMs: number): UpgradeDecision {
  const isAlive = (server: string): boolean =>
    !facts.servers.some((each) => each.id === server && !each.isAlive);
  const { isDark } = facts;
  const step = currentUndo(upgrade, { isManager: managerIn(facts), isAlive, isDark, nowMs });
  if (step === undefined) {
    return decided({ ...upgrade, state: "aborted", endedAtMs: nowMs });
  }
  if (step.state !== "undoing") return decided(withStep(upgrade, begun(step, "undoing", nowMs)));
  const verdict = undoStep({ upgrade, step, facts, ageMs: nowMs - (step.beganAtMs ?? nowMs) });
  if (verdict.kind === "refused") return goOnInstead(upgrade, facts, verdict.detail);
  if (verdict.kind === "failed") {
    const { detail } = verdict;
    const failed = withStep(upgrade, { ...step, detail, endedAtMs: nowMs });
    return decided({ ...failed, state: "abort-failed", detail: `${step.name}: ${detail}` });
  }
  if (verdict.kind !== "done") return underWay(upgrade, step, { verdict, facts });
  const { detail, writes } = verdict;
  return decided(withStep(upgrade, { ...step, state: "undone", detail, endedAtMs: nowMs }), writes);
}

/**
 * There is no way back to the data of before: what was taken back of the steps is to be done anew. A person decides when;
 * where no server serves, nobody is waited for.
 */
function goOnInstead(
  upgrade: ControlPlaneUpgrade,
  { isDark }: UpgradeFacts,
  because: string,
): UpgradeDecision {
  const steps = upgrade.steps.map((step) => {
    const isBack = step.state === "undoing" || step.state === "undone";
    return isBack ? { ...step, state: "waiting" as const, detail: "" } : step;
  });
  const state = isDark ? "running" : "failed";
  const detail = `it cannot be taken back: ${because}; go on with: holdfast upgrade resume`;
  return decided({ ...upgrade, steps, state, detail, attempt: upgrade.attempt + 1 });
}

/** It goes on with the step where it waits; what it waits for is written, so that people see it. */
function underWay(
  upgrade: ControlPlaneUpgrade,
  step: UpgradeStep,
  {
    verdict,
    facts,
  }: {
    readonly verdict: Extract<Verdict, { kind: "wait" | "act" }>;
    readonly facts: UpgradeFacts;
  },
): UpgradeDecision {
  const { detail } = verdict;
  const said = detail === step.detail ? upgrade : withStep(upgrade, { ...step, detail });
  const wakeAtMs = (step.beganAtMs ?? 0) + limitsMs[step.kind];
  if (verdict.kind === "wait")
    return { upgrade: said, writes: verdict.writes ?? [], act: undefined, wakeAtMs };
  const untilMs = verdict.act === "migrate" ? darkUntilMs(upgrade, facts) : undefined;
  const act = { kind: verdict.act, step: step.name, untilMs };
  return { upgrade: said, writes: [], act, wakeAtMs: undefined };
}

function managerIn(facts: UpgradeFacts): (server: string) => boolean {
  return (server) => facts.servers.some(({ id, isManager }) => isManager && id === server);
}

function begun(step: UpgradeStep, state: StepState, nowMs: number): UpgradeStep {
  return { ...step, state, detail: "", beganAtMs: nowMs, endedAtMs: undefined };
}

function withStep(upgrade: ControlPlaneUpgrade, step: UpgradeStep): ControlPlaneUpgrade {
  const steps = upgrade.steps.map((other) => (other.name === step.name ? step : other));
  return { ...upgrade, steps };
}

function decided(
  upgrade: ControlPlaneUpgrade,
  writes: readonly UpgradeWrite[] = [],
): UpgradeDecision {
  return { upgrade, writes, act: undefined, wakeAtMs: undefined };
}
