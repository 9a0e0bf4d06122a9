/** How a command of the command line is hung into the program, and how its end comes back out of it. */
import { type Command, InvalidArgumentError, Option } from "commander";
import * as z from "zod";
import { assert } from "../core/assert.ts";
import { err, type Result } from "../core/result.ts";
import { done, type Outcome, usage } from "./failure.ts";
import {
  parseCount,
  parseDuration,
  parseNumber,
  parseSize,
  writeDuration,
} from "./format/quantity.ts";
import type { CliIo } from "./io.ts";
import type { Roles } from "./roles.ts";
import { createSession, outputFormats, type Session } from "./session.ts";

/** What a command does; `values` are the arguments in order, `options` what commander made of the flags. */
export type Handler = (
  session: Session,
  values: readonly string[],
  options: unknown,
) => Promise<Outcome>;

export class CommandContext {
  readonly io: CliIo;
  readonly roles: Roles;
  outcome: Outcome = done;

  constructor(io: CliIo, roles: Roles) {
    this.io = io;
    this.roles = roles;
  }

  /** Makes `handler` what `command` does. */
  handle(command: Command, handler: Handler): void {
    command.action(async () => {
      const globals = globalSchema.parse(command.optsWithGlobals());
      const { server, ca: authority } = globals;
      const isBare = server === true;
      if (isBare && command.name() !== joinScript) {
        this.outcome = usage("--server needs a value", "give the servers' addresses");
        return;
      }
      const flags = { ...globals, authority, server: isBare ? undefined : server, isBare };
      const session = createSession(this.io, globals.output, flags);
      this.outcome = await handler(session, command.args, command.opts());
    });
  }
}

/** There `--server` without a value says what the new machine is to be. */
const joinScript = "join-script";

const globalSchema = z.object({
  output: z.enum(outputFormats).default("table"),
  server: z.union([z.string(), z.literal(true)]).optional(),
  tokenFile: z.string().optional(),
  ca: z.string().optional(),
});

/** The argument at `index`, which commander has made sure of. */
export function argumentAt(values: readonly string[], index: number): string {
  const value = values[index];
  assert(value !== undefined, "commander refuses a command without its arguments");
  return value;
}

function parsed(parse: (text: string) => Result<number, string>): (text: string) => number {
  return (text) => {
    const result = parse(text);
    if (result.ok) return result.value;
    throw new InvalidArgumentError(result.error); // commander's way to refuse a value
  };
}

/** The least and the most that a flag takes. */
interface Range {
  readonly min: number;
  readonly max: number;
}

const anyRange: Range = { min: 0, max: Number.MAX_SAFE_INTEGER };

function within(
  parse: (text: string) => Result<number, string>,
  { min, max }: Range,
  write: (value: number) => string,
): (text: string) => Result<number, string> {
  return (text) => {
    const result = parse(text);
    if (!result.ok || (result.value >= min && result.value <= max)) return result;
    return err(`"${text}" is out of range: it takes ${write(min)} to ${write(max)}`);
  };
}

/** A flag that takes a duration like `10s`; its value is in milliseconds. */
export function durationOption(flags: string, description: string, range = anyRange): Option {
  const parse = within(parseDuration, range, writeDuration);
  return new Option(flags, description).argParser(parsed(parse));
}

/** A flag that takes a whole number. */
export function countOption(flags: string, description: string, range = anyRange): Option {
  return new Option(flags, description).argParser(parsed(within(parseCount, range, String)));
}

/** A flag that takes any number, e.g. `0.5` or `-10`. */
export function numberOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parsed(parseNumber));
}

/** A flag that takes `on` or `off`; its value is a boolean. */
export function switchOption(flags: string, description: string): Option {
  return new Option(flags, description).choices(["on", "off"]).argParser((text: string) => {
    if (text === "on" || text === "off") return text === "on";
    throw new InvalidArgumentError("write on or off"); // commander's way to refuse a value
  });
}

/** A flag that takes a size like `10M`; its value is in bytes. */
export function sizeOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parsed(parseSize));
}

/** A flag that can be given more than once; its value is the list of all. */
export function repeatedOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(
    (value: string, before: readonly string[] = []) => [...before, value],
  );
}
