/**
 * What becomes of each record when a cluster is restored. The old life went on after the backup was made, so nothing of
 * it that was promised, ordered or held counts any more: epochs jump beyond any that it can have given, and whatever
 * hung on a running process is left out. See "A restored cluster" in docs/safety.md.
 */
import { epochOf } from "../../core/ids.ts";
import type { JsonValue, Operation } from "../../ports/store.ts";
import { jsonOf, readRecord } from "../../runtime/manager-records.ts";
import { removalOf } from "../../server/control-plane/removed-server.ts";
import { epochRecordSchema, keys, statusRecordSchema } from "../../wire/records.ts";
import { serverCounterRecordSchema } from "../../wire/servers.ts";
import type { OldLife } from "./old-life.ts";

/** The least by which epochs and revisions are raised. */
const leadMin = 1_000_000;
/** More servers than can have come in after the backup: no id is given twice. */
const serverIdLead = 100;

/** Of the old life alone: whoever held or waited for it is gone, or has to say so anew. */
const leftOut: readonly string[] = [
  ...[keys.leases, keys.manager, keys.agentModes, keys.commands, keys.agentOrders],
  ...[keys.serverLeases, keys.lostServers, keys.serverRemovals, keys.joins, keys.peerProofs],
  ...[keys.serverConfigOrders, keys.serverUpgrades, keys.serverUpgradeReports],
  ...[keys.systemUpgrade, keys.silence, keys.freeze, keys.officeAddress],
  // What entries were before a migration: the upgrade that could take it back is left out, too.
  keys.migrationBefore,
  // Contents of bundles are in no backup; a server that has one notes it anew.
  keys.bundleCopies,
];

export interface LifeOptions {
  readonly old: OldLife;
  /** The server that the cluster begins with; undefined: one that was never initialised. */
  readonly ownServerId: string | undefined;
  /** Wall time. */
  readonly nowMs: number;
  /** A random whole number, so that two lives from one backup differ also where a clock has stood still. */
  readonly spread: number;
}

/**
 * The number to go on from: beyond what the old life can have reached, and any other life from the same backup. Both
 * epochs and revisions grow by far less than one a millisecond.
 */
export function raised(number: number, { nowMs, spread }: Pick<LifeOptions, "nowMs" | "spread">) {
  return Math.max(number + leadMin, Math.floor(nowMs)) + spread;
}

/** The record as it is in the new life; undefined: it is not there. */
export function renewed(
  { key, value }: { readonly key: string; readonly value: JsonValue },
  options: LifeOptions,
): JsonValue | undefined {
  if (leftOut.some((prefix) => key.startsWith(prefix))) return undefined;
  if (key.startsWith(keys.epochs)) {
    const { epoch } = readRecord(epochRecordSchema, key, value);
    return jsonOf({ version: 1, epoch: epochOf(raised(epoch, options)) });
  }
  if (key === keys.serverCounter) {
    const { lastId } = readRecord(serverCounterRecordSchema, key, value);
    return jsonOf({ version: 1, lastId: lastId + serverIdLead });
  }
  return key.startsWith(keys.statuses) ? renewedStatus(key, value, options) : value;
}

/**
 * A service that is kept running without a lease may have been taken elsewhere since, and may run there although that
 * node is silent: only a person can know (S1). An instance of a deployment never leaves its node.
 */
function renewedStatus(key: string, value: JsonValue, { old, nowMs }: LifeOptions): JsonValue {
  const status = readRecord(statusRecordSchema, key, value);
  const { node, service, state } = status;
  const mayHaveMoved = status.survivesIsolation === true && !old.instances.has(service);
  const isLeftAlone = state === "stopped" || state === "error" || state === "ignored";
  if (!mayHaveMoved || isLeftAlone || node === undefined) return value;
  const { target: _target, ...kept } = status;
  return jsonOf({ ...kept, state: "error", sinceMs: nowMs, reason: { code: "restored", node } });
}

/** What is written besides: epochs of nodes that had none, and the end of the other servers. */
export function additions(options: LifeOptions): readonly Operation[] {
  const { old, ownServerId, nowMs } = options;
  const epochs = old.nodesWithoutEpoch().map((node): Operation => {
    const value = jsonOf({ version: 1, epoch: epochOf(raised(0, options)) });
    return { kind: "put", key: `${keys.epochs}${node}`, value };
  });
  const others = old.servers().filter(({ id }) => id !== ownServerId);
  const because = "the cluster was restored from a backup";
  return [...epochs, ...others.flatMap((server) => removalOf(server, { because, atMs: nowMs }))];
}
