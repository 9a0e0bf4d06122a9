/** The launcher's decisions, without its processes: what is to run next, and what becomes of a trial. */
import type { LaunchState, Trial, UpgradeOrder } from "./state.ts";

/** Starts of a new version before it is given up: a reboot in the middle costs one. */
export const attemptsMax = 3;
/** Longest reason that is passed on, in characters: what a server takes. */
export const detailLengthMax = 1_900;

/** What is to run where nothing else is known: the installed package. */
export function initialState(installed: string): LaunchState {
  return { installed, running: "", trial: undefined };
}

/** A person who installs another package wants it to run, whatever was run instead of the one before. */
export function withInstalled(state: LaunchState, installed: string): LaunchState {
  if (state.installed === installed) return state;
  const fresh = { ...state, installed, running: "" };
  if (state.trial?.phase !== "trying") return fresh;
  const detail = `version ${installed} was installed by hand meanwhile`;
  return { ...fresh, trial: { ...state.trial, phase: "rolled-back", detail } };
}

/**
 * Takes up an order, unless it is the one that was carried out last. `fault`: why its version cannot be started.
 * `place`: whether its version has a folder of its own, or is the installed package.
 */
export function withOrder(
  state: LaunchState,
  order: UpgradeOrder | undefined,
  fault: string | undefined,
  place: "folder" | "installed" = "folder",
): LaunchState {
  if (order === undefined || order.id === state.trial?.id) return state;
  const { id, version: to, healthyWithinMs } = order;
  const trial = { id, from: state.running, to, attempts: 0, healthyWithinMs };
  if (fault !== undefined) {
    return { ...state, trial: { ...trial, phase: "rolled-back", detail: fault } };
  }
  const running = place === "installed" ? "" : to;
  return { ...state, running, trial: { ...trial, phase: "trying", detail: "" } };
}

/** Counts a start of a version on trial; with too many of them it is given up. */
export function withAttempt(state: LaunchState): LaunchState {
  const { trial } = state;
  if (trial?.phase !== "trying") return state;
  if (trial.attempts >= attemptsMax) {
    return rolledBack(state, `it was started ${attemptsMax} times and never became healthy`);
  }
  return { ...state, trial: { ...trial, attempts: trial.attempts + 1 } };
}

/** The new version is healthy: it stays. */
export function confirmed(state: LaunchState): LaunchState {
  const { trial } = state;
  return trial === undefined ? state : { ...state, trial: { ...trial, phase: "good" } };
}

/** The version before runs again. */
export function rolledBack(state: LaunchState, because: string): LaunchState {
  const { trial } = state;
  if (trial === undefined) return state;
  const detail = because.slice(0, detailLengthMax);
  return { ...state, running: trial.from, trial: { ...trial, phase: "rolled-back", detail } };
}

/** Its end in a trial is one attempt lost; with the last one it is rolled back. */
export function afterTrialEnd(state: LaunchState, because: string): LaunchState {
  const { trial } = state;
  if (trial === undefined || trial.attempts < attemptsMax) return state;
  return rolledBack(state, because);
}

/** Versions whose folders are still needed: what runs, and the way back. */
export function neededVersions({ running, trial }: LaunchState): ReadonlySet<string> {
  const all = [running, trial?.from ?? "", trial?.to ?? ""];
  return new Set(all.filter((version) => version !== ""));
}

/** Whether a trial goes on. */
export function trialOf({ trial }: LaunchState): Trial | undefined {
  return trial?.phase === "trying" ? trial : undefined;
}
