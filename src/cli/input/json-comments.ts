/** JSON with comments, as templates have them: the comments become blanks, so that every place stays where it is. */
import { err, ok, type Result } from "../../core/result.ts";

/** What a text is at a place, and the place where that ends. */
interface Piece {
  readonly kind: "string" | "comment" | "other";
  readonly end: number;
}

/**
 * Replaces comments (two slashes to the end of the line, or slash-star to star-slash) by spaces; those inside strings are
 * none. The error says in which line a comment begins that does not end.
 */
export function blankComments(text: string): Result<string, string> {
  const pieces: string[] = [];
  let at = 0;
  while (at < text.length) {
    const piece = pieceAt(text, at);
    if (piece === undefined) {
      const line = text.slice(0, at).split("\n").length;
      return err(`line ${line}: the comment that begins here does not end`);
    }
    const part = text.slice(at, piece.end);
    pieces.push(piece.kind === "comment" ? part.replaceAll(/[^\r\n]/g, " ") : part);
    at = piece.end;
  }
  return ok(pieces.join(""));
}

/** Undefined: a comment that does not end. */
function pieceAt(text: string, at: number): Piece | undefined {
  if (text.startsWith("//", at)) return { kind: "comment", end: firstOf(/[\r\n]/g, text, at) };
  if (text.startsWith("/*", at)) {
    const end = text.indexOf("*/", at + 2);
    return end < 0 ? undefined : { kind: "comment", end: end + 2 };
  }
  if (text[at] === '"') return { kind: "string", end: endOfString(text, at) };
  return { kind: "other", end: firstOf(/["/]/g, text, at + 1) };
}

/** Where the pattern, which must be global, matches first from there on; the text's end: nowhere. */
function firstOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}

/** After the closing quote, or where the line ends: JSON's strings do not go on in the next line. */
function endOfString(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index += 1) {
    const letter = text[index];
    if (letter === "\\") index += 1;
    else if (letter === '"') return index + 1;
    else if (letter === "\n") return index;
  }
  return text.length;
}
