/**
 * Brings together what goes with the office of manager on this machine. It comes before everything else that a server
 * does: what an earlier life has left of the floating address is gone when this returns.
 */
import { openAddressHolder } from "../../adapters/address/guard-client.ts";
import { createHookRunner } from "../../adapters/hooks/hook-runner.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { OfficeParts } from "../../server/office/duties.ts";
import { hookTimeLimitMsDefault, type OfficeSettings } from "../../wire/control-plane/office.ts";

export interface OpenOfficeOptions {
  readonly settings: OfficeSettings;
  readonly server: { readonly id: string; readonly name: string };
  readonly dataDirectory: string;
  /** Executable and arguments of the guard of an address. */
  readonly guardCommand: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface OpenOffice extends OfficeParts {
  /** Takes the address away. */
  close(): Promise<void>;
}

/** The error is for the operator. */
export async function openOffice(options: OpenOfficeOptions): Promise<Result<OpenOffice, string>> {
  const { settings, clock, server, dataDirectory, guardCommand } = options;
  const { leaderHook: leader, followerHook: follower, address: place } = settings;
  const log = options.log.with({ component: "office" });
  const hasHooks = leader !== undefined || follower !== undefined;
  const hooks = hasHooks
    ? createHookRunner({
        programs: { leader, follower },
        timeLimitMs: settings.hookTimeLimitMs ?? hookTimeLimitMsDefault,
        ...{ server, address: place, dataDirectory, clock, log },
      })
    : undefined;
  const holder =
    place === undefined
      ? ok(undefined)
      : await openAddressHolder({ place, guardCommand, clock, log });
  if (!holder.ok) return holder;
  const address = holder.value;
  const missing = await address?.missing();
  if (missing !== undefined) log.write("error", `${place?.address} cannot be held: ${missing}`);
  return ok({ hooks, address, close: async () => await address?.close() });
}
