/** A terminal that is drawn on in place: taken over whole, and given back as it was on every way out. */
import { emitKeypressEvents } from "node:readline";
import type { ReadStream, WriteStream } from "node:tty";
import type { Frame, FrameSize } from "./draw-frame.ts";
import type { KeyPress } from "./key-press.ts";

/** The keyboard and the screen of one terminal. */
export interface TerminalStreams {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

export interface ScreenListener {
  readonly onKey: (key: KeyPress) => void;
  /** All must be drawn again. */
  readonly onResize: () => void;
}

/** The second screen, without line wrap or cursor; and back. */
const takeOver = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[2J";
const giveBack = "\x1b[?25h\x1b[?7h\x1b[?1049l";

/** A terminal says nothing of its size rarely; then it is as they were. */
const sizeDefault: FrameSize = { columnCount: 80, rowCount: 24 };

/** The terminal while it is taken over. */
export class Screen {
  readonly #streams: TerminalStreams;
  readonly #listener: ScreenListener;
  #isOpen = false;
  #shown = "";
  readonly #onKeypress = (text: string | undefined, key: NamedKey): void => {
    if (key.ctrl === true && key.name === "z") this.#suspend();
    else this.#listener.onKey({ name: key.name, ctrl: key.ctrl === true, text });
  };
  readonly #onResize = (): void => {
    this.#shown = "";
    this.#listener.onResize();
  };
  readonly #onContinue = (): void => {
    if (!this.#isOpen) return;
    this.#enter();
    this.#onResize();
  };
  readonly #onExit = (): void => this.close();

  constructor(streams: TerminalStreams, listener: ScreenListener) {
    this.#streams = streams;
    this.#listener = listener;
  }

  get size(): FrameSize {
    const { columns, rows } = this.#streams.output;
    return {
      columnCount: columns > 0 ? columns : sizeDefault.columnCount,
      rowCount: rows > 0 ? rows : sizeDefault.rowCount,
    };
  }

  /** Takes the terminal over until `close`, or until the process ends in whatever way it can notice. */
  open(): void {
    const { input, output } = this.#streams;
    this.#isOpen = true;
    emitKeypressEvents(input);
    input.on("keypress", this.#onKeypress);
    output.on("resize", this.#onResize);
    process.on("SIGCONT", this.#onContinue);
    process.on("exit", this.#onExit);
    this.#enter();
    input.resume();
  }

  /** Shows a frame; the same one twice costs nothing. */
  draw({ lines, cursorColumn }: Frame): void {
    if (!this.#isOpen) return;
    const rows = lines.map((line) => `\x1b[K${line}`).join("\r\n"); // cleared first: the last column stays
    const cursor = cursorColumn === undefined ? "\x1b[?25l" : `\x1b[${cursorColumn + 1}G\x1b[?25h`;
    const text = `\x1b[H${rows}${cursor}`;
    if (text === this.#shown) return;
    const clear = this.#shown === "" ? "\x1b[2J" : "";
    this.#shown = text;
    this.#streams.output.write(`\x1b[?25l${clear}${text}`);
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { input, output } = this.#streams;
    input.off("keypress", this.#onKeypress);
    output.off("resize", this.#onResize);
    process.off("SIGCONT", this.#onContinue);
    process.off("exit", this.#onExit);
    this.#leave();
    input.pause();
  }

  #enter(): void {
    this.#shown = "";
    this.#streams.input.setRawMode(true);
    this.#streams.output.write(takeOver);
  }

  #leave(): void {
    this.#streams.output.write(giveBack);
    this.#streams.input.setRawMode(false);
  }

  /** Ctrl-Z: the shell gets its terminal back until it lets this go on. */
  #suspend(): void {
    this.#leave();
    process.kill(process.pid, "SIGTSTP");
  }
}

/** What readline says of a key. */
interface NamedKey {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
}
