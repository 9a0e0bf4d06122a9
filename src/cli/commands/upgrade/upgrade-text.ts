/** How an upgrade of the control plane, and what speaks against one, looks to a person. */
import type { UpgradeCheck, UpgradeResource } from "../../../wire/control-plane/upgrades.ts";
import { formatInstant, formatSpan } from "../../format/quantity.ts";
import type { Session } from "../../session.ts";

/** The whole of it: a line, then its steps. */
export function upgradeText(session: Session, upgrade: UpgradeResource | null): string {
  if (upgrade === null) return "there has never been an upgrade of the control plane\n";
  const rows = upgrade.steps.map(({ name, state, detail, beganAtMs, endedAtMs }) => {
    const took =
      beganAtMs === undefined || endedAtMs === undefined ? undefined : endedAtMs - beganAtMs;
    return [name, state, took === undefined ? "-" : formatSpan(took), detail];
  });
  return `${upgradeLine(upgrade)}\n${session.table(["STEP", "STATE", "TOOK", "DETAIL"], rows)}`;
}

/** What it is and how it stands, in one line, with what to do where it needs somebody. */
export function upgradeLine(upgrade: UpgradeResource): string {
  const { from, to, strategy, state, by, startedAtMs, endedAtMs, detail } = upgrade;
  const what = `upgrade from ${from} to ${to.version} (${strategy}, by ${by}, begun ${formatInstant(startedAtMs)})`;
  const took = endedAtMs === undefined ? "" : ` after ${formatSpan(endedAtMs - startedAtMs)}`;
  const why = detail === "" ? "" : `: ${detail}`;
  return `${what} is ${state}${took}${why}${hintOf(upgrade)}`;
}

function hintOf({ state }: UpgradeResource): string {
  switch (state) {
    case "paused":
    case "failed":
      return "; go on with: holdfast upgrade resume; go back with: holdfast upgrade abort";
    case "abort-failed":
      return "; try again with: holdfast upgrade resume";
    case "running":
    case "aborting":
    case "done":
    case "aborted":
      return "";
  }
}

/** The verdict and what becomes of the store's schema, then what was found. */
export function checkText(session: Session, check: UpgradeCheck): string {
  const { verdict, from, to, strategy, findings } = check;
  const way = to === undefined ? "" : ` from ${from} to ${to}`;
  const how = strategy === undefined ? "" : `, ${strategy}`;
  const line = `${verdict}: an upgrade${way}${how} ${verdict === "go" ? "can be begun" : "would fail"}\n`;
  const head = `${line}${schemaLine(check)}`;
  if (findings.length === 0) return head;
  const rows = findings.map(({ level, code, subject, detail }) => [level, code, subject, detail]);
  return `${head}${session.table(["LEVEL", "WHAT", "ABOUT", "DETAIL"], rows)}`;
}

/** Empty: nothing was said of where to. */
function schemaLine({ schema, strategy }: UpgradeCheck): string {
  if (schema === undefined) return "";
  const { from, to } = schema;
  if (from === to) return `schema of the store: ${from}, which stays\n`;
  const how =
    strategy === "rolling"
      ? "which servers of both versions understand: rolling is possible"
      : "for which all servers wait: rolling is not possible";
  return `schema of the store: from ${from} to ${to}, ${how}\n`;
}
