/** Values to text and back. Text is what is kept, so neither side can change a value after handing it over. */
import { err, ok, type Result } from "../../core/result.ts";
import type { JsonValue } from "../../ports/store.ts";
import { utf8LengthOf } from "./key.ts";
import { jsonDepthMax, valueBytesMax } from "./limits.ts";

export interface EncodedValue {
  readonly text: string;
  readonly sizeBytes: number;
}

/** A value's JSON, or what is wrong with it: not plain JSON, nested too deep, or too large. */
export function encodeValue(value: JsonValue): Result<EncodedValue, string> {
  const flaw = flawOf(value, 0);
  if (flaw !== undefined) return err(flaw);
  const text = JSON.stringify(value);
  const sizeBytes = utf8LengthOf(text);
  if (sizeBytes > valueBytesMax) {
    return err(`has ${sizeBytes} bytes, at most ${valueBytesMax} are allowed`);
  }
  return ok({ text, sizeBytes });
}

/** The value that `encodeValue` wrote, frozen through and through. */
export function decodeValue(text: string): JsonValue {
  return freeze(JSON.parse(text)) as JsonValue; // JSON.parse returns nothing but JSON
}

function flawOf(value: unknown, depth: number): string | undefined {
  if (depth > jsonDepthMax) return `is nested deeper than ${jsonDepthMax} levels`;
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value === "number") {
    return Number.isFinite(value) ? undefined : `holds ${value}, which JSON cannot`;
  }
  if (typeof value !== "object") return `holds something of type ${typeof value}`;
  if (!isPlain(value)) return "holds an object that is not plain JSON";
  return flawOfMembers(value, depth);
}

function flawOfMembers(value: object, depth: number): string | undefined {
  const isArray = Array.isArray(value);
  for (const member of isArray ? value : Object.values(value)) {
    // A property that is undefined is left out by JSON; an array's element would turn into null.
    if (member === undefined && !isArray) continue;
    const flaw = flawOf(member, depth + 1);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !("toJSON" in value);
}

function freeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
