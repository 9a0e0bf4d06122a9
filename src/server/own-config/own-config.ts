/** What this server has of its own: what it was started with, what was set of it alone, and what is in force of both. */
import { ok, type Result } from "../../core/result.ts";
import {
  type ConfigSource,
  type ServerConfigRecord,
  type ServerSettingName,
  type ServerSettings,
  type ServerSettingsChange,
  type SettingsInForce,
  serverSettingNames,
  serverSettingsSchema,
  settingEffects,
  settingsInForceSchema,
} from "../../wire/control-plane/server-config.ts";
import { readServerSettings, writeServerSettings } from "./settings-file.ts";

/** A value and where it was found. */
export interface GivenValue {
  readonly value: string;
  readonly source: ConfigSource;
}

/** What a server was started with, before anything that was set of it. */
export type GivenConfig = Readonly<Record<ServerSettingName, GivenValue>> & {
  /** What can be changed only by starting it in another way, e.g. `dataDirectory`. */
  readonly fixed: Readonly<Record<string, GivenValue>>;
};

/** What is shown of it. */
export type ShownConfig = Pick<ServerConfigRecord, "values" | "sources" | "pending">;

/** Takes up a new value while the server runs. */
export type Apply = (settings: SettingsInForce) => void;

export class OwnConfig {
  readonly #dataDirectory: string;
  readonly #given: GivenConfig;
  #set: ServerSettings;
  /** What it runs with; a change that needs a restart is not in it. */
  #inForce: SettingsInForce;
  #apply: Apply = () => undefined;

  constructor(dataDirectory: string, given: GivenConfig, set: ServerSettings) {
    this.#dataDirectory = dataDirectory;
    this.#given = given;
    this.#set = set;
    this.#inForce = this.#wanted();
  }

  /** What the server runs with. */
  get inForce(): SettingsInForce {
    return this.#inForce;
  }

  /** From now on `apply` hears of each change that takes effect at once. */
  onChange(apply: Apply): void {
    this.#apply = apply;
  }

  /** Keeps the change on the disk, then takes up what can be taken up now. */
  async change(change: ServerSettingsChange): Promise<Result<void, string>> {
    const merged = Object.entries({ ...this.#set, ...change });
    const kept = merged.filter(([, value]) => value !== null && value !== undefined);
    const settings = serverSettingsSchema.parse(Object.fromEntries(kept));
    const written = await writeServerSettings(this.#dataDirectory, settings);
    if (!written.ok) return written;
    this.#set = settings;
    const wanted = this.#wanted();
    const names = serverSettingNames.filter((name) => settingEffects[name] === "now");
    const now = Object.fromEntries(names.map((name) => [name, wanted[name]]));
    this.#inForce = settingsInForceSchema.parse({ ...this.#inForce, ...now });
    this.#apply(this.#inForce);
    return ok(undefined);
  }

  /** All values with their sources; without secrets, as there are none among them. */
  shown(): ShownConfig {
    const wanted = this.#wanted();
    const rows = serverSettingNames.map((name) => ({
      name,
      value: this.#inForce[name],
      source: this.#sourceOf(name),
      next: wanted[name],
    }));
    const fixed = Object.entries(this.#given.fixed);
    const changed = rows.filter(({ value, next }) => value !== next);
    return {
      values: Object.fromEntries([
        ...fixed.map(([name, { value }]) => [name, value]),
        ...rows.map(({ name, value }) => [name, value]),
      ]),
      sources: Object.fromEntries([
        ...fixed.map(([name, { source }]) => [name, source]),
        ...rows.map(({ name, source }) => [name, source]),
      ]),
      pending: Object.fromEntries(changed.map(({ name, next }) => [name, next])),
    };
  }

  /** A flag or the environment goes before what was set: whoever starts the server has the last word. */
  #sourceOf(name: ServerSettingName): ConfigSource {
    const { source } = this.#given[name];
    if (source === "flag" || source === "environment") return source;
    return this.#set[name] === undefined ? source : "set";
  }

  #wanted(): SettingsInForce {
    const value = (name: ServerSettingName): unknown =>
      this.#sourceOf(name) === "set" ? this.#set[name] : this.#given[name].value;
    return settingsInForceSchema.parse({
      logLevel: value("logLevel"),
      logFormat: value("logFormat"),
    });
  }
}

/** Reads what was set, and puts it together with what the server was started with. */
export async function openOwnConfig(
  dataDirectory: string,
  given: GivenConfig,
): Promise<Result<OwnConfig, string>> {
  const set = await readServerSettings(dataDirectory);
  return set.ok ? ok(new OwnConfig(dataDirectory, given, set.value)) : set;
}
