/**
 * Keys are ordered by their UTF-8 bytes, as SQLite and etcd order them. JavaScript orders by UTF-16 code
 * units, which differs beyond the basic plane, so comparison and prefix arithmetic live here.
 */
import { keyBytesMax } from "./limits.ts";

/** The keys from `from` on (itself included) and before `before`; undefined: without end. */
export interface KeyRange {
  readonly from: string;
  readonly before: string | undefined;
}

/** What is wrong with a key, or undefined. */
export function flawOfKey(key: string): string | undefined {
  if (key.length === 0) return "a key is not empty";
  if (!key.isWellFormed()) return `key ${JSON.stringify(key)} is not valid Unicode text`;
  if (key.includes("\0")) return `key ${JSON.stringify(key)} contains a zero character`;
  if (utf8LengthOf(key) > keyBytesMax) {
    return `key "${key.slice(0, 40)}..." is longer than ${keyBytesMax} bytes`;
  }
  return undefined;
}

/** What is wrong with a prefix, or undefined; an empty one means all keys. */
export function flawOfPrefix(prefix: string): string | undefined {
  return prefix === "" ? undefined : flawOfKey(prefix);
}

/** Length in UTF-8 bytes. */
export function utf8LengthOf(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) bytes += 1;
    // A surrogate pair is four bytes, so each half counts two.
    if (unit >= 0x800 && !isSurrogate(unit)) bytes += 1;
  }
  return bytes;
}

/** Orders two keys by their UTF-8 bytes. */
export function compareKeys(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    if (leftUnit !== rightUnit) return rankOf(leftUnit) - rankOf(rightUnit);
  }
  return left.length - right.length;
}

/** The range of all keys that begin with `prefix`. */
export function rangeOfPrefix(prefix: string): KeyRange {
  return { from: prefix, before: keyAfterPrefix(prefix) };
}

/** The smallest text that is greater than every text with this prefix; undefined where there is none. */
function keyAfterPrefix(prefix: string): string | undefined {
  const points = [...prefix];
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    if (point === 0x10ffff) continue;
    // Surrogates are no characters of their own: after U+D7FF comes U+E000.
    const next = point === 0xd7ff ? 0xe000 : point + 1;
    return points.join("") + String.fromCodePoint(next);
  }
  return undefined;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** Moves surrogates (characters beyond the basic plane) behind U+E000..U+FFFF, where UTF-8 has them. */
function rankOf(unit: number): number {
  if (isSurrogate(unit)) return unit + 0x2000;
  return unit >= 0xe000 ? unit - 0x800 : unit;
}
