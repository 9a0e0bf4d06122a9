/** What every command works with: the client, the output in the asked format, and progress for a person. */
import { Document, stringify } from "yaml";
import type { Client } from "../client/client.ts";
import type { Result } from "../core/result.ts";
import type { Failure } from "./failure.ts";
import { type Colours, coloursOf } from "./format/colours.ts";
import { type Cell, formatTable } from "./format/table.ts";
import { type ConnectionFlags, connect } from "./input/connection.ts";
import type { CliIo } from "./io.ts";

export const outputFormats = ["table", "json", "yaml"] as const;
export type OutputFormat = (typeof outputFormats)[number];

export interface Session {
  readonly io: CliIo;
  readonly format: OutputFormat;
  readonly flags: ConnectionFlags;
  readonly colours: Colours;
  /** The client of the server that flags, environment and files name. */
  client(): Promise<Result<Client, Failure>>;
  /** Prints data as JSON or YAML when that is wanted, else calls `forPeople`. */
  print(body: unknown, forPeople: () => string): void;
  /** Prints one of many data of a stream: a line of JSON, a YAML document, or a line for people. */
  printNext(body: unknown, forPeople: () => string): void;
  /** Says something to the person: on standard output, or beside the data on standard error. */
  say(sentence: string): void;
  table(header: readonly string[], rows: readonly (readonly Cell[])[]): string;
}

/** Makes the session of one command. */
export function createSession(io: CliIo, format: OutputFormat, flags: ConnectionFlags): Session {
  const colours = coloursOf(io.stdout, io.environment);
  const write = (text: string): unknown => io.stdout.write(text);
  return {
    io,
    format,
    flags,
    colours,
    client: () => connect(flags, io),
    print: (body, forPeople) => write(format === "table" ? forPeople() : dataText(body, format)),
    printNext: (body, forPeople) => write(nextText(body, format, forPeople)),
    say: (sentence) =>
      format === "table" ? write(`${sentence}\n`) : io.stderr.write(`${sentence}\n`),
    table: (header, rows) =>
      formatTable(header, rows, {
        widthMax: io.stdout.isTTY === true ? io.stdout.columns : undefined,
        paintHeader: (text) => colours.paint("bold", text),
      }),
  };
}

function dataText(body: unknown, format: "json" | "yaml"): string {
  return format === "json" ? `${JSON.stringify(body, undefined, 2)}\n` : yamlText(body);
}

function nextText(body: unknown, format: OutputFormat, forPeople: () => string): string {
  if (format === "table") return forPeople();
  return format === "json" ? `${JSON.stringify(body)}\n` : `---\n${yamlText(body)}`;
}

function yamlText(body: unknown): string {
  return stringify(new Document(body), { aliasDuplicateObjects: false, lineWidth: 0 });
}
