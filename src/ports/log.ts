/** Structured log: one line an event, with component, subject and a sentence. Never a secret in it. */

export type LogLevel = "debug" | "info" | "warn" | "error";
export interface Log {
  /** `fields` go into the line as they are; `sentence` is for a person, without a full stop. */
  write(level: LogLevel, sentence: string, fields?: Readonly<Record<string, unknown>>): void;
  /** The same log with `fields` in each line, e.g. the component. */
  with(fields: Readonly<Record<string, unknown>>): Log;
}
