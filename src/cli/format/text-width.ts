/** How many columns of a terminal a text takes, and how it is made to fit: enough for names and sentences. */

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
const widePattern =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const plainPattern = /^[\x20-\x7e]*$/;

/** Columns of `text`; letters of East Asian scripts and emoji take two. */
export function textWidth(text: string): number {
  if (plainPattern.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += widePattern.test(segment) ? 2 : 1;
  return width;
}

/** `text` cut to at most `widthMax` columns, with an ellipsis for what is left out. */
export function cutToWidth(text: string, widthMax: number): string {
  if (textWidth(text) <= widthMax) return text;
  let kept = "";
  let width = 0;
  for (const { segment } of segmenter.segment(text)) {
    width += textWidth(segment);
    if (width > widthMax - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** One line without control characters, so that no text of a service can steer the terminal. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(/\p{Cc}/gu, "�");
}
