/** What a process costs, as the kernel counts it in /proc. */
import { readFileSync } from "node:fs";

/** Unit of the times in /proc/PID/stat; fixed at 100 in the kernel's interface to programs on all our machines. */
const ticksPerSecond = 100;

export interface Memory {
  /** Resident set: pages in memory, those shared with other processes in full. */
  readonly rssBytes: number;
  /** Proportional set: shared pages divided by how many share them. */
  readonly pssBytes: number;
  /** Pages that no other process has. */
  readonly privateBytes: number;
}

/** User and system time that the process has used since it began. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return {
    rssBytes: fieldOf(text, "Rss"),
    pssBytes: fieldOf(text, "Pss"),
    privateBytes: fieldOf(text, "Private_Clean") + fieldOf(text, "Private_Dirty"),
  };
}

/** What two processes of one program need together: the pages that they share count once. */
export function togetherBytes(a: Memory, b: Memory): number {
  const shared = Math.max(a.rssBytes - a.privateBytes, b.rssBytes - b.privateBytes);
  return a.privateBytes + b.privateBytes + shared;
}

function fieldOf(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text);
  if (found === null) throw new Error(`smaps_rollup has no field ${name}`);
  return Number(found[1]) * 1_024;
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly worst: number;
}

/** Of at least one value; the median of an even count is the mean of the two in the middle. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const half = sorted.length / 2;
  const isEven = sorted.length % 2 === 0;
  return {
    min: at(0),
    median: isEven ? (at(half - 1) + at(half)) / 2 : at(Math.floor(half)),
    worst: at(sorted.length - 1),
  };
}
