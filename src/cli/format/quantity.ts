/** Durations, sizes and ages as people write and read them. */
import { err, ok, type Result } from "../../core/result.ts";

const durationUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizeUnitsBytes: Readonly<Record<string, number>> = {
  "": 1,
  K: 1_024,
  M: 1_024 ** 2,
  G: 1_024 ** 3,
};

/** Milliseconds of `10s`, `500ms`, `2m`, `1h`, `7d`; the error says how to write it. */
export function parseDuration(text: string): Result<number, string> {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const unitMs = durationUnitsMs[match?.[2] ?? "none"];
  if (unitMs === undefined) {
    return err(`"${text}" is no duration: write a number and ms, s, m, h or d, e.g. 10s`);
  }
  return ok(Math.round(Number(match?.[1]) * unitMs));
}

/** Bytes of `4096`, `64K`, `10M`, `1G`; the error says how to write it. */
export function parseSize(text: string): Result<number, string> {
  const match = /^(\d+)([KMG]?)$/.exec(text);
  const unitBytes = sizeUnitsBytes[match?.[2] ?? "none"];
  if (unitBytes === undefined) {
    return err(`"${text}" is no size: write a number of bytes, or with K, M or G, e.g. 10M`);
  }
  return ok(Number(match?.[1]) * unitBytes);
}

/** A duration or size as a person writes it, in the largest unit that gives a whole number. */
function inUnits(value: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).filter(([, unit]) => value >= unit && value % unit === 0);
  const [name, unit] = fitting.at(-1) ?? Object.entries(units)[0] ?? ["", 1];
  return `${value / unit}${name}`;
}

/** Milliseconds as `parseDuration` reads them, e.g. `10s`. */
export function writeDuration(durationMs: number): string {
  return inUnits(durationMs, durationUnitsMs);
}

/** Bytes as `parseSize` reads them, e.g. `10M`. */
export function writeSize(sizeBytes: number): string {
  return inUnits(sizeBytes, sizeUnitsBytes);
}

/** A whole number from 0. */
export function parseCount(text: string): Result<number, string> {
  return /^\d{1,15}$/.test(text)
    ? ok(Number(text))
    : err(`"${text}" is no number: write a whole number from 0`);
}

/** Any number, with a point before decimals. */
export function parseNumber(text: string): Result<number, string> {
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text)
    ? ok(Number(text))
    : err(`"${text}" is no number: write it like 2, 0.5 or -10`);
}

/** A span in its two largest units, e.g. `3m 12s`; below ten seconds with a tenth. */
export function formatSpan(spanMs: number): string {
  const ms = Math.max(0, spanMs);
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h ${Math.floor(seconds / 60) % 60}m`;
  return `${Math.floor(seconds / 86_400)}d ${Math.floor(seconds / 3_600) % 24}h`;
}

/** An instant as local date and time to the millisecond, e.g. `2026-11-21 14:03:07.250`. */
export function formatInstant(atMs: number): string {
  const date = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
