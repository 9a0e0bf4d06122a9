/**
 * The time in which no server serves, as all of them wait for another schema of the store. Agents expect it, but not for
 * ever: before the first of them has to stop its services, the upgrade leads back to servers that serve.
 */
import { assert } from "../assert.ts";
import { graceShare, profiles, runUntil, withLife } from "../model/times.ts";
import { durationMs, instantMs } from "../time.ts";
import type { UpgradeFacts } from "./facts.ts";
import type { ControlPlaneUpgrade, UpgradeStep } from "./model.ts";

/**
 * Life of agents' leases while nobody answers them. Longer would be no safer: a node that is lost meanwhile is not missed
 * for as long.
 */
export const silenceTtlMs = 600_000;
/** For waiting, for a person, and for the migration itself; what is left until agents stop is for the way back. */
export const darkMsMax = 150_000;
/** What failed on the way back is tried again after so long: nobody may be there in time. */
export const darkRetryMs = 10_000;
/** The way back of nine servers, each started anew, and of the data. */
const wayBackMsMax = 150_000;

for (const profile of Object.values(profiles)) {
  const times = withLife(profile, durationMs(silenceTtlMs));
  const untilMs = runUntil(instantMs(0), times) - times.watchdogMs * graceShare;
  const servedMs = darkMsMax + wayBackMsMax + times.renewEveryMs;
  assert(servedMs < untilMs, "servers are back before agents stop their services");
}

/**
 * Since when all servers that live are of a version that has to wait for its schema; undefined: they are not. A server
 * alone on its store does not wait, so that whoever serves knows better (`UpgradeFacts.isDark`).
 */
function darkSinceMs(
  { strategy, schema, steps }: ControlPlaneUpgrade,
  servers: UpgradeFacts["servers"],
): number | undefined {
  if (strategy !== "stop-all" || schema.from === schema.to) return undefined;
  const switches = steps.filter(({ kind }) => kind === "switch");
  const migrate = steps.find(({ kind }) => kind === "migrate");
  if (migrate === undefined || switches.length === 0) return undefined;
  // One that was lost in the midst of its switch serves nobody either.
  const isLost = ({ state, server }: UpgradeStep): boolean =>
    state === "running" && servers.some(({ id, isAlive }) => id === server && !isAlive);
  const areThere = switches.every((step) => step.state === "done" || isLost(step));
  const isForth = areThere && migrate.state !== "done";
  // On the way back the servers of before wait until the store is theirs again.
  const areBack = switches.every(({ state }) => state === "undone");
  const isBack = areBack && migrate.state !== "undone" && migrate.state !== "waiting";
  if (!isForth && !isBack) return undefined;
  return Math.max(...switches.map(({ beganAtMs = 0, endedAtMs }) => endedAtMs ?? beganAtMs));
}

/** Until when it may stay so; undefined: there is no hurry. */
export function darkUntilMs(
  upgrade: ControlPlaneUpgrade,
  { isDark, servers }: Pick<UpgradeFacts, "isDark" | "servers">,
): number | undefined {
  const sinceMs = isDark ? darkSinceMs(upgrade, servers) : undefined;
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
  if (step.kind === "switch") return isAsked(step) && darkSinceMs(upgrade, []) === undefined;
  if (step.kind !== "migrate" || upgrade.strategy === "rolling") return isAsked(step);
  const switches = steps.filter(({ kind }) => kind === "switch");
  const last = switches.reduce<UpgradeStep | undefined>((latest, each) => {
    return (each.endedAtMs ?? 0) >= (latest?.endedAtMs ?? 0) ? each : latest;
  }, undefined);
  return isAsked(step) || (last !== undefined && isAsked(last));
}
