/** Asks a person for something that nobody should see on their screen. */
import { createInterface } from "node:readline/promises";
import type { Readable } from "node:stream";
import { Writable } from "node:stream";

/** A terminal, as the process has it. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stderr: { readonly isTTY?: boolean; write(text: string): unknown };
}

/** The line that was typed; empty when the person gave up; undefined when there is no terminal. */
export async function askSecret(
  question: string,
  { stdin, stderr }: Terminal,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (stdin.isTTY !== true || stderr.isTTY !== true) return undefined;
  // What is typed is echoed to nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: stdin, output: nowhere, terminal: true });
  const givenUp = new AbortController();
  terminal.once("SIGINT", () => givenUp.abort());
  terminal.once("close", () => givenUp.abort());
  stderr.write(question);
  try {
    return await terminal.question("", { signal: AbortSignal.any([signal, givenUp.signal]) });
  } catch {
    return ""; // interrupted, or the terminal has ended
  } finally {
    terminal.close();
    stderr.write("\n");
  }
}
