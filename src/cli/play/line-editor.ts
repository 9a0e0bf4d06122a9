/** The line in which a command is typed: letters, a place among them, and what was typed before. */
import type { KeyPress } from "./key-press.ts";

/** Lines that are remembered. */
const rememberedMax = 200;
/** Longest line that can be typed. */
const lengthMax = 400;

/** What a key press did to the line. */
export type LineOutcome = "editing" | "entered" | "left";

/** A line that is being typed. */
export class LineEditor {
  #text = "";
  #place = 0;
  readonly #remembered: string[] = [];
  /** Counted from the newest; 0: the line that is being typed. */
  #back = 0;

  get text(): string {
    return this.#text;
  }

  /** Characters before the place where the next one goes. */
  get place(): number {
    return this.#place;
  }

  /** Begins an empty line. */
  open(): void {
    this.#set("");
    this.#back = 0;
  }

  /** Takes a key; `complete` gives what the last word can become. */
  press(key: KeyPress, complete: (line: string) => readonly string[]): LineOutcome {
    switch (key.name ?? "") {
      case "return":
      case "enter":
        this.#remember();
        return "entered";
      case "escape":
        return "left";
      case "backspace":
        if (this.#text === "") return "left";
        this.#replace(Math.max(0, this.#place - 1), this.#place, "");
        return "editing";
      case "delete":
        this.#replace(this.#place, this.#place + 1, "");
        return "editing";
      case "tab":
        this.#complete(complete(this.#text.slice(0, this.#place)));
        return "editing";
      case "up":
      case "down":
        this.#recall(key.name === "up" ? 1 : -1);
        return "editing";
      default:
        this.#moveOrWrite(key);
        return "editing";
    }
  }

  #moveOrWrite({ name, ctrl, text }: KeyPress): void {
    if (name === "left") this.#place = Math.max(0, this.#place - 1);
    else if (name === "right") this.#place = Math.min(this.#text.length, this.#place + 1);
    else if (name === "home" || (ctrl && name === "a")) this.#place = 0;
    else if (name === "end" || (ctrl && name === "e")) this.#place = this.#text.length;
    else if (ctrl && name === "u") this.#replace(0, this.#place, "");
    else if (!ctrl && isPrintable(text)) this.#replace(this.#place, this.#place, text);
  }

  #set(text: string): void {
    this.#text = text;
    this.#place = text.length;
  }

  #replace(from: number, to: number, by: string): void {
    const text = this.#text.slice(0, from) + by + this.#text.slice(to);
    if (text.length > lengthMax) return;
    this.#text = text;
    this.#place = from + by.length;
  }

  /** Writes as much as all candidates agree on, and a space after the only one. */
  #complete(candidates: readonly string[]): void {
    const [first] = candidates;
    if (first === undefined) return;
    const before = this.#text.slice(0, this.#place);
    const wordStart = before.lastIndexOf(" ") + 1;
    const common = candidates.reduce(commonStart, first);
    this.#replace(wordStart, this.#place, candidates.length === 1 ? `${first} ` : common);
  }

  #remember(): void {
    if (this.#text.trim() === "" || this.#text === this.#remembered.at(-1)) return;
    this.#remembered.push(this.#text);
    if (this.#remembered.length > rememberedMax) this.#remembered.shift();
  }

  #recall(step: 1 | -1): void {
    const back = Math.min(Math.max(0, this.#back + step), this.#remembered.length);
    this.#back = back;
    this.#set(back === 0 ? "" : (this.#remembered.at(-back) ?? ""));
  }
}

function isPrintable(text: string | undefined): text is string {
  return text !== undefined && text !== "" && !/\p{Cc}/u.test(text);
}

function commonStart(left: string, right: string): string {
  let length = 0;
  while (length < left.length && left[length] === right[length]) length += 1;
  return left.slice(0, length);
}
