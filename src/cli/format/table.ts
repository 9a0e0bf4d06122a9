/** Tables for people: columns as wide as they need, the last one cut at the edge of the terminal. */
import { cutToWidth, oneLine, textWidth } from "./text-width.ts";

/** A cell: its text, and how it is painted where there is colour. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

export interface TableOptions {
  /** Columns of the terminal; undefined: lines may be as long as they are. */
  readonly widthMax: number | undefined;
  readonly paintHeader: (text: string) => string;
}

const gap = "  ";

/** The table as text, each line ended. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions,
): string {
  const widths = header.map((title, column) =>
    Math.max(textWidth(title), ...rows.map((row) => textWidth(plainOf(row[column])))),
  );
  const last = header.length - 1;
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + gap.length, 0);
  const room = options.widthMax === undefined ? Infinity : Math.max(10, options.widthMax - before);
  const format = (cells: readonly Cell[]): string =>
    header
      .map((_, column) => {
        const plain = plainOf(cells[column]);
        const text = column === last ? cutToWidth(plain, room) : plain;
        const padding = column === last ? 0 : (widths[column] ?? 0) - textWidth(text);
        return paintOf(cells[column])(text) + " ".repeat(padding);
      })
      .join(gap)
      .trimEnd();
  const lines = [format(header.map((text) => ({ text, paint: options.paintHeader })))];
  return `${[...lines, ...rows.map(format)].join("\n")}\n`;
}

function plainOf(cell: Cell | undefined): string {
  if (cell === undefined) return "";
  return oneLine(typeof cell === "string" ? cell : cell.text);
}

function paintOf(cell: Cell | undefined): (text: string) => string {
  return cell === undefined || typeof cell === "string" ? (text) => text : cell.paint;
}
