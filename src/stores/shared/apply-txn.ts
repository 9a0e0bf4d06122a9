/** Evaluates a checked transaction on a backend. Called inside the backend's `atomically`. */
import { assertNever } from "../../core/assert.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type {
  Compare,
  LeaseId,
  StoreChange,
  StoreError,
  StoreRevision,
  TxnOutcome,
} from "../../ports/store.ts";
import type { CheckedOperation, CheckedTxn } from "./check-txn.ts";
import { utf8LengthOf } from "./key.ts";
import { keyOfChange, type StagedChange, type StoreBackend } from "./store-backend.ts";
import { leaseNotFound } from "./store-error.ts";
import { decodeValue } from "./value.ts";

/** Does `wanted` or `otherwise`, all of it or (the lease of a put is over) nothing. */
export function applyTxn(
  backend: StoreBackend,
  txn: CheckedTxn,
  isLeaseAlive: (leaseId: LeaseId) => boolean,
): Result<TxnOutcome, StoreError> {
  const succeeded = txn.compare.every((compare) => holds(backend, compare));
  const operations = succeeded ? txn.wanted : txn.otherwise;
  for (const operation of operations) {
    if (operation.kind !== "put" || operation.leaseId === undefined) continue;
    if (!isLeaseAlive(operation.leaseId)) return err(leaseNotFound(operation.leaseId));
  }
  const revision = backend.revision() + 1;
  const changes = operations.flatMap((operation) => applyOperation(backend, operation, revision));
  return ok({ succeeded, revision: appendChanges(backend, changes) });
}

/** Deletes a lease and its keys, as one revision if there are any. */
export function applyLeaseEnd(backend: StoreBackend, leaseId: LeaseId): void {
  const changes = backend.keysOfLease(leaseId).flatMap((key) => removeKey(backend, key));
  backend.removeLease(leaseId);
  appendChanges(backend, changes);
}

/** The revision after the changes: no change takes no revision. */
function appendChanges(backend: StoreBackend, changes: readonly StagedChange[]): StoreRevision {
  if (changes.length === 0) return backend.revision();
  const revision = backend.revision() + 1;
  const sizeBytes = changes.reduce(
    (sum, staged) => sum + utf8LengthOf(keyOfChange(staged.change)) + utf8LengthOf(staged.text),
    0,
  );
  backend.append({ revision, changes, sizeBytes });
  return revision;
}

function holds(backend: StoreBackend, compare: Compare): boolean {
  const found = backend.revisionsOf(compare.key);
  switch (compare.kind) {
    case "absent":
      return found === undefined;
    case "present":
      return found !== undefined;
    case "created-at":
      return found?.createRevision === compare.revision;
    case "modified-at":
      return found?.modRevision === compare.revision;
    default:
      return assertNever(compare);
  }
}

function applyOperation(
  backend: StoreBackend,
  operation: CheckedOperation,
  revision: StoreRevision,
): readonly StagedChange[] {
  if (operation.kind === "delete") return removeKey(backend, operation.key);
  const { key, text, leaseId } = operation;
  const entry = {
    key,
    value: decodeValue(text),
    createRevision: backend.revisionsOf(key)?.createRevision ?? revision,
    modRevision: revision,
    leaseId,
  };
  backend.put(entry, text);
  return [{ change: { kind: "put", entry }, text }];
}

function removeKey(backend: StoreBackend, key: string): readonly StagedChange[] {
  const entry = backend.entry(key);
  if (entry === undefined) return [];
  backend.remove(key);
  const change: StoreChange = { kind: "delete", key, previous: entry.value };
  return [{ change, text: JSON.stringify(entry.value) }];
}
