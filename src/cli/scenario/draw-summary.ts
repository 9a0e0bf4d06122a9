/** Draws the end of a story: how every service fared, what never came back and why, and whether all was safe. */

import type { Plan } from "../../sim/plan.ts";
import { writeSpan } from "../../sim/story/span.ts";
import type { ServiceFate, StorySummary } from "../../sim/story/story-line.ts";
import type { Cell } from "../format/table.ts";
import { oneLine } from "../format/text-width.ts";
import type { Session } from "../session.ts";

/** With more services than this, those that had a quiet time are only counted. */
const rowsMax = 25;

/** The summary with an empty line before it. */
export function drawSummary(session: Session, plan: Plan, summary: StorySummary): string {
  const { services, lastedMs } = summary;
  const isShort = services.length <= rowsMax;
  const shown = isShort ? services : services.filter((fate) => !isQuiet(fate));
  const restCount = services.length - shown.length;
  const rest = restCount === 0 ? "" : `${restCount} more services ran all the time\n`;
  const table = shown.length === 0 ? "" : tableOf(session, shown);
  const lost = services.filter(({ end }) => end === "down" || end === "never-ran");
  return [
    `\nAfter ${writeSpan(lastedMs)}:\n`,
    table,
    rest,
    ...lost.map((fate) => lineOfLost(session, fate)),
    verdict(session, summary),
    plan.services.length === 0 ? "" : "\n",
  ].join("");
}

function isQuiet(fate: ServiceFate): boolean {
  const { end, awayCount, moveCount, failoverCount } = fate;
  return end === "runs" && awayCount + moveCount + failoverCount === 0;
}

function tableOf(session: Session, fates: readonly ServiceFate[]): string {
  const header = ["SERVICE", "AT THE END", "AWAY", "LONGEST", "MOVES", "FAILOVERS"];
  return session.table(
    header,
    fates.map((fate) => rowOf(session, fate)),
  );
}

function rowOf({ colours }: Session, fate: ServiceFate): readonly Cell[] {
  const away = fate.awayCount === 0 ? "-" : writeSpan(fate.awayMs);
  const longest = fate.awayCount > 1 ? writeSpan(fate.longestAwayMs) : "-";
  const style = fate.end === "runs" ? "green" : fate.end === "off" ? "dim" : "red";
  return [
    fate.service,
    { text: endWords(fate), paint: (text) => colours.paint(style, text) },
    away,
    longest,
    countText(fate.moveCount),
    countText(fate.failoverCount),
  ];
}

function countText(count: number): string {
  return count === 0 ? "-" : String(count);
}

function endWords({ end, node, state }: ServiceFate): string {
  switch (end) {
    case "runs":
      return `runs on ${node ?? "a node"}`;
    case "down":
      return `down (${state ?? "unknown"})`;
    case "never-ran":
      return `never ran (${state ?? "not managed"})`;
    case "off":
      return state ?? "not managed";
  }
}

/** In these a service is about to run: it was the end of the play that came too early. */
const statesOnTheWay = ["started", "migrate", "relocate", "request_start_balance"];

function lineOfLost({ colours }: Session, fate: ServiceFate): string {
  if (fate.state !== undefined && statesOnTheWay.includes(fate.state)) {
    return `${colours.paint("yellow", `${fate.service} was on its way`)}: ${oneLine(fate.reason ?? fate.state)}\n`;
  }
  const what = fate.end === "down" ? "did not come back" : "never ran";
  const why = fate.reason === undefined ? "the manager has not seen it" : oneLine(fate.reason);
  const refusals = fate.refusals.map(({ node, sentence }) => `  ${node}: ${oneLine(sentence)}\n`);
  return `${colours.paint("red", `${fate.service} ${what}`)}: ${why}\n${refusals.join("")}`;
}

function verdict({ colours }: Session, { violations }: StorySummary): string {
  if (violations.length === 0) return "Safety: all rules held after every event\n";
  const lines = violations.map(({ rule, sentence }) => `  ${rule}: ${oneLine(sentence)}\n`);
  return `${colours.paint("red", "Safety: rules were broken")}\n${lines.join("")}`;
}
