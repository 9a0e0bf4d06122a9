/** What the upgrade that is under way says to a server which does not serve yet: its record is of all schemas. */
import { err, ok, type Result } from "../../core/result.ts";
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

/** Whether it brings the store to this schema. */
export function leadsTo(upgrade: UpgradeRecord | undefined, schema: number): boolean {
  if (upgrade === undefined || upgrade.schema.to !== schema) return false;
  return upgrade.state === "running" || upgrade.state === "paused" || upgrade.state === "failed";
}

/** Whether it is being taken back, and the store with it to this schema. */
export function leadsBackTo(upgrade: UpgradeRecord | undefined, schema: number): boolean {
  if (upgrade === undefined || upgrade.schema.from !== schema) return false;
  return upgrade.state === "aborting" || upgrade.state === "abort-failed";
}
