/**
 * What each server has of its own: who it is and where, which no other server's values may ever replace, and the few
 * settings that can be changed while it runs. It is kept in the server's data directory; the store has a copy to look at.
 */
import * as z from "zod";

const version = { version: z.literal(1) };

export const logLevels = ["debug", "info", "warn", "error"] as const;
export const logFormats = ["json", "text"] as const;

/** What can be set of a server alone, as it runs with it. */
export const settingsInForceSchema = z.strictObject({
  logLevel: z.enum(logLevels),
  logFormat: z.enum(logFormats),
});
export type SettingsInForce = z.output<typeof settingsInForceSchema>;
export type ServerSettingName = keyof SettingsInForce;

/** `server-settings.json` in a server's data directory: what people have set of it alone. */
export const serverSettingsSchema = settingsInForceSchema.partial();
export type ServerSettings = z.output<typeof serverSettingsSchema>;

/** The names, in the order in which they are shown. All servers should have the same values of these. */
export const serverSettingNames = [
  "logLevel",
  "logFormat",
] as const satisfies readonly ServerSettingName[];

/** What says who and where a server is, and so differs by nature. */
export const placeFieldNames: readonly string[] = [
  ...["id", "name", "host", "port"],
  ...["dataDirectory", "listen", "vipInterface"],
];

/** When a new value takes effect. */
export const settingEffects: Readonly<Record<ServerSettingName, "now" | "restart">> = {
  logLevel: "now",
  logFormat: "restart",
};

/** `PATCH /v1/server-configs/<id>`: null takes a value back. */
export const serverSettingsChangeSchema = z.strictObject({
  logLevel: settingsInForceSchema.shape.logLevel.nullish(),
  logFormat: settingsInForceSchema.shape.logFormat.nullish(),
});
export type ServerSettingsChange = z.output<typeof serverSettingsChangeSchema>;

/** Where a value comes from. `identity`: it was given when the server was made. `set`: with `config set`. */
export const configSources = ["identity", "flag", "environment", "set", "file", "default"] as const;
export type ConfigSource = (typeof configSources)[number];

const configFields = {
  /** By name. */
  values: z.record(z.string(), z.string()),
  /** Of each value. */
  sources: z.record(z.string(), z.enum(configSources)),
  /** Values that the server takes up when it is started again. */
  pending: z.record(z.string(), z.string()),
};

/** `server-configs/<id>`: written by the server itself, when it starts and when something has changed. No secrets. */
export const serverConfigRecordSchema = z.object({
  ...version,
  id: z.string(),
  name: z.string(),
  ...configFields,
  /** The latest order that it has dealt with; with `error`, nothing came of it. */
  lastOrder: z.object({ id: z.string(), error: z.string().optional() }).optional(),
});
export type ServerConfigRecord = z.output<typeof serverConfigRecordSchema>;

/** `server-config-orders/<id>`: what a person wants changed; the server takes it when it sees it, and deletes it. */
export const serverConfigOrderRecordSchema = z.object({
  ...version,
  id: z.string(),
  order: z.string(),
  change: serverSettingsChangeSchema,
});
export type ServerConfigOrderRecord = z.output<typeof serverConfigOrderRecordSchema>;

/** One of `GET /v1/server-configs`. */
export const serverConfigResourceSchema = z.object({
  id: z.string(),
  name: z.string(),
  ...configFields,
  /** What the server has been told and has not taken yet, as it does not run. */
  waiting: z.record(z.string(), z.string().nullable()).optional(),
});
export type ServerConfigResource = z.output<typeof serverConfigResourceSchema>;

/** `GET /v1/server-configs` */
export const serverConfigListSchema = z.object({ items: z.array(serverConfigResourceSchema) });
