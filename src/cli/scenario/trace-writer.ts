/** Prints a trace as lines of JSON, in pieces that are large enough to be quick. */
import type { TraceLine } from "../../sim/trace.ts";
import type { OutputStream } from "../io.ts";

const pieceLengthMax = 65_536;

export class TraceWriter {
  readonly #stream: OutputStream;
  #text = "";

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  write(line: TraceLine): void {
    this.#text += `${JSON.stringify(line)}\n`;
    if (this.#text.length >= pieceLengthMax) this.flush();
  }

  flush(): void {
    if (this.#text !== "") this.#stream.write(this.#text);
    this.#text = "";
  }
}
