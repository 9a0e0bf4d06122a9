/** A checked transaction as etcd's. */
import { assertNever } from "../../core/assert.ts";
import type { Compare, LeaseId } from "../../ports/store.ts";
import type { CheckedOperation, CheckedTxn } from "../shared/check-txn.ts";
import type { EtcdCompare, RequestOp, TxnRequest } from "./client/messages.ts";
import type { KeySpace } from "./key-space.ts";
import { isLeaseId, neverALease } from "./lease-id.ts";

/** The request, ready to be sent. */
export function etcdTxnOf(txn: CheckedTxn, keys: KeySpace): TxnRequest {
  const success = txn.wanted.map((operation) => operationOf(operation, keys));
  const failure = txn.otherwise.map((operation) => operationOf(operation, keys));
  const compare = txn.compare.map((one) => compareOf(one, keys));
  if (success.length > 0 && failure.length > 0) return { compare, success, failure };
  // A transaction that writes nothing is answered by etcd without asking a quorum, unless it reads in both branches.
  const read: RequestOp = { requestRange: { key: keys.keyOf(""), countOnly: true } };
  return {
    compare,
    success: success.length === 0 ? [read] : success,
    failure: failure.length === 0 ? [read] : failure,
  };
}

/** The leases that a transaction names, each once. */
export function leasesOf(txn: CheckedTxn): readonly LeaseId[] {
  const ids = new Set<LeaseId>();
  for (const operation of [...txn.wanted, ...txn.otherwise]) {
    if (operation.kind === "put" && operation.leaseId !== undefined) ids.add(operation.leaseId);
  }
  return [...ids];
}

function operationOf(operation: CheckedOperation, keys: KeySpace): RequestOp {
  const key = keys.keyOf(operation.key);
  if (operation.kind === "delete") return { requestDeleteRange: { key } };
  const value = Buffer.from(operation.text);
  return { requestPut: { key, value, lease: leaseOf(operation.leaseId) } };
}

/** What is no lease's id is sent as one that never is, so that it counts only if its branch is done. */
function leaseOf(leaseId: LeaseId | undefined): string {
  if (leaseId === undefined) return "0";
  return isLeaseId(leaseId) ? leaseId : neverALease;
}

function compareOf(compare: Compare, keys: KeySpace): EtcdCompare {
  const key = keys.keyOf(compare.key);
  switch (compare.kind) {
    case "absent":
      return { result: "EQUAL", target: "CREATE", key, createRevision: 0 };
    case "present":
      return { result: "NOT_EQUAL", target: "CREATE", key, createRevision: 0 };
    case "created-at":
      return {
        ...{ result: "EQUAL", target: "CREATE", key },
        createRevision: comparable(keys.toEtcd(compare.revision)),
      };
    case "modified-at":
      return {
        ...{ result: "EQUAL", target: "MOD", key },
        modRevision: comparable(keys.toEtcd(compare.revision)),
      };
    default:
      return assertNever(compare);
  }
}

/** 0 would mean "absent" to etcd; a revision of the time before this etcd is none that a key has. */
function comparable(revision: number): number {
  return revision >= 1 ? revision : -1;
}
