/**
 * What a server and the guard of its floating address say to each other, as lines of JSON over two pipes. The end of
 * the guard's input means that the server is gone.
 */
import { isIP } from "node:net";
import type { FloatingAddress, HoldUntil } from "../../ports/office.ts";

/** A line that is longer is no message. */
export const lineBytesMax = 4_096;

/** `hold`: have the address until then. `drop`: have it no more. */
export type GuardOrder =
  | ({ readonly kind: "hold"; readonly id: number } & HoldUntil)
  | { readonly kind: "drop"; readonly id: number };

/** `ready`: what an earlier life has left is gone. `failure` is undefined when it was done. */
export type GuardWord =
  | { readonly kind: "ready"; readonly failure: string | undefined }
  | { readonly kind: "answer"; readonly id: number; readonly failure: string | undefined }
  | { readonly kind: "removed"; readonly because: string };

/** Undefined: this is no order. */
export function parseOrder(line: string): GuardOrder | undefined {
  const fields = fieldsOf(line);
  if (fields === undefined || typeof fields["id"] !== "number") return undefined;
  const { id } = fields;
  if (fields["kind"] === "drop") return { kind: "drop", id };
  const { removeAtMs, endAtMs } = fields;
  if (fields["kind"] !== "hold") return undefined;
  if (typeof removeAtMs !== "number" || typeof endAtMs !== "number") return undefined;
  return { kind: "hold", id, removeAtMs, endAtMs };
}

/** Undefined: this is no word of a guard. */
export function parseWord(line: string): GuardWord | undefined {
  const fields = fieldsOf(line);
  if (fields === undefined) return undefined;
  const { id, because } = fields;
  const failure = typeof fields["failure"] === "string" ? fields["failure"] : undefined;
  if (fields["kind"] === "ready") return { kind: "ready", failure };
  if (fields["kind"] === "removed" && typeof because === "string") {
    return { kind: "removed", because };
  }
  if (fields["kind"] !== "answer" || typeof id !== "number") return undefined;
  return { kind: "answer", id, failure };
}

/** The guard's one argument. Undefined: it is none. */
export function parsePlace(text: string): FloatingAddress | undefined {
  const { address, prefixLength, interface: name } = fieldsOf(text) ?? {};
  if (typeof address !== "string" || isIP(address) === 0) return undefined;
  if (typeof prefixLength !== "number" || typeof name !== "string") return undefined;
  return { address, prefixLength, interface: name };
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    return Object.fromEntries(Object.entries(value));
  } catch {
    return undefined; // it is no JSON: the caller ends the connection
  }
}
