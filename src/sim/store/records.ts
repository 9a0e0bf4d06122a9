/** Reads stored records, each value once: values are never changed after they were stored. */
import type { StoredEntry } from "../../ports/store.ts";
import { readRecord } from "../../runtime/manager-records.ts";
import {
  armingRecordSchema,
  commandRecordSchema,
  epochRecordSchema,
  freezeRecordSchema,
  leaseRecordSchema,
  nodeRecordSchema,
  nodeStateRecordSchema,
  removedNodeRecordSchema,
  serviceRecordSchema,
  settingsRecordSchema,
  statusRecordSchema,
} from "../../wire/records.ts";

type Schema<T> = Parameters<typeof readRecord<T>>[0];

/** A function that reads records of one kind. */
export function reader<T>(schema: Schema<T>): (entry: StoredEntry) => T {
  const known = new WeakMap<object, T>();
  return ({ key, value }) => {
    if (typeof value !== "object" || value === null) return readRecord(schema, key, value);
    const found = known.get(value);
    if (found !== undefined) return found;
    const record = readRecord(schema, key, value);
    known.set(value, record);
    return record;
  };
}

/** The records that the simulator's own parts look into. */
export const readArming = reader(armingRecordSchema);
export const readCommand = reader(commandRecordSchema);
export const readEpoch = reader(epochRecordSchema);
export const readFreeze = reader(freezeRecordSchema);
export const readLease = reader(leaseRecordSchema);
export const readNode = reader(nodeRecordSchema);
export const readNodeState = reader(nodeStateRecordSchema);
export const readRemovedNode = reader(removedNodeRecordSchema);
export const readService = reader(serviceRecordSchema);
export const readSettings = reader(settingsRecordSchema);
export const readStatus = reader(statusRecordSchema);
