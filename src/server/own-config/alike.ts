/** Whether all servers run the same version with the same configuration, and if not, who differs in what. */
import { skewWarnings } from "../../core/upgrade/skew.ts";
import { placeFieldNames } from "../../wire/control-plane/server-config.ts";
import type { ServerResource } from "../../wire/servers.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** The answer, for programs and for people. */
export interface Alike {
  readonly versions: boolean;
  readonly configuration: boolean;
  readonly sentences: string[];
}

type Tables = Pick<ViewTables, "serverConfigs" | "servers">;

/** Looks at what each server says of itself now; of one that is silent, at what it told last. */
export function alikeOf(lines: readonly ServerResource[], tables: Tables): Alike {
  const servers = lines
    .filter(({ health }) => health !== "starting")
    .map((line) => ({
      ...line,
      isSilent: line.version === undefined,
      version: line.version ?? tables.servers.get(line.id)?.value.serverVersion,
    }));
  const known = servers.flatMap(({ name, version }) =>
    version === undefined ? [] : [{ name, version }],
  );
  const versions = groupsOf(known.map(({ name, version }) => [version, name]));
  const differences = [...settingDifferences(servers, tables), ...laggards(servers)];
  const silent = servers.filter(({ isSilent }) => isSilent).map(({ name }) => name);
  const isOneVersion = versions.size <= 1;
  const isOneConfiguration = differences.length === 0;
  return {
    versions: isOneVersion,
    configuration: isOneConfiguration,
    sentences: [
      headOf(servers.length, versions, isOneConfiguration ? "same" : "different"),
      ...differences,
      ...skewWarnings(known, []),
      ...(silent.length === 0
        ? []
        : [
            `${listOf(silent)} ${silent.length === 1 ? "does" : "do"} not answer: what was told last counts`,
          ]),
    ],
  };
}

/** Names by value, in the order in which they came. */
function groupsOf(
  pairs: readonly (readonly [value: string, name: string])[],
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [value, name] of pairs) groups.set(value, [...(groups.get(value) ?? []), name]);
  return groups;
}

function headOf(
  count: number,
  versions: ReadonlyMap<string, readonly string[]>,
  configuration: "same" | "different",
): string {
  const [version] = versions.keys();
  const all = count === 1 ? "the one server runs" : `all ${count} servers run`;
  const what = configuration === "same" ? "the same configuration" : "different configurations";
  if (versions.size > 1) {
    return `the servers run different versions, with ${what}: ${groupWords(versions)}`;
  }
  if (count === 1) return `${all} ${version ?? "a version that it does not tell"}`;
  return `${all} ${version ?? "a version that they do not tell"} with ${what}`;
}

/** E.g. `0.1.0 (one, two), 0.2.0 (three)`. */
function groupWords(groups: ReadonlyMap<string, readonly string[]>): string {
  return [...groups].map(([value, names]) => `${value} (${names.join(", ")})`).join(", ");
}

/** Only what all of them know is compared: a later version may have settings that an earlier one has not. */
function settingDifferences(
  servers: readonly ServerResource[],
  { serverConfigs }: Tables,
): string[] {
  const settings = new Set(
    servers.flatMap(({ id }) => Object.keys(serverConfigs.get(id)?.value.values ?? {})),
  );
  return [...settings].flatMap((setting) => {
    if (placeFieldNames.includes(setting)) return [];
    const pairs = servers.flatMap(({ id, name }): (readonly [string, string])[] => {
      const value = serverConfigs.get(id)?.value.values[setting];
      return value === undefined ? [] : [[value, name]];
    });
    const groups = groupsOf(pairs);
    return groups.size > 1 ? [`${setting} differs: ${groupWords(groups)}`] : [];
  });
}

/** The settings of the cluster are the same record for all; one that is behind has not seen the latest yet. */
function laggards(servers: readonly ServerResource[]): string[] {
  const latest = Math.max(0, ...servers.map(({ settingsRevision }) => settingsRevision ?? 0));
  const behind = servers
    .filter(({ settingsRevision }) => settingsRevision !== undefined && settingsRevision < latest)
    .map(({ name }) => name);
  if (behind.length === 0) return [];
  const has = behind.length === 1 ? "has" : "have";
  return [`${listOf(behind)} ${has} not seen the latest settings of the cluster yet`];
}

function listOf(names: readonly string[]): string {
  return names.join(", ");
}
