/** How an instance ended, as its shim wrote it down; that works for adopted instances too. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { WorkloadExit } from "../../../../ports/workload.ts";

/** Shells tell "killed by signal N" as 128 + N; a program that exits with such a code itself looks the same. */
const signalBase = 128;

/** The status in `statusFile`; when the shim could not write it, `signal` (of its own end), if that is known. */
export function readExit(statusFile: string, signal: NodeJS.Signals | undefined): WorkloadExit {
  const status = readStatus(statusFile);
  return status === undefined ? { code: undefined, signal } : exitOfStatus(status);
}

/** What a shell's exit status says. */
export function exitOfStatus(status: number): WorkloadExit {
  const name = signalNames.get(status - signalBase);
  return name === undefined
    ? { code: status, signal: undefined }
    : { code: undefined, signal: name };
}

/** `exit code 3` or `signal SIGTERM`. */
export function describeExit(exit: WorkloadExit): string {
  if (exit.signal !== undefined) return `signal ${exit.signal}`;
  return exit.code === undefined ? "an unknown exit status" : `exit code ${exit.code}`;
}

const signalNames = new Map<number, string>(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
);

function readStatus(statusFile: string): number | undefined {
  try {
    const text = readFileSync(statusFile, "latin1");
    return /^[0-9]{1,3}\n$/.test(text) ? Number(text) : undefined;
  } catch {
    // Killed from outside: the shim had no chance to write it.
    return undefined;
  }
}
