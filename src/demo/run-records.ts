/**
 * The witness of the demo and of the tests: each copy of a workload writes when it began and, many times a second,
 * that it lives, with the machine's monotonic time, into one file that all copies share. Two copies of a service
 * whose lives overlap in it ran at the same time (S1 was broken).
 */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/** How often a copy says that it lives. An overlap shorter than this can stay unseen. */
export const beatEveryMs = 20;

export interface RunRecord {
  readonly kind: "begin" | "beat";
  /** CLOCK_MONOTONIC, which is the same in every process of the machine. */
  readonly atNs: bigint;
  readonly service: string;
  /** Unique for each start of the process, whatever the agent calls it. */
  readonly copy: string;
  readonly node: string;
  /** As the process sees it: a number of its own process namespace where it has one. */
  readonly pid: number;
}

/** One copy's life as far as the records show it. */
export interface Life {
  readonly service: string;
  readonly copy: string;
  readonly node: string;
  readonly beganNs: bigint;
  readonly lastNs: bigint;
}

/** Two copies of one service that lived at the same time. */
export interface Overlap {
  readonly service: string;
  readonly first: Life;
  readonly second: Life;
  readonly overlapMs: number;
}

/** Writes the begin of this process at once and its beats from now on; the function ends the beats. */
export function keepRunRecords(path: string, who: { service: string; node: string }): () => void {
  const file = openSync(path, "a");
  const copy = randomUUID();
  const write = (kind: RunRecord["kind"]): void => {
    const atNs = process.hrtime.bigint();
    writeSync(file, lineOf({ kind, atNs, copy, pid: process.pid, ...who }));
  };
  write("begin");
  const timer = setInterval(write, beatEveryMs, "beat");
  return () => {
    clearInterval(timer);
    closeSync(file);
  };
}

/** A record as one line of text; appended in one write, so lines of several processes never mix. */
export function lineOf(record: RunRecord): string {
  const { kind, atNs, service, copy, node, pid } = record;
  return `${kind} ${atNs} ${service} ${copy} ${node} ${pid}\n`;
}

/** Reads the file; a last line without its end is left out. Throws on a line that is no record: a bug. */
export function readRunRecords(path: string): readonly RunRecord[] {
  return parseRunRecords(readFileSync(path, "utf8"));
}

/** The records in a text. */
export function parseRunRecords(text: string): readonly RunRecord[] {
  const lines = text.split("\n");
  lines.pop(); // what follows the last line end: nothing, or a line that is still being written
  return lines.map((line) => {
    const [kind, atNs, service, copy, node, pid] = line.split(" ");
    const isWhole = service !== undefined && copy !== undefined && node !== undefined;
    if (!isWhole || atNs === undefined || (kind !== "begin" && kind !== "beat")) {
      throw new Error(`not a run record: "${line.slice(0, 200)}"`);
    }
    return { kind, atNs: BigInt(atNs), service, copy, node, pid: Number(pid) };
  });
}

/** The life of each copy, in the order in which they began. */
export function livesOf(records: readonly RunRecord[]): readonly Life[] {
  const lives = new Map<string, Life>();
  for (const { copy, service, node, atNs } of records) {
    const known = lives.get(copy) ?? { copy, service, node, beganNs: atNs, lastNs: atNs };
    lives.set(copy, {
      ...known,
      beganNs: atNs < known.beganNs ? atNs : known.beganNs,
      lastNs: atNs > known.lastNs ? atNs : known.lastNs,
    });
  }
  return [...lives.values()].sort((a, b) => compareNs(a.beganNs, b.beganNs));
}

/** Every pair of copies of one service that lived at the same time. None: nothing ran twice. */
export function overlapsOf(records: readonly RunRecord[]): readonly Overlap[] {
  const found: Overlap[] = [];
  const earlier = new Map<string, Life[]>();
  for (const second of livesOf(records)) {
    const others = earlier.get(second.service) ?? [];
    earlier.set(second.service, [...others, second]);
    for (const first of others) {
      if (first.lastNs < second.beganNs) continue;
      const endNs = first.lastNs < second.lastNs ? first.lastNs : second.lastNs;
      const overlapMs = Number(endNs - second.beganNs) / 1e6;
      found.push({ service: second.service, first, second, overlapMs });
    }
  }
  return found;
}

function compareNs(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
