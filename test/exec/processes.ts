/** Looks at command lines of processes. */
import { readFileSync } from "node:fs";

/** The command line of a process, or nothing when it has ended. */
export function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
