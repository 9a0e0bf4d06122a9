/** How one thing is shown in full: a name and a value in each line. */

import { oneLine } from "../../../format/text-width.ts";
import { isDraft } from "../../../input/draft.ts";
import type { Session } from "../../../session.ts";

/** A line: its name, empty where it goes on with the one above, and its value. */
export type DescribeLine = readonly [name: string, value: string];

const nameWidth = 11;

/** The lines as text. */
export function describeLines(session: Session, lines: readonly DescribeLine[]): string {
  return lines
    .map(
      ([name, value]) =>
        `${session.colours.paint("bold", name.padEnd(nameWidth))}  ${oneLine(value)}\n`,
    )
    .join("");
}

/** Data as `path: value` lines, one a field. */
export function fieldLines(title: string, value: object): DescribeLine[] {
  const lines = Object.entries(value).flatMap(([name, field]) => linesOf(name, field));
  return lines.map((line, index) => [index === 0 ? title : "", line]);
}

function linesOf(path: string, value: unknown): string[] {
  if (value === undefined) return [];
  if (isDraft(value)) {
    return Object.entries(value).flatMap(([name, field]) => linesOf(`${path}.${name}`, field));
  }
  return [`${path}: ${JSON.stringify(value)}`];
}
