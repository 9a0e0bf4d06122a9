/** Whether an etcd takes what Holdfast may have to write: a cluster that others run may have etcd's own, smaller limits. */
import { keyBytesMax, operationsMax, txnBytesMax } from "../shared/limits.ts";
import type { Connection } from "./client/connection.ts";
import { verdictOf } from "./client/failure.ts";
import type { EtcdCompare, RequestOp } from "./client/messages.ts";
import { txn } from "./client/methods.ts";

/** Largest request: values of one transaction, and the keys of its comparisons and operations. */
const requestBytesMax = txnBytesMax + 2 * operationsMax * keyBytesMax;
const answerMsMax = 10_000;
const key = Buffer.from("/holdfast/meta");

/**
 * Sends a transaction of the largest size that reads one key and writes nothing. The answer is what a person has to
 * change, or undefined: nothing, or it could not be found out now.
 */
export async function flawOfLimits(connection: Connection): Promise<string | undefined> {
  const absent: EtcdCompare = { result: "EQUAL", target: "CREATE", key, createRevision: 0 };
  const padding: EtcdCompare = {
    ...{ result: "EQUAL", target: "VALUE", key },
    value: Buffer.alloc(requestBytesMax),
  };
  const compare = [...Array.from({ length: operationsMax - 1 }, () => absent), padding];
  const read: RequestOp = { requestRange: { key, countOnly: true } };
  const request = { compare, success: [read], failure: [read] };
  const asked = await connection.call(txn, request, { timeoutMs: answerMsMax });
  if (asked.ok) return undefined;
  const verdict = verdictOf(asked.error);
  return verdict.kind === "refused" ? verdict.message : undefined;
}
