/**
 * Marks a store as one that lives anew, from data that may lack the end of the old life: revisions and epochs jump
 * ahead of whatever the old life may have given out, and the other servers are no longer of it.
 */

import { epochOf } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Operation, Store } from "../../ports/store.ts";
import { jsonOf, readRecord } from "../../runtime/manager-records.ts";
import { removalOf } from "../../server/control-plane/removed-server.ts";
import type { EtcdAccess } from "../../stores/etcd/etcd-access.ts";
import { readMeta, writeMeta } from "../../stores/etcd/etcd-meta.ts";
import { epochRecordSchema, keys } from "../../wire/records.ts";
import { serverCounterRecordSchema, serverRecordSchema } from "../../wire/servers.ts";
import { auditByHand } from "../audit-by-hand.ts";
import type { ServerIdentity } from "../server-files.ts";

/** More than the old life can have written without this member. */
const revisionLead = 1_000_000;
const epochLead = 1_000;
/** More servers than can have come in without this member's knowledge: no id is given twice. */
const serverIdLead = 10;
const batchMax = 200;

export interface NewLifeOptions {
  readonly access: EtcdAccess;
  readonly store: Store;
  readonly identity: ServerIdentity;
  readonly clock: Clock;
}

/** Writes the marks. */
export async function beginNewLife(options: NewLifeOptions): Promise<Result<void, string>> {
  const raised = await raiseRevisions(options.access);
  if (!raised.ok) return raised;
  const operations: Operation[] = [{ kind: "delete", key: keys.manager }];
  for (const collect of [raiseEpochs, raiseServerCounter, removeOthers, endJoins, note]) {
    const found = await collect(options);
    if (!found.ok) return found;
    operations.push(...found.value);
  }
  for (let first = 0; first < operations.length; first += batchMax) {
    const then = operations.slice(first, first + batchMax);
    const written = await options.store.txn({ compare: [], then });
    if (!written.ok) return err(written.error.message);
  }
  return ok(undefined);
}

async function raiseRevisions(access: EtcdAccess): Promise<Result<void, string>> {
  const read = await readMeta(access);
  if (!read.ok) return err(read.error.message);
  const before = read.value;
  const meta = {
    schema: 1,
    clusterId: before?.meta.clusterId ?? "holdfast",
    revisionOffset: (before?.meta.revisionOffset ?? 0) + revisionLead,
  } as const;
  const written = await writeMeta(access, { meta, replaces: before ?? "nothing" });
  if (!written.ok) return err(written.error.message);
  return written.value ? ok(undefined) : err("somebody else writes to this member: stop it first");
}

type Collected = Promise<Result<Operation[], string>>;

async function raiseEpochs({ store }: NewLifeOptions): Collected {
  const read = await store.range(keys.epochs);
  if (!read.ok) return err(read.error.message);
  return ok(
    read.value.entries.map(({ key, value }) => {
      const { epoch } = readRecord(epochRecordSchema, key, value);
      return { kind: "put", key, value: jsonOf({ version: 1, epoch: epochOf(epoch + epochLead) }) };
    }),
  );
}

async function raiseServerCounter({ store, identity }: NewLifeOptions): Collected {
  const read = await store.get(keys.serverCounter);
  if (!read.ok) return err(read.error.message);
  const { entry } = read.value;
  const lastId =
    entry === undefined
      ? Number(identity.id)
      : readRecord(serverCounterRecordSchema, entry.key, entry.value).lastId;
  const value = jsonOf({ version: 1, lastId: lastId + serverIdLead });
  return ok([{ kind: "put", key: keys.serverCounter, value }]);
}

async function removeOthers({ store, identity, clock }: NewLifeOptions): Collected {
  const read = await store.range(keys.servers);
  if (!read.ok) return err(read.error.message);
  const operations: Operation[] = [];
  const because = `the cluster was recovered from server ${identity.id} alone`;
  const atMs = clock.wallMs();
  for (const { key, value } of read.value.entries) {
    const server = readRecord(serverRecordSchema, key, value);
    if (server.id === identity.id) continue;
    operations.push(...removalOf(server, { because, atMs }));
  }
  return ok(operations);
}

async function endJoins({ store }: NewLifeOptions): Collected {
  const read = await store.range(keys.joins);
  if (!read.ok) return err(read.error.message);
  return ok(read.value.entries.map(({ key }) => ({ kind: "delete", key })));
}

/** What this member did not know of is lost, and so may be entries of the audit: this one says why. */
async function note(options: NewLifeOptions): Collected {
  const noted = await auditByHand(options, {
    action: "server.recover",
    subject: "control-plane",
    detail: `a cluster of one from server ${options.identity.id} "${options.identity.name}"`,
  });
  return noted.ok ? ok([noted.value]) : noted;
}
