/** What `server run` and `agent run` have in common: their log, and how a setting is found. */
import { type Command, Option } from "commander";
import * as z from "zod";
import {
  type ConfigSource,
  logFormats as formats,
  logLevels as levels,
} from "../../wire/control-plane/server-config.ts";
import type { LogOptions } from "../roles.ts";
import type { Session } from "../session.ts";

/** Fields of the log in `server.yaml` and `agent.yaml`. */
export const logFields = {
  logFormat: z.enum(formats).optional(),
  logLevel: z.enum(levels).optional(),
} as const;

interface LogFields {
  readonly logFormat?: LogOptions["format"] | undefined;
  readonly logLevel?: LogOptions["level"] | undefined;
}

/** Gives a command the flags of the log and of its configuration file. */
export function addRunFlags(command: Command, configFile: string): void {
  command
    .option("--config <file>", `settings in YAML (default: ${configFile}, if it is there)`)
    .addOption(
      new Option("--log-format <format>", "default: text at a terminal, else json").choices(
        formats,
      ),
    )
    .addOption(new Option("--log-level <level>", "default: info").choices(levels));
}

/** How to log: flags, then environment, then file, then what standard output is. */
export function logOptionsOf(session: Session, flags: LogFields, file: LogFields): LogOptions {
  const { HOLDFAST_LOG_FORMAT: format, HOLDFAST_LOG_LEVEL: level } = session.io.environment;
  const ownFormat = session.io.stdout.isTTY === true ? "text" : "json";
  return {
    format: flags.logFormat ?? known(formats, format) ?? file.logFormat ?? ownFormat,
    level: flags.logLevel ?? known(levels, level) ?? file.logLevel ?? "info",
  };
}

/** Where `logOptionsOf` finds what it says. */
export function logOriginsOf(
  session: Session,
  flags: LogFields,
  file: LogFields,
): Readonly<Record<"logLevel" | "logFormat", ConfigSource>> {
  const { HOLDFAST_LOG_FORMAT: format, HOLDFAST_LOG_LEVEL: level } = session.io.environment;
  return {
    logFormat: originOf(flags.logFormat, known(formats, format), file.logFormat),
    logLevel: originOf(flags.logLevel, known(levels, level), file.logLevel),
  };
}

/** Where a value is found that is looked for in this order. */
export function originOf(flag: unknown, environment: unknown, file: unknown): ConfigSource {
  if (flag !== undefined) return "flag";
  if (environment !== undefined) return "environment";
  return file === undefined ? "default" : "file";
}

function known<T extends string>(words: readonly T[], text: string | undefined): T | undefined {
  return words.find((word) => word === text);
}
