/** Durations and sizes as people write them in scenarios, and back without loss. */
import { err, ok, type Result } from "../../../core/result.ts";

const unitsMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
type TimeUnit = keyof typeof unitsMs;

const durationPattern = /^(?:\d+(?:\.\d+)?(?:ms|d|h|m|s))+$/;
const durationParts = /(\d+(?:\.\d+)?)(ms|d|h|m|s)/g;

const unitsBytes: readonly (readonly [string, number])[] = [
  ["T", 1_024 ** 4],
  ["G", 1_024 ** 3],
  ["M", 1_024 ** 2],
  ["K", 1_024],
];

/** Longest time that a scenario may name: a year. */
const durationMsMax = 366 * unitsMs.d;

/** Milliseconds of `20s`, `1m30s` or `250ms`; 0 needs no unit. The error says how to write it. */
export function readDuration(value: unknown): Result<number, string> {
  if (value === 0) return ok(0);
  if (typeof value !== "string" || !durationPattern.test(value)) return err(durationFault(value));
  let sumMs = 0;
  for (const [, amount, unit] of value.matchAll(durationParts)) {
    if (!isTimeUnit(unit)) return err(durationFault(value));
    const ms = Number(amount) * unitsMs[unit];
    sumMs += unit === "ms" ? ms : Math.round(ms);
  }
  return sumMs <= durationMsMax ? ok(sumMs) : err(`"${value}" is longer than a year`);
}

function isTimeUnit(text: string | undefined): text is TimeUnit {
  return text !== undefined && text in unitsMs;
}

function durationFault(value: unknown): string {
  if (value === undefined || value === null) return "it is missing: write e.g. 20s";
  if (typeof value === "number" || (typeof value === "string" && /^[-\d.]+$/.test(value))) {
    return Number(value) < 0
      ? `${value} is negative: a duration is 0 or more`
      : `${value} has no unit: write e.g. ${value}s`;
  }
  if (typeof value === "string" && value.startsWith("-")) {
    return `"${value}" is negative: a duration is 0 or more`;
  }
  return `${JSON.stringify(value)} is no duration: write e.g. 20s, 1m30s or 250ms`;
}

/** As `readDuration` reads it, in at most two units where that is exact. */
export function writeDuration(durationMs: number): string {
  if (!Number.isInteger(durationMs)) return `${durationMs.toFixed(6).replace(/\.?0+$/, "")}ms`;
  if (durationMs === 0) return "0s";
  let rest = durationMs;
  let text = "";
  for (const unit of ["d", "h", "m", "s", "ms"] as const) {
    const count = Math.floor(rest / unitsMs[unit]);
    if (count === 0) continue;
    if (unit === "ms" && text !== "") return `${durationMs}ms`;
    text += `${count}${unit}`;
    rest -= count * unitsMs[unit];
  }
  return text;
}

/** Bytes of `4G`, `512MiB` or a number of bytes; the error says how to write it. */
export function readSize(value: unknown): Result<number, string> {
  if (typeof value === "number" && value >= 0) return ok(value);
  const match = typeof value === "string" ? /^(\d+(?:\.\d+)?)([KMGT])(?:i?B)?$/.exec(value) : null;
  const unit = unitsBytes.find(([name]) => name === match?.[2]);
  if (unit === undefined) {
    return err(`${JSON.stringify(value)} is no size: write e.g. 512M, 4G or bytes`);
  }
  return ok(Math.round(Number(match?.[1]) * unit[1]));
}

/** As `readSize` reads it. */
export function writeSize(sizeBytes: number): string | number {
  for (const [name, unit] of unitsBytes) {
    if (sizeBytes >= unit && sizeBytes % unit === 0) return `${sizeBytes / unit}${name}`;
  }
  return sizeBytes;
}
