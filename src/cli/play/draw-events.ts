/** Events and explanations as lines of text. */
import type { Explanation } from "../../core/explain/why.ts";
import type { EventTone, PlayEvent } from "../../sim/play/event.ts";
import { writeInstant } from "../../sim/play/write-instant.ts";
import type { Colours } from "../format/colours.ts";
import { cutToWidth, oneLine } from "../format/text-width.ts";

type Style = Parameters<Colours["paint"]>[0];

const toneStyles: Readonly<Record<EventTone, Style | undefined>> = {
  deed: "cyan",
  decision: undefined,
  work: "dim",
  node: "bold",
  note: "dim",
  alarm: "red",
};

const instantWidth = 10;

/** One event in one line: when, about what, and what. */
export function drawEvent(
  { atMs, tone, about, sentence }: PlayEvent,
  options: { readonly widthMax: number | undefined; readonly colours: Colours },
): string {
  const { widthMax, colours } = options;
  const text = `${writeInstant(atMs).padStart(instantWidth)}  ${oneLine(about)}  ${oneLine(sentence)}`;
  const cut = widthMax === undefined ? text : cutToWidth(text, widthMax);
  const style = toneStyles[tone];
  return style === undefined ? cut : colours.paint(style, cut);
}

/** An explanation as `holdfast why` shows it. */
export function drawExplanation(explanation: Explanation, widthMax?: number): readonly string[] {
  const { summary, rules, nodes, next } = explanation;
  const lines = [
    summary,
    ...rules.map((rule) => `  rule: ${rule}`),
    ...nodes.map(({ node, verdict, sentence }) => `  ${node}  ${verdict}: ${sentence}`),
    ...next.map((step) => `  on a live cluster: ${step}`),
  ];
  return lines.map((line) => (widthMax === undefined ? line : cutToWidth(line, widthMax)));
}
