/** Checks a transaction before it is queued, so that nothing but the disk can stop it half-way. */
import { err, ok, type Result } from "../../core/result.ts";
import type { Compare, LeaseId, Operation, StoreError, Txn } from "../../ports/store.ts";
import { flawOfKey } from "./key.ts";
import { operationsMax, txnBytesMax } from "./limits.ts";
import { refused } from "./store-error.ts";
import { encodeValue } from "./value.ts";

export type CheckedOperation =
  | {
      readonly kind: "put";
      readonly key: string;
      readonly text: string;
      readonly sizeBytes: number;
      readonly leaseId: LeaseId | undefined;
    }
  | { readonly kind: "delete"; readonly key: string };

/** `wanted` is done if all comparisons hold, else `otherwise`. */
export interface CheckedTxn {
  readonly compare: readonly Compare[];
  readonly wanted: readonly CheckedOperation[];
  readonly otherwise: readonly CheckedOperation[];
  readonly sizeBytes: number;
}

/** The transaction with its values as text, or `refused` with what is wrong. */
export function checkTxn(txn: Txn): Result<CheckedTxn, StoreError> {
  const flaw = flawOfCompares(txn.compare);
  if (flaw !== undefined) return err(refused(flaw));
  const wanted = checkOperations(txn.then);
  if (!wanted.ok) return err(refused(wanted.error));
  const otherwise = checkOperations(txn.otherwise ?? []);
  if (!otherwise.ok) return err(refused(otherwise.error));
  const sizeBytes = sizeOf(wanted.value) + sizeOf(otherwise.value);
  if (sizeBytes > txnBytesMax) {
    return err(
      refused(`a transaction has at most ${txnBytesMax} bytes of values, this one ${sizeBytes}`),
    );
  }
  const compare = txn.compare.map((one) => ({ ...one }));
  return ok({ compare, wanted: wanted.value, otherwise: otherwise.value, sizeBytes });
}

function flawOfCompares(compares: readonly Compare[]): string | undefined {
  if (compares.length > operationsMax) {
    return `a transaction has at most ${operationsMax} comparisons, this one ${compares.length}`;
  }
  for (const compare of compares) {
    const flaw = flawOfKey(compare.key);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function checkOperations(
  operations: readonly Operation[],
): Result<readonly CheckedOperation[], string> {
  if (operations.length > operationsMax) {
    return err(
      `a transaction has at most ${operationsMax} operations, this one ${operations.length}`,
    );
  }
  const checked: CheckedOperation[] = [];
  const keys = new Set<string>();
  for (const operation of operations) {
    const flaw = flawOfKey(operation.key);
    if (flaw !== undefined) return err(flaw);
    if (keys.has(operation.key)) {
      return err(`key "${operation.key}" is named by more than one operation`);
    }
    keys.add(operation.key);
    const one = checkOperation(operation);
    if (!one.ok) return one;
    checked.push(one.value);
  }
  return ok(checked);
}

function checkOperation(operation: Operation): Result<CheckedOperation, string> {
  if (operation.kind === "delete") return ok({ kind: "delete", key: operation.key });
  const encoded = encodeValue(operation.value);
  if (!encoded.ok) return err(`the value of key "${operation.key}" ${encoded.error}`);
  const { key, leaseId } = operation;
  return ok({ kind: "put", key, leaseId, ...encoded.value });
}

function sizeOf(operations: readonly CheckedOperation[]): number {
  return operations.reduce(
    (sum, operation) => sum + (operation.kind === "put" ? operation.sizeBytes : 0),
    0,
  );
}
