/** What the manager is told about each service. It follows from the slot, and is repeated until it was heard. */

import { mutated } from "../mutation.ts";
import type { AgentEffect } from "./effect.ts";
import {
  type AgentInstruction,
  type AgentState,
  liveInstanceOf,
  type PendingReport,
  type ReportContent,
  type Slot,
  stableAt,
} from "./state.ts";
import { mustBeTracked, wishFor } from "./wish.ts";

/** Pause before a report that nobody took is sent again; doubles up to the maximum. */
const retryDelayMs = 100;
const retryDelayMsMax = 2_000;
/** Longest detail of a report, as the wire allows it. */
const detailLengthMax = 2_000;

/** Brings the slot's report up to date and sends it if it is due. */
export function refreshReport(
  state: AgentState,
  slot: Slot,
  now: number,
  effects: AgentEffect[],
): void {
  const wanted = contentOf(state, slot, now);
  if (wanted === undefined) {
    // What was not heard yet is no longer true: it is not said again.
    if (slot.report?.progress === "due" || !isCurrent(state, slot)) slot.report = undefined;
  } else if (slot.report === undefined || !sameContent(slot.report.content, wanted)) {
    state.reportCount += 1;
    slot.report = {
      content: wanted,
      sequence: state.reportCount,
      progress: "due",
      retryAtMs: now,
      failureCount: 0,
    };
  }
  const report = slot.report;
  if (report === undefined || report.progress !== "due" || now < report.retryAtMs) return;
  slot.report = { ...report, progress: "sending" };
  effects.push({
    kind: "report",
    service: slot.service,
    sequence: report.sequence,
    content: report.content,
  });
}

/** Takes in how a report fared. An answer to a report that was replaced meanwhile changes nothing. */
export function onReportAnswered(
  slot: Slot,
  sequence: number,
  answer: "accepted" | "refused" | "unknown",
  now: number,
): void {
  const report = slot.report;
  if (report === undefined || report.sequence !== sequence || report.progress !== "sending") return;
  if (answer !== "unknown") {
    slot.report = { ...report, progress: "settled" };
    return;
  }
  const delayMs = Math.min(retryDelayMs * 2 ** report.failureCount, retryDelayMsMax);
  slot.report = {
    ...report,
    progress: "due",
    retryAtMs: now + delayMs,
    failureCount: Math.min(report.failureCount + 1, 10),
  };
}

function contentOf(state: AgentState, slot: Slot, now: number): ReportContent | undefined {
  if (slot.assignment.kind !== "given" || state.lease === undefined) return undefined;
  const instruction = slot.assignment.instruction;
  const epoch = state.lease.epoch;
  if (instruction.nodeEpoch !== epoch || state.closing !== "no") return undefined;
  const { uid, configRevision } = instruction;
  const base = { uid, epoch, health: "none" as const, stable: false, configRevision };
  if (instruction.node !== state.node) {
    const detail = `the instruction is for node ${instruction.node}, this is ${state.node}`;
    return { ...base, result: "wrong-node", detail };
  }
  const wish = wishFor(state, slot);
  const phase = slot.phase;
  if (wish.kind === "up" && phase.kind === "running") {
    if (!followsConfiguration(slot, instruction)) return undefined; // a restart will make it so
    // The manager takes "running" for "the guard watches it": not said before it does (S1).
    if (mustBeTracked(instruction) && !slot.tracked) return undefined;
    const stable = now >= (stableAt(slot) ?? now);
    return { ...base, result: "running", detail: "", health: slot.health, stable };
  }
  if (wish.kind === "up" && isBetweenLives(state, slot)) {
    // Said to run, and about to: others must not count on it meanwhile (S7).
    const { configRevision: before } = slot.report.content;
    const again = "it has ended and is started again";
    return {
      ...base,
      configRevision: before,
      result: "running",
      detail: again,
      health: "unhealthy",
    };
  }
  if (wish.kind === "up" && phase.kind === "failed") {
    return { ...base, result: "failed", detail: phase.detail.slice(0, detailLengthMax) };
  }
  if (wish.kind === "up" && phase.kind === "stuck") {
    // It neither runs nor is it dead: nothing here or elsewhere may start, and a person has to know why.
    return { ...base, result: "unknown-error", detail: phase.detail.slice(0, detailLengthMax) };
  }
  if (wish.kind === "stay" && phase.kind === "running") {
    const stable = now >= (stableAt(slot) ?? now);
    return { ...base, result: "running", detail: "", health: slot.health, stable };
  }
  if (wish.kind === "move") return moveReport(slot, base);
  if (wish.kind === "leave" && isReleased(slot, instruction)) {
    return { ...base, result: "released", detail: "" };
  }
  const isEnded = phase.kind === "down" || (mutated("S1-early-word") && phase.kind === "stopping");
  if (wish.kind === "down" && isEnded) {
    return { ...base, result: "stopped", detail: "" };
  }
  if (wish.kind === "down" && phase.kind === "stuck") {
    return { ...base, result: "failed", detail: phase.detail.slice(0, detailLengthMax) };
  }
  return undefined;
}

/** Whether the manager was told that it runs under this very instruction, and it does not just now. */
function isBetweenLives(
  state: AgentState,
  slot: Slot,
): slot is Slot & { readonly report: PendingReport } {
  const { kind } = slot.phase;
  const isOnItsWay =
    kind === "down" || kind === "confirming" || kind === "starting" || kind === "stopping";
  return isOnItsWay && isCurrent(state, slot) && slot.report?.content.result === "running";
}

function moveReport(slot: Slot, base: Omit<ReportContent, "result" | "detail">) {
  const { moveOutcome: outcome, phase } = slot;
  if (phase.kind === "stuck") return failed(base, phase.detail);
  if (phase.kind === "moving" || phase.kind === "stopping") return undefined;
  if (outcome?.uid !== base.uid) return undefined;
  if (outcome.result === "wrong-node") {
    return { ...base, result: "wrong-node" as const, detail: outcome.detail };
  }
  if (outcome.result === "failed") return failed(base, outcome.detail);
  // Said only while nothing of it is here: the target may start it from this word on (S1).
  if (phase.kind !== "down") return undefined;
  return { ...base, result: "stopped" as const, detail: "" };
}

function failed(base: Omit<ReportContent, "result" | "detail">, detail: string): ReportContent {
  return { ...base, result: "failed", detail: detail.slice(0, detailLengthMax) };
}

/** Whether nobody here watches it any more, as an instruction to leave it alone asks. */
function isReleased(slot: Slot, instruction: AgentInstruction): boolean {
  const isLeft =
    instruction.suspended === true ||
    instruction.state === "freeze" ||
    instruction.state === "ignored";
  return isLeft && (!slot.tracked || liveInstanceOf(slot.phase) === undefined);
}

function followsConfiguration(slot: Slot, instruction: AgentInstruction): boolean {
  return (
    slot.phase.kind === "running" &&
    slot.phase.restartKey === instruction.restartKey &&
    slot.configurationKey === instruction.configurationKey
  );
}

function isCurrent(state: AgentState, slot: Slot): boolean {
  const content = slot.report?.content;
  return (
    content !== undefined &&
    slot.assignment.kind === "given" &&
    slot.assignment.instruction.uid === content.uid &&
    state.lease?.epoch === content.epoch
  );
}

function sameContent(left: ReportContent, right: ReportContent): boolean {
  return (
    left.uid === right.uid &&
    left.epoch === right.epoch &&
    left.result === right.result &&
    left.detail === right.detail &&
    left.health === right.health &&
    left.stable === right.stable &&
    left.configRevision === right.configRevision
  );
}
