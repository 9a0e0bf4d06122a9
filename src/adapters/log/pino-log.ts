/**
 * The log behind its port, by pino: JSON lines for machines, fixed columns for a person at a terminal. Lines are
 * written without waiting, as a reader that stands still must not stop an agent that has a lease to renew.
 */
import { pino } from "pino";
import * as z from "zod";
import type { Log, LogLevel } from "../../ports/log.ts";

/** What waits to be written at most; what comes on top of it is dropped. */
const waitingBytesMax = 4 * 1_024 * 1_024;

export interface PinoLogOptions {
  readonly level: LogLevel;
  readonly format: "json" | "text";
  /** Component of every line, e.g. `server`. */
  readonly component: string;
  /** Where lines go instead of standard output. */
  readonly write?: (line: string) => void;
}

/** A log with the means to write out what still waits, before the process ends. */
export interface FlushableLog extends Log {
  flush(): void;
  /** From now on lines below it are left out. */
  setLevel(level: LogLevel): void;
}

/** Makes a log on standard output. */
export function createPinoLog(options: PinoLogOptions): FlushableLog {
  const destination =
    options.write === undefined
      ? pino.destination({ dest: 1, sync: false, maxLength: waitingBytesMax })
      : undefined;
  destination?.on("error", () => {
    // A log that cannot be written (its disk is full) must stop neither a server nor an agent.
  });
  const out = (line: string): void => {
    if (destination === undefined) options.write?.(line);
    else destination.write(line);
  };
  const write = options.format === "json" ? out : (line: string) => out(textOf(line));
  const logger = pino(
    {
      level: options.level,
      base: null,
      messageKey: "sentence",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  const log = logOf(logger, { component: options.component });
  return {
    ...log,
    flush: () => flushQuietly(destination),
    setLevel: (level) => {
      logger.level = level;
    },
  };
}

function flushQuietly(destination: { flushSync(): void } | undefined): void {
  try {
    destination?.flushSync();
  } catch {
    // Standard output is gone, or was never opened: there is nobody left to read these lines.
  }
}

interface PinoLogger {
  debug(fields: object, sentence: string): void;
  info(fields: object, sentence: string): void;
  warn(fields: object, sentence: string): void;
  error(fields: object, sentence: string): void;
}

/** `bound` is in every line; not by the logger's own means, which would write a field twice that is bound again. */
function logOf(logger: PinoLogger, bound: Readonly<Record<string, unknown>>): Log {
  return {
    write: (level, sentence, fields) => logger[level]({ ...bound, ...fields }, sentence),
    with: (fields) => logOf(logger, { ...bound, ...fields }),
  };
}

const lineSchema = z.looseObject({
  time: z.string(),
  level: z.string(),
  component: z.string(),
  subject: z.string().optional(),
  sentence: z.string().default(""),
});

/** One line in columns: time, level, component, subject, sentence, and the other fields as name=value. */
function textOf(line: string): string {
  const { time, level, component, subject, sentence, ...others } = lineSchema.parse(
    JSON.parse(line),
  );
  const rest = Object.entries(others).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const columns = [
    time.slice(11, 23),
    level.padEnd(5),
    component.padEnd(8),
    ...(subject === undefined ? [] : [subject]),
    sentence,
    ...rest,
  ];
  return `${columns.map(plain).join("  ")}\n`;
}

/** Without line breaks and other characters that steer a terminal. */
function plain(column: string): string {
  return column.replace(/[\r\n\t]+/g, " ").replace(/\p{Cc}/gu, "\ufffd");
}
