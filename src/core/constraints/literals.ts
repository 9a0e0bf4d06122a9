/** How numbers and booleans are written, in a constraint and in the text that one is compared with. */

const numberPattern = /^[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;
/** A number of more characters is a text. */
const numberLengthMax = 40;

/** The finite number that the text is; undefined: it is none. */
export function numberIn(text: string): number | undefined {
  if (text.length > numberLengthMax || !numberPattern.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** The boolean that the text is, in any case; undefined: it is none. */
export function booleanIn(text: string): boolean | undefined {
  if (/^true$/i.test(text)) return true;
  return /^false$/i.test(text) ? false : undefined;
}
