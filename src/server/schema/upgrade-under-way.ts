/** What the upgrade that is under way says to a server which does not serve yet: its record is of all schemas. */
import { err, ok, type Result } from "../../core/result.ts";
import { darkMsMax } from "../../core/upgrade/dark.ts";
import { isOpen } from "../../core/upgrade/model.ts";
import type { Store } from "../../ports/store.ts";
import { readRecord } from "../../runtime/manager-records.ts";
import { type UpgradeRecord, upgradeRecordSchema } from "../../wire/control-plane/upgrades.ts";
import { keys } from "../../wire/records.ts";

/** Undefined: there has never been one. The error is one line for the operator. */
export async function readUpgrade(
  store: Pick<Store, "get">,
): Promise<Result<UpgradeRecord | undefined, string>> {
  const read = await store.get(keys.systemUpgrade);
  if (!read.ok) return err(read.error.message);
  const { entry } = read.value;
  return ok(entry && readRecord(upgradeRecordSchema, entry.key, entry.value));
}

/**
 * Whether it brings the store to this schema, and can still be taken back. That includes one that is being taken back: the
 * new version may have been started in the very moment in which somebody asked for that.
 */
export function mayBeTakenBackFrom(
  upgrade: UpgradeRecord | undefined,
  schema: number,
): upgrade is UpgradeRecord {
  return upgrade !== undefined && upgrade.schema.to === schema && isOpen(upgrade);
}

/**
 * Until when the only server of a store, on trial, may bring it to this schema (wall clock): agents expect silence, and
 * the way back needs its part of the time before the first of them stops its services. Undefined: it was not told to.
 */
export function silentUntilMs(
  upgrade: UpgradeRecord | undefined,
  schema: number,
): number | undefined {
  if (!mayBeTakenBackFrom(upgrade, schema)) return undefined;
  const told = upgrade.steps.filter(({ kind, state }) => kind === "switch" && state !== "waiting");
  if (told.length === 0) return undefined;
  return Math.max(...told.map(({ beganAtMs = 0 }) => beganAtMs)) + darkMsMax;
}

/** Whether it is being taken back, and the store with it to this schema. */
export function leadsBackTo(
  upgrade: UpgradeRecord | undefined,
  schema: number,
): upgrade is UpgradeRecord {
  if (upgrade === undefined || !comesFrom(upgrade, schema)) return false;
  return upgrade.state === "aborting" || upgrade.state === "abort-failed";
}

/**
 * Whether a server of the schema of before is still needed: one that is being taken back waits for its schema, and one whose
 * way back is closed, as the upgrade goes on, for the order to become the new version.
 */
export function awaitsOrders(
  upgrade: UpgradeRecord | undefined,
  schema: number,
): upgrade is UpgradeRecord {
  return upgrade !== undefined && comesFrom(upgrade, schema) && isOpen(upgrade);
}

/**
 * Whether the only server of a store is to bring it back to this schema: its launcher has given the new version up, which
 * had migrated the store at its start, or the upgrade is being taken back. Nobody else could: no other server is there
 * to be asked for an abort, and the new version does not serve.
 */
export function leadsBackAlone(
  upgrade: UpgradeRecord | undefined,
  schema: number,
  wasGivenUp: (upgrade: UpgradeRecord) => boolean,
): upgrade is UpgradeRecord {
  if (leadsBackTo(upgrade, schema)) return true;
  if (upgrade === undefined || !comesFrom(upgrade, schema)) return false;
  return isOpen(upgrade) && wasGivenUp(upgrade);
}

function comesFrom({ schema: { from, to } }: UpgradeRecord, schema: number): boolean {
  return from === schema && to !== schema;
}
