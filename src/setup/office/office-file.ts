/** What a server keeps of its hooks and its floating address, in a file beside its identity. */
import { join } from "node:path";
import { ok, type Result } from "../../core/result.ts";
import {
  hookTimeLimitMsDefault,
  type OfficeSettings,
  type OfficeWishes,
  officeSettingsSchema,
  withWishes,
} from "../../wire/control-plane/office.ts";
import { readJson, writeJson } from "../server-files.ts";
import type { UnitOffice } from "../units.ts";

function officePath(dataDirectory: string): string {
  return join(dataDirectory, "server-office.json");
}

/** What is kept, with what is wanted otherwise for this run. The error is for the operator. */
export async function officeOf(
  dataDirectory: string,
  wishes: OfficeWishes,
): Promise<Result<OfficeSettings, string>> {
  const kept = await readJson(officePath(dataDirectory), officeSettingsSchema);
  return kept.ok ? ok(withWishes(kept.value, wishes)) : kept;
}

/** Keeps what is wanted for all later runs; without a wish nothing is written. */
export async function keepOffice(
  dataDirectory: string,
  wishes: OfficeWishes,
): Promise<Result<void, string>> {
  if (Object.values(wishes).every((wish) => wish === undefined)) return ok(undefined);
  const settings = await officeOf(dataDirectory, wishes);
  return settings.ok ? await writeJson(officePath(dataDirectory), settings.value) : settings;
}

/** What the unit of this server has to allow; what cannot be read allows nothing, and its start says so. */
export async function unitOfficeOf(dataDirectory: string): Promise<UnitOffice | undefined> {
  const kept = await readJson(officePath(dataDirectory), officeSettingsSchema);
  if (!kept.ok || kept.value === undefined) return undefined;
  const { address, leaderHook, followerHook, hookTimeLimitMs } = kept.value;
  const hasHooks = leaderHook !== undefined || followerHook !== undefined;
  return {
    hasAddress: address !== undefined,
    hookTimeLimitMs: hasHooks ? (hookTimeLimitMs ?? hookTimeLimitMsDefault) : 0,
  };
}
