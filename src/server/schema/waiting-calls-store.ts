/** How a server that waits reads its store: one record at a time, as it lies there, and never for long. */
import type * as z from "zod";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Store, StoreError } from "../../ports/store.ts";
import { lineOfFaults, type Problem } from "../../wire/errors.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import type { Row } from "../view/table-slots.ts";

/** What calls of people need of the store. */
export type WaitingStore = Pick<Store, "get" | "txn">;

/** Whoever asks has to hear in time that it is another server's turn. */
const storeMsMax = 3_000;

/** The store, which does not answer later than a person's client waits for it. */
export function storeInTime(store: Store, clock: Clock): WaitingStore {
  return {
    get: (key) => inTime(store.get(key), { clock, mayHaveTakenEffect: false }),
    txn: (txn) => inTime(store.txn(txn), { clock, mayHaveTakenEffect: true }),
  };
}

/** The record of a key; `what` names it for people. Of another schema of the store it may not be readable. */
export async function readRow<T>(
  store: WaitingStore,
  { key, schema, what }: { readonly key: string; readonly schema: z.ZodType<T>; what: string },
): Promise<Result<Row<T> | undefined, Problem>> {
  const read = fromStore(await store.get(key));
  if (!read.ok) return read;
  const { entry } = read.value;
  if (entry === undefined) return ok(undefined);
  const parsed = schema.safeParse(entry.value);
  if (parsed.success) return ok({ value: parsed.data, revision: entry.modRevision });
  return refuse(
    "unavailable",
    `this server cannot read ${what} while it waits for its store's schema: ${lineOfFaults(parsed.error)}`,
  );
}

async function inTime<T>(
  answer: Promise<Result<T, StoreError>>,
  { clock, mayHaveTakenEffect }: { readonly clock: Clock; readonly mayHaveTakenEffect: boolean },
): Promise<Result<T, StoreError>> {
  const { promise, resolve } = Promise.withResolvers<Result<T, StoreError>>();
  const message = `the store does not answer within ${storeMsMax / 1_000} s`;
  const cancel = clock.after(storeMsMax, () => {
    resolve(err({ kind: "unavailable", message, mayHaveTakenEffect }));
  });
  const first = await Promise.race([answer, promise]);
  cancel();
  return first;
}
