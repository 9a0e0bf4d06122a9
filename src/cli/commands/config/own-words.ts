/** Settings of one server as words `KEY=VALUE`, and what is said to those who want to change what cannot be changed. */
import { ok, type Result } from "../../../core/result.ts";
import {
  type ServerSettingName,
  type ServerSettingsChange,
  serverSettingNames,
  serverSettingsChangeSchema,
  settingEffects,
  settingsInForceSchema,
} from "../../../wire/control-plane/server-config.ts";
import { type Failure, usage } from "../../failure.ts";

const meanings: Readonly<Record<ServerSettingName, string>> = {
  logLevel: "how much it logs",
  logFormat: "how its log is written",
};

const certified =
  "the others know it by that, and its certificates hold it; take the server out and join it anew: holdfast server remove ID, holdfast join-script --server";
const started = "it is said where the server is started: holdfast server run --help";
const elsewhere: Readonly<Record<string, string>> = {
  id: "an id belongs to one server for good; another server gets another one: holdfast join-script --server",
  name: certified,
  host: certified,
  port: certified,
  dataDirectory: started,
  listen: started,
  leaderHook: started,
  followerHook: started,
  hookTimeLimit: started,
  vip: started,
  vipInterface: started,
  loadBalancer: "it is for all servers: holdfast server load-balancer HOST:PORT",
  isolate: "it is for all servers: holdfast server isolate on",
};

/** The keys of one server with their values and meaning, for help. */
export function ownSettingsHelp(): string {
  return serverSettingNames
    .map((name) => {
      const when = settingEffects[name] === "now" ? "" : ", after a restart";
      return `  ${`${name}=${choicesOf(name).join("|")}|default`.padEnd(33)}  ${meanings[name]}${when}\n`;
    })
    .join("");
}

/** A hint for a key that is not one of the cluster's settings; undefined: it is none of a server either. */
export function hintOfOwnKey(key: string): string | undefined {
  if (isName(key)) return `each server has its own: holdfast config set ${key}=VALUE --on SERVER`;
  return elsewhere[key];
}

/** The change that the words ask for; the value `default` takes a setting back. */
export function parseOwnWords(words: readonly string[]): Result<ServerSettingsChange, Failure> {
  const change: Record<string, string | null> = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    if (equals < 1) return usage(`"${word}" has no key and "="`, seeHelp);
    const [key, value] = [word.slice(0, equals), word.slice(equals + 1)];
    if (!isName(key)) {
      const hint = elsewhere[key];
      if (hint !== undefined) return usage(`"${key}" of a server cannot be set`, hint);
      return usage(`"${key}" is no setting of one server`, seeHelp);
    }
    if (value !== "default" && !choicesOf(key).includes(value)) {
      return usage(`${key}: "${value}" is none of ${choicesOf(key).join(", ")}, default`);
    }
    change[key] = value === "default" ? null : value;
  }
  return ok(serverSettingsChangeSchema.parse(change));
}

const seeHelp = "see all with: holdfast config set --help";

function isName(key: string): key is ServerSettingName {
  return serverSettingNames.some((name) => name === key);
}

function choicesOf(name: ServerSettingName): readonly string[] {
  return settingsInForceSchema.shape[name].options;
}
