/** How a fault ends that a step gives a time with `for`. */
import type { StepAction } from "./step-action.ts";

/** The action that takes it back; undefined: it has no end of its own. */
export function endingOf(action: StepAction): StepAction | undefined {
  const { kind } = action;
  if (kind === "power" || kind === "network")
    return action.on ? undefined : { ...action, on: true };
  if (kind === "cut" || kind === "pause" || kind === "maintenance") {
    return action.on ? { ...action, on: false } : undefined;
  }
  if (kind === "node-mode") {
    return action.order === "enable" ? undefined : { ...action, order: "enable" };
  }
  if (kind === "link") return { ...action, delayMs: 0, lossShare: 0, jitterMs: 0 };
  if (kind === "clock") return { ...action, ppm: 0 };
  if (kind === "driver") return { ...action, misbehaviour: undefined, hangs: false };
  if (kind === "store") return action.mode === "ok" ? undefined : { ...action, mode: "ok" };
  if (kind === "arming") return action.mode === "armed" ? undefined : { ...action, mode: "armed" };
  if (kind === "freeze") return { kind: "unfreeze" };
  const isLocked = kind === "lock" && action.name !== undefined;
  return isLocked ? { ...action, name: undefined } : undefined;
}
