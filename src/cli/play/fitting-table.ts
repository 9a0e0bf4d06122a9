/** A table that leaves out its least important columns where the terminal is too narrow for all. */
import { type Cell, formatTable } from "../format/table.ts";
import { textWidth } from "../format/text-width.ts";

/** One column. The last of a table is cut instead of left out. */
export interface Column<Row> {
  readonly title: string;
  /** Higher stays longer. */
  readonly importance: number;
  readonly cell: (row: Row) => Cell;
}

export interface FittingOptions {
  /** Undefined: as wide as it needs. */
  readonly widthMax: number | undefined;
  readonly paintHeader: (text: string) => string;
}

const gapWidth = 2;
/** What the last column needs to be worth showing. */
const lastWidthMin = 16;

/** The table's lines, its header first. */
export function fittingTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: FittingOptions,
): readonly string[] {
  const shown = fittingColumns(columns, rows, options.widthMax);
  const header = shown.map(({ title }) => title);
  const cells = rows.map((row) => shown.map(({ cell }) => cell(row)));
  return formatTable(header, cells, options).trimEnd().split("\n");
}

function fittingColumns<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  widthMax: number | undefined,
): readonly Column<Row>[] {
  let shown = columns;
  while (widthMax !== undefined && shown.length > 1 && widthOf(shown, rows) > widthMax) {
    const least = Math.min(...shown.map(({ importance }) => importance));
    shown = shown.filter(({ importance }) => importance > least);
  }
  return shown;
}

function widthOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number {
  const last = columns.length - 1;
  const widths = columns.map(({ title, cell }, index) => {
    const natural = Math.max(textWidth(title), ...rows.map((row) => textWidth(textOf(cell(row)))));
    return index === last ? Math.min(natural, lastWidthMin) : natural;
  });
  return widths.reduce((sum, width) => sum + width, 0) + gapWidth * last;
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}
