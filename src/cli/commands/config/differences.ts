/** What differs between two configurations: one line each, for people and for programs. */
import {
  placeFieldNames,
  type ServerConfigResource,
} from "../../../wire/control-plane/server-config.ts";
import { settingRows } from "../../input/setting-words.ts";
import type { ConfigDocument, ConfigFile } from "./document.ts";

export interface Difference {
  /** `cluster`, or `server ID "NAME"`. */
  readonly subject: string;
  /** Undefined: all of it. */
  readonly key: string | undefined;
  /** Who has which value; null: none. */
  readonly values: Readonly<Record<string, string | null>>;
}

/** A difference as one line. */
export function lineOf({ subject, key, values }: Difference): string {
  const words = Object.entries(values).map(([who, value]) => `${who} ${value ?? "(none)"}`);
  return `${subject}${key === undefined ? "" : ` ${key}`}: ${words.join(", ")}\n`;
}

/** Between servers, in what should be the same on all: who and where each one is differs by nature. */
export function differencesOfServers(servers: readonly ServerConfigResource[]): Difference[] {
  const keys = new Set(servers.flatMap(({ values }) => Object.keys(values)));
  return [...keys]
    .filter((key) => !placeFieldNames.includes(key))
    .map((key) => {
      const values = servers.map((server): [string, string | null] => {
        return [`${server.id} "${server.name}"`, server.values[key] ?? null];
      });
      return { subject: "servers", key, values: Object.fromEntries(values) };
    })
    .filter(({ values }) => new Set(Object.values(values)).size > 1);
}

/** Between a file and what there is now. */
export function differencesOfFile(file: ConfigFile, now: ConfigDocument): Difference[] {
  return [...differencesOfCluster(file, now), ...differencesOfOwn(file, now)];
}

function differencesOfCluster({ cluster }: ConfigFile, now: ConfigDocument): Difference[] {
  if (cluster === undefined) return [];
  const rows = (settings: ConfigDocument["cluster"]): Map<string, string> =>
    new Map(settingRows(settings).map(({ key, value }) => [key, value]));
  return differencesOfValues("cluster", rows(cluster), rows(now.cluster));
}

function differencesOfOwn({ servers }: ConfigFile, now: ConfigDocument): Difference[] {
  if (servers === undefined) return [];
  const inFile = servers.flatMap(({ id, values }) => {
    const server = now.servers.find((other) => other.id === id);
    if (server === undefined) {
      return [{ subject: `server ${id}`, key: undefined, values: { file: "there", now: null } }];
    }
    const named = Object.keys(values).map((key) => [key, server.values[key]] as const);
    const there = new Map(
      named.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    );
    return differencesOfValues(
      `server ${id} "${server.name}"`,
      new Map(Object.entries(values)),
      there,
    );
  });
  const others = now.servers.filter(({ id }) => servers.every((server) => server.id !== id));
  return [
    ...inFile,
    ...others.map(({ id, name }) => ({
      subject: `server ${id} "${name}"`,
      key: undefined,
      values: { file: null, now: "there" },
    })),
  ];
}

function differencesOfValues(
  subject: string,
  file: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): Difference[] {
  const keys = new Set([...file.keys(), ...now.keys()]);
  return [...keys]
    .map((key) => ({
      subject,
      key,
      values: { file: file.get(key) ?? null, now: now.get(key) ?? null },
    }))
    .filter(({ values }) => values.file !== values.now);
}
