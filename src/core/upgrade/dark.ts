/**
 * The time in which no server serves, as all of them wait for another schema of the store. Agents expect it, but not for
 * ever: before the first of them has to stop its services, the upgrade leads back to servers that serve.
 */
import { assert } from "../assert.ts";
import { graceShare, type LeaseTimes, profiles, runUntil, withLife } from "../model/times.ts";
import { durationMs, instantMs } from "../time.ts";
import type { UpgradeFacts } from "./facts.ts";
import type { ControlPlaneUpgrade, UpgradeStep } from "./model.ts";

/**
 * Life of agents' leases while nobody answers them. Longer would be no safer: a node that is lost meanwhile is not missed
 * for as long.
 */
export const silenceTtlMs = 600_000;
/** For the last server's switch, the migration, and a person; what is left until agents stop is for the way back. */
export const darkMsMax = 180_000;
/** What failed on the way back is tried again after so long: nobody may be there in time. */
export const darkRetryMs = 10_000;
/** The way back of nine servers, each started anew, and of the data. */
const wayBackMsMax = 150_000;

/** Why agents with these times could not bear an upgrade in which no server serves; undefined: they can. */
export function faultOfSilence(times: LeaseTimes): string | undefined {
  const silent = withLife(times, durationMs(silenceTtlMs));
  const stopAtMs = runUntil(instantMs(0), silent) - silent.watchdogMs * graceShare;
  const leftMs = stopAtMs - silent.renewEveryMs;
  const neededMs = darkMsMax + wayBackMsMax;
  if (leftMs >= neededMs) return undefined;
  const [left, needed] = [leftMs, neededMs].map((ms) => Math.floor(ms / 1_000));
  return `agents would stop their services ${left} s after the last server, and the upgrade may need ${needed} s: choose a profile, or a watchdogMs closer to ttlMs`;
}

for (const profile of Object.values(profiles)) {
  assert(
    faultOfSilence(profile) === undefined,
    "servers are back before agents stop their services",
  );
}

type DarkFacts = Pick<UpgradeFacts, "isDark" | "servers" | "schema">;

/**
 * Since when no server serves; undefined: one does. A server alone on its store does not wait, so that whoever serves knows
 * better (`isDark`).
 */
function darkSinceMs(
  { strategy, schema, steps, to }: ControlPlaneUpgrade,
  facts: DarkFacts,
): number | undefined {
  if (!facts.isDark || strategy !== "stop-all" || schema.from === schema.to) return undefined;
  const wants = (version: string): number => (version === to.version ? schema.to : schema.from);
  // One that lives and finds the schema that it wants serves, or is about to.
  const isServed = facts.servers.some(
    ({ isAlive, version }) => isAlive && wants(version) === facts.schema,
  );
  if (isServed) return undefined;
  const begun = steps.filter(({ kind, state }) => kind === "switch" && state !== "waiting");
  if (begun.length === 0) return undefined;
  // The last one to be told was the last one to serve.
  return Math.max(...begun.map(({ beganAtMs = 0 }) => beganAtMs));
}

/** Until when it may stay so; undefined: there is no hurry. */
export function darkUntilMs(upgrade: ControlPlaneUpgrade, facts: DarkFacts): number | undefined {
  const sinceMs = darkSinceMs(upgrade, facts);
  return sinceMs === undefined ? undefined : sinceMs + darkMsMax;
}

/**
 * Whether it pauses after the step. A pause after the last switch would leave agents without servers: it comes after the
 * migration instead.
 */
export function pausesAfter(upgrade: ControlPlaneUpgrade, step: UpgradeStep): boolean {
  const { pauseAfter, steps } = upgrade;
  const isAsked = ({ name, kind }: UpgradeStep): boolean =>
    pauseAfter.some((word) => word === name || word === kind);
  const isMigrating =
    upgrade.strategy === "stop-all" && steps.some(({ kind }) => kind === "migrate");
  const switches = steps.filter(({ kind }) => kind === "switch");
  const isLast = step.kind === "switch" && switches.every(({ state }) => state === "done");
  if (isMigrating && isLast) return false;
  if (!isMigrating || step.kind !== "migrate") return isAsked(step);
  const last = switches.reduce<UpgradeStep | undefined>((latest, each) => {
    return (each.endedAtMs ?? 0) >= (latest?.endedAtMs ?? 0) ? each : latest;
  }, undefined);
  return isAsked(step) || (last !== undefined && isAsked(last));
}
