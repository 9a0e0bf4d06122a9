/** Whether a launcher looks after this process: without one nobody could start another version, or go back. */

/** `lost`: it has died, and the next one that is started takes over. */
export type LauncherState = "alive" | "lost" | "none";

/** The launcher that started this process, and its parent. */
export interface Launched {
  readonly pid: number;
  readonly parentPid: number;
}

/** What the launcher has put into the environment; undefined: there is none, or it is an ancestor's. */
export function launchedBy(variable: string | undefined, parentPid: number): Launched | undefined {
  const [, pid, parent] = /^(\d{1,10}):(\d{1,10})$/.exec(variable ?? "") ?? [];
  if (pid === undefined || parent === undefined || Number(pid) !== parentPid) return undefined;
  return { pid: Number(pid), parentPid: Number(parent) };
}

/** What looks after this process now. */
export function launcherStateOf(variable: string | undefined, parentPid: number): LauncherState {
  if (variable === undefined) return "none";
  return launchedBy(variable, parentPid) === undefined ? "lost" : "alive";
}
