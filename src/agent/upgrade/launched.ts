/** Whether a launcher looks after this agent: without one nobody could start another version, or go back. */

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
