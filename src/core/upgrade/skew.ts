/**
 * Which versions work together: servers one minor version apart, agents of the newest server's minor version or of the
 * one before. What is further apart has never been tried together, so it is not let in.
 */
import { isVersion } from "../versions.ts";

/** A server or an agent, as far as its version goes. */
export interface Versioned {
  /** For people: the name of the server, or of the agent's node. */
  readonly name: string;
  readonly version: string;
}

/** Who wants to come in. */
export interface Newcomer extends Versioned {
  readonly role: "server" | "agent";
}

/** `unknown`: its version says nothing; it is let in, and the sentence is a warning. `refused`: why, and what would do. */
export type SkewVerdict =
  | { readonly kind: "fits" }
  | { readonly kind: "unknown"; readonly sentence: string }
  | { readonly kind: "refused"; readonly sentence: string };

/** The part of a version that says what works together. */
interface Release {
  readonly major: number;
  readonly minor: number;
}

const fits: SkewVerdict = { kind: "fits" };
/** So many names stand in a warning. */
const namesShownMax = 3;

/** Whether a newcomer may work with the servers that there are; the first of a cluster always may. */
export function skewVerdict(newcomer: Newcomer, servers: readonly Versioned[]): SkewVerdict {
  const release = releaseOf(newcomer.version);
  const known = servers.flatMap((server) => withRelease(server));
  if (servers.every(({ version }) => version === newcomer.version)) return fits;
  if (release === undefined || known.length === 0) {
    const whose = release === undefined ? subjectOf(newcomer) : "what the servers run";
    const version = release === undefined ? newcomer.version : (servers[0]?.version ?? "");
    return {
      kind: "unknown",
      sentence: `${whose} has the version "${version}", which is no release: whether it works together with the others is not known`,
    };
  }
  const range = rangeFor(newcomer.role, known);
  if (isWithin(release, range)) return fits;
  const apart = known.find((server) => !isWithin(release, rangeFor(newcomer.role, [server])));
  const other = apart ?? known[0];
  return {
    kind: "refused",
    sentence: `${subjectOf(newcomer)} is of version ${newcomer.version}, and server "${other?.name}" of ${other?.version}: ${ruleOf(newcomer.role)}; install ${wordsOf(range)}`,
  };
}

/** What does not fit among those that are in already, one sentence each; they run on, and somebody should know. */
export function skewWarnings(
  servers: readonly Versioned[],
  agents: readonly Versioned[],
): readonly string[] {
  const known = servers.flatMap((server) => withRelease(server)).sort(byRelease);
  const [oldest, newest] = [known[0], known.at(-1)];
  if (oldest === undefined || newest === undefined) return [];
  const range = rangeFor("agent", known);
  const releases = agents.flatMap((agent) => withRelease(agent));
  const old = releases.filter(({ release }) => compareReleases(release, range.lowest) < 0);
  const early = releases.filter(({ release }) => compareReleases(release, range.highest) > 0);
  return [
    ...(isWithin(newest.release, rangeFor("server", [oldest]))
      ? []
      : [
          `server "${oldest.name}" is of version ${oldest.version}, and server "${newest.name}" of ${newest.version}: ${ruleOf("server")}`,
        ]),
    ...(old.length === 0
      ? []
      : [
          `${namesOf(old)} older than the servers' version ${newest.version} allows: agents of ${wordsOf(range)} are let in; what they run goes on, upgrade them next`,
        ]),
    ...(early.length === 0
      ? []
      : [`${namesOf(early)} newer than the servers, which run ${newest.version} at most`]),
  ];
}

/**
 * Agents that would not fit any more once the servers have become `target`, although that is newer than what the servers
 * are; as one sentence. Undefined: there are none. Whoever does not fit beside the servers of now either is no worse off by
 * a patch of theirs: of those `skewWarnings` speaks.
 */
export function leftBehind(
  servers: readonly Versioned[],
  agents: readonly Versioned[],
  target: string,
): string | undefined {
  const wanted = releaseOf(target);
  const newest = servers.flatMap(withRelease).sort(byRelease).at(-1);
  if (wanted === undefined || newest === undefined) return undefined;
  if (compareReleases(wanted, newest.release) <= 0) return undefined;
  const range = rangeFor("agent", [{ name: "", version: target, release: wanted }]);
  const old = agents
    .flatMap(withRelease)
    .filter(({ release }) => compareReleases(release, range.lowest) < 0);
  if (old.length === 0) return undefined;
  return `${namesOf(old)} too old for servers of ${target}, which work with agents of ${wordsOf(range)}: upgrade such agents first, with: holdfast policy add NAME --agent-version ${newest.version}`;
}

interface Range {
  readonly lowest: Release;
  readonly highest: Release;
}

interface KnownVersion extends Versioned {
  readonly release: Release;
}

/** Neither a word nor 0.0.0, which no release is called, says what works together. */
function releaseOf(version: string): Release | undefined {
  if (!isVersion(version)) return undefined;
  const [major = 0, minor = 0, patch = 0] = (version.split("-")[0] ?? "").split(".").map(Number);
  return major + minor + patch === 0 ? undefined : { major, minor };
}

function withRelease(party: Versioned): KnownVersion[] {
  const release = releaseOf(party.version);
  return release === undefined ? [] : [{ ...party, release }];
}

/**
 * Where a newcomer's version has to lie. Nobody can tell from numbers which minor version was the last before a major
 * one, so none is next to another across it.
 */
function rangeFor(role: Newcomer["role"], servers: readonly KnownVersion[]): Range {
  const sorted = [...servers].sort(byRelease).map(({ release }) => release);
  const oldest = sorted[0] ?? { major: 0, minor: 0 };
  const newest = sorted.at(-1) ?? oldest;
  const lowest = { major: newest.major, minor: Math.max(0, newest.minor - 1) };
  const highest = role === "agent" ? newest : { major: oldest.major, minor: oldest.minor + 1 };
  return { lowest, highest };
}

function isWithin(release: Release, { lowest, highest }: Range): boolean {
  return compareReleases(release, lowest) >= 0 && compareReleases(release, highest) <= 0;
}

function compareReleases(left: Release, right: Release): number {
  return left.major === right.major ? left.minor - right.minor : left.major - right.major;
}

function byRelease(left: KnownVersion, right: KnownVersion): number {
  return compareReleases(left.release, right.release);
}

function subjectOf({ role, name }: Newcomer): string {
  return role === "server" ? `server "${name}"` : `the agent of node "${name}"`;
}

function ruleOf(role: Newcomer["role"]): string {
  return role === "server"
    ? "servers work together when they are one minor version apart at most"
    : "an agent may be one minor version behind the newest server, and not ahead of it";
}

/** E.g. `0.2 or 0.3`. */
function wordsOf({ lowest, highest }: Range): string {
  const words: string[] = [];
  for (let { minor } = lowest; minor <= highest.minor; minor += 1) {
    words.push(`${highest.major}.${minor}`);
  }
  return words.join(" or ");
}

/** E.g. `the agents of node1, node2, node3 and 4 more are`. */
function namesOf(parties: readonly Versioned[]): string {
  const shown = parties.slice(0, namesShownMax).map(({ name, version }) => `${name} (${version})`);
  const more = parties.length - shown.length;
  const rest = more > 0 ? ` and ${more} more` : "";
  return parties.length === 1
    ? `the agent of ${shown.join("")} is`
    : `the agents of ${shown.join(", ")}${rest} are`;
}
