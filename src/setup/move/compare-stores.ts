/** Compares two engines key by key: how many there are, and a checksum over every key with its value. */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { err, ok, type Result } from "../../core/result.ts";
import type { JsonValue, Store, StoredEntry } from "../../ports/store.ts";
import type { MovedEntry, MovedLeases } from "./moved-entry.ts";

const sumsAtOnce = 500;

/** What both hold; `difference` names the first key that is not the same in both. */
export interface Comparison {
  readonly keyCount: number;
  /** Over all keys and values of the source, as they have to be in the target. */
  readonly sha256: string;
  readonly difference: string | undefined;
}

/** Reads both. The error is a store's. */
export async function compareStores(
  source: Store,
  target: Store,
  leases: MovedLeases,
): Promise<Result<Comparison, string>> {
  const wanted = await readSource(source, leases);
  if (!wanted.ok) return wanted;
  const read = await target.range("");
  if (!read.ok) return err(read.error.message);
  const expected = await sumsOf(wanted.value);
  const found = await sumsOf(read.value.entries);
  const whole = createHash("sha256");
  for (const [key, sum] of expected) whole.update(`${key}\n${sum}\n`);
  const difference =
    [...expected].find(([key, sum]) => found.get(key) !== sum)?.[0] ??
    [...found.keys()].find((key) => !expected.has(key));
  return ok({ keyCount: expected.size, sha256: whole.digest("hex"), difference });
}

async function readSource(
  source: Store,
  leases: MovedLeases,
): Promise<Result<readonly MovedEntry[], string>> {
  const read = await source.range("");
  if (!read.ok) return err(read.error.message);
  const moved: MovedEntry[] = [];
  for (const entry of read.value.entries) {
    const one = await leases.translate(entry);
    if (!one.ok) return err(one.error.message);
    if (one.value !== undefined) moved.push(one.value);
  }
  return ok(moved);
}

/** A checksum of each key's value and lease. Renewals of leases come in between: they must not wait for all of it. */
async function sumsOf(
  entries: readonly Pick<StoredEntry, "key" | "value" | "leaseId">[],
): Promise<ReadonlyMap<string, string>> {
  const sums = new Map<string, string>();
  for (const { key, value, leaseId } of entries) {
    const text = `${leaseId ?? ""}\n${canonical(value)}`;
    sums.set(key, createHash("sha256").update(text).digest("hex"));
    if (sums.size % sumsAtOnce === 0) await setImmediate();
  }
  return sums;
}

/** JSON with the fields of objects in order: an engine need not keep theirs. */
function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part,
  );
}
