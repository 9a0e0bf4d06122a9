/** A forecast as text for people. */
import type { ClusterFacts } from "../../../sim/whatif/cluster-plan.ts";
import type { Forecast } from "../../../sim/whatif/forecast.ts";
import type { DownService, HeldService, TouchedService } from "../../../sim/whatif/outcome.ts";
import { formatSpan } from "../../format/quantity.ts";
import { oneLine } from "../../format/text-width.ts";
import type { Session } from "../../session.ts";

/** What a forecast rests on. */
export interface Assumed {
  readonly facts: ClusterFacts;
  readonly startTimeMs: number;
  /** Nodes are lost in it. */
  readonly losesNodes: boolean;
}

/** All that is told of a forecast, each line ended. */
export function textOfForecast(session: Session, forecast: Forecast, assumed: Assumed): string {
  const { touched, down, stuck, untouchedCount } = forecast;
  const isQuiet = touched.length + down.length + stuck.length === 0;
  return [
    ...(isQuiet ? ["no service would be touched\n"] : []),
    ...(touched.length > 0 ? [touchedTable(session, touched)] : []),
    ...down.flatMap((service) => heldText(session, service, downWords(service))),
    ...stuck.flatMap((service) =>
      heldText(session, service, `would have to stay on ${service.from}, in maintenance`),
    ),
    ...notesOf(forecast).map((note) => `note: ${oneLine(note)}\n`),
    ...(isQuiet || untouchedCount === 0 ? [] : [untouchedText(untouchedCount)]),
    estimateText(assumed),
  ].join("");
}

function untouchedText(count: number): string {
  return count === 1
    ? "1 other service would stay as it is\n"
    : `${count} other services would stay as they are\n`;
}

function touchedTable(session: Session, touched: readonly TouchedService[]): string {
  const rows = touched.map((service) => [
    service.service,
    service.outcome,
    service.from ?? "-",
    service.to ?? "-",
    service.awayMs === undefined ? "-" : formatSpan(service.awayMs),
    service.runsAfterMs === undefined ? "-" : formatSpan(service.runsAfterMs),
    service.because,
  ]);
  return session.table(["SERVICE", "WOULD BE", "FROM", "TO", "AWAY", "RUNS AFTER", "WHY"], rows);
}

function downWords({ from, wasDown }: DownService): string {
  if (from !== undefined) return `runs on ${from} and would not run any more`;
  return wasDown ? "does not run now and would not run then" : "would not run";
}

function heldText(session: Session, service: HeldService, what: string): readonly string[] {
  const { state, because, nodes, next } = service;
  const line = `! ${service.service} ${what} (${state}): ${oneLine(because)}\n`;
  return [
    session.colours.paint("red", line),
    ...nodes.map(({ node, sentence }) => `    ${node}: ${oneLine(sentence)}\n`),
    ...next.map((step) => `    then ${oneLine(step)}\n`),
  ];
}

function notesOf(forecast: Forecast): readonly string[] {
  return [
    ...(forecast.wasAtRest
      ? []
      : ["services are on their way right now; the play begins when they have arrived"]),
    ...forecast.notes,
    ...(forecast.settled ? [] : ["services were still moving when the play was broken off"]),
  ];
}

function estimateText({ facts, startTimeMs, losesNodes }: Assumed): string {
  const { ttlMs, renewEveryMs } = facts.status.times;
  const lease = `a lost node's lease ends after ${formatSpan(ttlMs - renewEveryMs)} to ${formatSpan(ttlMs)}, `;
  return (
    `times are estimates: ${losesNodes ? lease : ""}each start or stop is taken to last ` +
    `${formatSpan(startTimeMs)} (--start-time), and a server stays within reach\n`
  );
}
