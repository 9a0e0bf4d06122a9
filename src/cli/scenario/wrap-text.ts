/** Breaks text at spaces so that it fits a terminal. */
import { textWidth } from "../format/text-width.ts";

/** Columns by which every line but the first is set in. */
const indent = 2;

/** The lines of `text`, each at most `widthMax` columns unless one word is longer; undefined: as long as it is. */
export function wrapText(text: string, widthMax: number | undefined): readonly string[] {
  if (widthMax === undefined || textWidth(text) <= widthMax) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const room = lines.length === 0 ? widthMax : widthMax - indent;
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || textWidth(longer) <= room) {
      line = longer;
      continue;
    }
    lines.push(line);
    line = word;
  }
  return [...lines, line];
}
