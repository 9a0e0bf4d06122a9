/** The cluster's settings as words `KEY=VALUE`: what each key stands for, how its value is written, and back. */
import { balanceMethods, schedulers, shutdownPolicies } from "../../core/model/settings.ts";
import { err, ok, type Result } from "../../core/result.ts";
import {
  admissionActions,
  coldStartOf,
  profileNames,
  type Settings,
  type SettingsChange,
  settingsSchema,
  timesOf,
} from "../../wire/settings.ts";
import { type Failure, usage } from "../failure.ts";
import {
  parseDuration,
  parseNumber,
  parseSize,
  writeDuration,
  writeSize,
} from "../format/quantity.ts";
import { type Draft, draftAt, putDraft } from "./draft.ts";

/** How a value is read and written. */
interface Kind {
  /** The form of its values, for help. */
  readonly form: string;
  parse(text: string): Result<unknown, string>;
  write(value: unknown): string;
}

const duration: Kind = {
  form: "DURATION",
  parse: parseDuration,
  write: (value) => writeDuration(Number(value)),
};
const size: Kind = {
  form: "SIZE",
  parse: parseSize,
  write: (value) => writeSize(Number(value)),
};
const number: Kind = { form: "NUMBER", parse: parseNumber, write: String };
const text: Kind = { form: "NAME", parse: ok, write: String };
const onOff: Kind = {
  form: "on|off",
  parse: (text) =>
    text === "on" || text === "off" ? ok(text === "on") : err(`"${text}" is neither on nor off`),
  write: (value) => (value === true ? "on" : "off"),
};
/** A part that is there or not; it is switched on with its defaults. */
const part: Kind = {
  form: "on|off",
  parse: (text) => {
    const read = onOff.parse(text);
    return read.ok ? ok(read.value === true ? {} : null) : read;
  },
  write: (value) => (value === undefined || value === null ? "off" : "on"),
};
const oneOf = (names: readonly string[]): Kind => ({
  form: names.join("|"),
  parse: (text) =>
    names.includes(text) ? ok(text) : err(`"${text}" is none of ${names.join(", ")}`),
  write: String,
});

interface Setting {
  readonly key: string;
  readonly kind: Kind;
  readonly words: string;
}

const settings: readonly Setting[] = [
  { key: "profile", kind: oneOf(profileNames), words: "named times" },
  { key: "times.ttlMs", kind: duration, words: "how long a node's lease lives" },
  { key: "times.watchdogMs", kind: duration, words: "by then a cut-off node has killed all" },
  { key: "times.renewEveryMs", kind: duration, words: "how often a lease is renewed" },
  { key: "suspectMs", kind: duration, words: "a node is missed so long before it is fenced" },
  { key: "coldStartMs", kind: duration, words: "a starting cluster awaits known nodes so long" },
  {
    key: "shutdownPolicy",
    kind: oneOf(shutdownPolicies),
    words: "what becomes of services when their node is shut down",
  },
  { key: "scheduler", kind: oneOf(schedulers), words: "how a node is chosen" },
  {
    key: "rebalanceOnStart",
    kind: onOff,
    words: "choose the best node again whenever a service is started",
  },
  { key: "autoRebalance", kind: part, words: "move services when nodes are loaded unevenly" },
  { key: "autoRebalance.method", kind: oneOf(balanceMethods), words: "how a move is chosen" },
  {
    key: "autoRebalance.threshold",
    kind: number,
    words: "imbalance above which something is done",
  },
  { key: "autoRebalance.holdRounds", kind: number, words: "rounds for which it must have lasted" },
  { key: "autoRebalance.margin", kind: number, words: "least improvement that is worth a move" },
  { key: "roundMs", kind: duration, words: "how often the manager looks by itself" },
  { key: "goneAfterMs", kind: duration, words: "a removed node is forgotten after so long" },
  {
    key: "purgeAfterMs",
    kind: duration,
    words: "a lost node or server is taken out after so long; 0s: never",
  },
  {
    key: "readyServersMin",
    kind: number,
    words: "no server is taken out while fewer others are ready",
  },
  { key: "operationsPerNode", kind: number, words: "starts, stops and moves at a time on a node" },
  {
    key: "brake.lostShare",
    kind: number,
    words: "more nodes than this share lost: recover slowly",
  },
  {
    key: "brake.recoveriesAtOnce",
    kind: number,
    words: "services that are then recovered at a time",
  },
  { key: "admission", kind: part, words: "let in only what survives the loss of nodes" },
  { key: "admission.losses", kind: number, words: "losses that memory must suffice for" },
  {
    key: "admission.action",
    kind: oneOf(admissionActions),
    words: "what becomes of a service for which it would not",
  },
  { key: "bundles.fileBytesMax", kind: size, words: "largest bundle" },
  { key: "bundles.totalBytesMax", kind: size, words: "all bundles together" },
  { key: "compat.organisation", kind: text, words: "the cluster's name for exchange clients" },
];

/** So wide is the column of keys with their values, in help. */
const formWidth = 33;

/** The keys with their values and meaning, for help. */
export function settingsHelp(): string {
  const forms = settings.map(({ key, kind, words }) => [`${key}=${kind.form}`, words] as const);
  // The longest ones would push all others aside: their meaning stands on a line of its own.
  return forms
    .map(([form, words]) =>
      form.length > formWidth
        ? `  ${form}\n${" ".repeat(formWidth + 4)}${words}\n`
        : `  ${form.padEnd(formWidth)}  ${words}\n`,
    )
    .join("");
}

/** `profile`: it follows from the profile. `default`: nobody has to have said it. `set`: somebody has. */
export type SettingSource = "set" | "profile" | "default";

/** One setting in force, its value as `config set` takes it. */
export interface SettingRow {
  readonly key: string;
  readonly value: string;
  readonly source: SettingSource;
}

/** The settings in force, and where each comes from. */
export function settingRows(value: Settings): SettingRow[] {
  const shown = inForce(value);
  return settings
    .filter(({ key }) => isShown(key, shown))
    .map(({ key, kind }) => {
      const text = kind.write(draftAt(shown, key.split(".")));
      return { key, value: text, source: sourceOf(value, key, text) };
    });
}

function inForce(value: Settings): Draft {
  return { ...value, times: timesOf(value), coldStartMs: coldStartOf(value) };
}

/** What is as it would be without anybody's word counts as default, whoever has said it. */
function sourceOf(value: Settings, key: string, text: string): SettingSource {
  const isDerived = key.startsWith("times.") ? value.times === undefined : false;
  if (isDerived || (key === "coldStartMs" && value.coldStartMs == null)) return "profile";
  const setting = settings.find((known) => known.key === key);
  const usual = inForce(key.includes(".") ? usualParts : usualSettings);
  return setting?.kind.write(draftAt(usual, key.split("."))) === text ? "default" : "set";
}

const usualSettings = settingsSchema.parse({});
/** What a part has when it is switched on and nothing more is said. */
const usualParts = settingsSchema.parse({ autoRebalance: {}, admission: {} });

/** Fields of a part that is switched off are not there. */
function isShown(key: string, shown: Draft): boolean {
  const [first = "", second] = key.split(".");
  return second === undefined || draftAt(shown, [first]) != null;
}

/** The change that the words ask for; `hintOf` knows of keys that are none of these. A profile takes times of one's own away, unless they are given too. */
export function parseSettingWords(
  words: readonly string[],
  hintOf: (unknownKey: string) => string | undefined,
): Result<SettingsChange, Failure> {
  let change: Draft = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    const key = word.slice(0, Math.max(0, equals));
    const setting = settings.find((known) => known.key === key);
    if (setting === undefined) {
      const what = equals < 1 ? `"${word}" has no key and "="` : `there is no setting "${key}"`;
      return usage(what, hintOf(key) ?? "see all with: holdfast config set --help");
    }
    const value = setting.kind.parse(word.slice(equals + 1));
    if (!value.ok) return usage(`${key}: ${value.error}`);
    change = putValue(change, key, value.value);
  }
  if (change["profile"] !== undefined && change["times"] === undefined) {
    change = { ...change, times: null };
  }
  return ok(change);
}

function putValue(change: Draft, key: string, value: unknown): Draft {
  const path = key.split(".");
  // `autoRebalance=on autoRebalance.margin=0.2` means both, in whichever order.
  const before = path.length === 1 ? draftAt(change, path) : undefined;
  const isEmptyPart = typeof value === "object" && value !== null;
  if (isEmptyPart && typeof before === "object" && before !== null) return change;
  return putDraft(change, path, value);
}
