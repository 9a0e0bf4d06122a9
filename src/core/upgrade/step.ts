/** Carries an upgrade on by one step: pure, so that whichever server is manager decides the same. */
import { doStep, limitsMs } from "./do-step.ts";
import type { UpgradeAct, UpgradeFacts, UpgradeWrite } from "./facts.ts";
import type { ControlPlaneUpgrade, StepState, UpgradeStep } from "./model.ts";
import { currentStep, currentUndo } from "./plan.ts";
import { undoStep } from "./undo-step.ts";
import type { Verdict } from "./verdict.ts";

export interface UpgradeDecision {
  /** The same object where nothing is to be written. */
  readonly upgrade: ControlPlaneUpgrade;
  /** To be written together with the upgrade. */
  readonly writes: readonly UpgradeWrite[];
  /** To be done beside the store once this is written; its result is told as `facts.act`. */
  readonly act: { readonly kind: UpgradeAct; readonly step: string } | undefined;
  /** When time alone changes something, in the time of `nowMs`; undefined: never. */
  readonly wakeAtMs: number | undefined;
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
    case "abort-failed":
    case "done":
    case "aborted":
      return { upgrade, writes: [], act: undefined, wakeAtMs: undefined };
  }
}

function goOn(upgrade: ControlPlaneUpgrade, facts: UpgradeFacts, nowMs: number): UpgradeDecision {
  const step = currentStep(upgrade, managerIn(facts));
  if (step === undefined) {
    const writes = facts.servers
      .filter(({ order }) => order !== undefined)
      .map(({ id }): UpgradeWrite => ({ kind: "forget-order", server: id }));
    return decided({ ...upgrade, state: "done", detail: "", endedAtMs: nowMs }, writes);
  }
  if (step.state !== "running") return decided(withStep(upgrade, begun(step, "running", nowMs)));
  const verdict = doStep({ upgrade, step, facts, ageMs: nowMs - (step.beganAtMs ?? nowMs) });
  if (verdict.kind === "failed") {
    const { detail } = verdict;
    const failed = withStep(upgrade, { ...step, detail });
    return decided({ ...failed, state: "failed", detail: `${step.name}: ${detail}` });
  }
  if (verdict.kind !== "done") return underWay(upgrade, step, verdict);
  const { detail } = verdict;
  const done = withStep(upgrade, { ...step, state: "done", detail, endedAtMs: nowMs });
  const backup = facts.act?.name === step.name ? facts.act.backup : undefined;
  const next = backup === undefined ? done : { ...done, backup };
  const pauses = upgrade.pauseAfter.some((word) => word === step.name || word === step.kind);
  const paused = {
    state: "paused",
    detail: `after the step ${step.name}, as was asked for`,
  } as const;
  return decided(pauses ? { ...next, ...paused } : next, verdict.writes);
}

function goBack(upgrade: ControlPlaneUpgrade, facts: UpgradeFacts, nowMs: number): UpgradeDecision {
  const isAlive = (server: string): boolean =>
    !facts.servers.some((each) => each.id === server && !each.isAlive);
  const step = currentUndo(upgrade, { isManager: managerIn(facts), isAlive });
  if (step === undefined) {
    return decided({ ...upgrade, state: "aborted", endedAtMs: nowMs });
  }
  if (step.state !== "undoing") return decided(withStep(upgrade, begun(step, "undoing", nowMs)));
  const verdict = undoStep({ upgrade, step, facts, ageMs: nowMs - (step.beganAtMs ?? nowMs) });
  if (verdict.kind === "failed") {
    const { detail } = verdict;
    const failed = withStep(upgrade, { ...step, detail });
    return decided({ ...failed, state: "abort-failed", detail: `${step.name}: ${detail}` });
  }
  if (verdict.kind !== "done") return underWay(upgrade, step, verdict);
  const { detail, writes } = verdict;
  return decided(withStep(upgrade, { ...step, state: "undone", detail, endedAtMs: nowMs }), writes);
}

/** It goes on with the step where it waits; what it waits for is written, so that people see it. */
function underWay(
  upgrade: ControlPlaneUpgrade,
  step: UpgradeStep,
  verdict: Extract<Verdict, { kind: "wait" | "act" }>,
): UpgradeDecision {
  const { detail } = verdict;
  const said = detail === step.detail ? upgrade : withStep(upgrade, { ...step, detail });
  const wakeAtMs = (step.beganAtMs ?? 0) + limitsMs[step.kind];
  if (verdict.kind === "wait")
    return { upgrade: said, writes: verdict.writes ?? [], act: undefined, wakeAtMs };
  const act = { kind: verdict.act, step: step.name };
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
