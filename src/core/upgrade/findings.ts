/** What speaks against an upgrade of the control plane now. Pure, so that each finding has a line in a table of tests. */
import { spanOf } from "../explain/sentences/words.ts";
import { type AgentCheckFacts, agentFindings } from "./agent-findings.ts";
import { blocking, type Finding, warning } from "./finding.ts";

/** One server, as it says itself. */
export interface CheckedServer {
  readonly name: string;
  readonly version: string;
  /** Why it is not well; undefined: it is. */
  readonly fault: string | undefined;
  /** Entries of the store's log that it is behind the foremost. */
  readonly behind: number;
  /** How far its clock is at least from that of the server that asks, in ms; undefined: it did not say. */
  readonly clockOffMs: number | undefined;
  readonly diskFreeBytes: number | undefined;
  /** What the upgrade takes of its disk: for the package, the backup, and a migration. */
  readonly neededBytes: number;
  /** Whether a launcher looks after it, which alone can start another version; undefined: it did not say. */
  readonly launcher: "alive" | "lost" | "none" | undefined;
  readonly certificateLeftMs: number | undefined;
}

/** An HA group, as far as it counts here. */
export interface CheckedGroup {
  readonly name: string;
  readonly memberCount: number;
  /** Members that are there and not being upgraded. */
  readonly healthyCount: number;
}

/** Something, in words. */
export interface Described {
  readonly subject: string;
  readonly words: string;
}

/** What was gathered. */
export interface CheckFacts {
  readonly servers: readonly CheckedServer[];
  /** What is under way, in words, by what it is about. */
  readonly transients: readonly Described[];
  /** What does not go on by itself: it waits for a person. */
  readonly stuck: readonly Described[];
  readonly groups: readonly CheckedGroup[];
  /** Services that cannot move away from where they are, and why. */
  readonly bound: readonly { readonly service: string; readonly because: string }[];
  /** Versions that do not fit together, one sentence each. */
  readonly skew: readonly string[];
  readonly agents: AgentCheckFacts;
  /** Name of the management policy by which an upgrade brings agents along. */
  readonly agentPolicy: string;
  /** The version that it goes to; undefined: none was named, or there is no way to it. */
  readonly to: string | undefined;
  /** Who froze the cluster; undefined: it is not frozen. */
  readonly frozenBy: string | undefined;
  /** Why there is no way to the wanted version; undefined: there is one, or none was named. */
  readonly noWay: string | undefined;
  /** Why agents could not bear that no server serves for a while; undefined: they can. */
  readonly silenceFault: string | undefined;
  /** The schema changes so that all servers have to wait for it. */
  readonly stopsAll: { readonly from: number; readonly to: number } | undefined;
}

/** Entries that a busy cluster writes while it is asked. */
const behindMax = 1_000;
/** Clocks that are further apart make times in the store unreadable; certificates count by them, too. */
const clockOffMsMax = 2_000;
/** Where all servers stop, the limits of that time go by what one has written and another one reads. */
const clockOffWhileDarkMsMax = 20_000;
/** An upgrade takes minutes; whoever looks after it is to have days. */
const certificateLeftMsMin = 3 * 24 * 3_600_000;

/** All of them, those that block first. */
export function findingsOf(facts: CheckFacts): readonly Finding[] {
  const found = [
    ...facts.servers.flatMap(ofServer),
    ...ofVersions(facts),
    ...ofCluster(facts),
    ...agentFindings(facts.agents, facts.agentPolicy),
    ...facts.groups.flatMap(ofGroup),
    ...facts.bound.map(({ service, because }) =>
      warning("bound", service, `it cannot move away: ${because}`),
    ),
  ];
  return found.sort(
    (left, right) => Number(right.level === "blocks") - Number(left.level === "blocks"),
  );
}

function ofServer(server: CheckedServer): readonly Finding[] {
  const { name, fault, behind, clockOffMs, diskFreeBytes, neededBytes, certificateLeftMs } = server;
  if (fault !== undefined) return [blocking("server-not-well", name, fault)];
  const found: Finding[] = [...ofLauncher(server)];
  if (behind > behindMax) {
    found.push(blocking("server-behind", name, `its store is ${behind} entries behind`));
  }
  if (clockOffMs !== undefined && Math.abs(clockOffMs) > clockOffMsMax) {
    const detail = `its clock is ${spanOf(Math.abs(clockOffMs))} off; set it, e.g. with chrony`;
    found.push(warning("clock", name, detail));
  }
  if (diskFreeBytes !== undefined && diskFreeBytes < neededBytes) {
    const detail = `${megabytes(diskFreeBytes)} are free for its data, and ${megabytes(neededBytes)} are needed for the package and a backup`;
    found.push(blocking("disk", name, detail));
  }
  if (certificateLeftMs !== undefined && certificateLeftMs < certificateLeftMsMin) {
    const isOver = certificateLeftMs <= 0;
    const words = isOver ? "is over" : `ends in ${spanOf(certificateLeftMs)}`;
    found.push((isOver ? blocking : warning)("certificate", name, `its certificate ${words}`));
  }
  return found;
}

/** Without one, it could not be told to become another version. */
function ofLauncher({ name, launcher }: CheckedServer): readonly Finding[] {
  const unit = "start it by its unit holdfast-server, or with: holdfast server launch";
  switch (launcher) {
    case undefined:
    case "alive":
      return [];
    case "lost":
      return [blocking("launcher-lost", name, `its launcher has died; ${unit}`)];
    case "none":
      return [blocking("launcher", name, `it runs without a launcher; ${unit}`)];
  }
}

function ofVersions({ servers, skew, noWay, to }: CheckFacts): readonly Finding[] {
  // Of a server that does not answer there is none.
  const known = servers.filter(({ version }) => version !== "");
  const versions = [...new Set(known.map(({ version }) => version))];
  const found = skew.map((sentence) => warning("skew", "", sentence));
  if (versions.length > 1) found.push(ofSkew(versions, to));
  if (noWay !== undefined) found.push(blocking("target", "", noWay));
  return found;
}

/** Stragglers are what an upgrade heals; it begins from one version, which is also the one that it goes back to. */
function ofSkew(versions: readonly string[], to: string | undefined): Finding {
  const run = `the servers run ${versions.join(" and ")}`;
  const others = versions.filter((version) => version !== to);
  if (others.length === 1) {
    return warning("versions", "", `${run}: those of ${to} are done already`);
  }
  if (to === undefined && versions.length === 2) {
    return warning("versions", "", `${run}: upgrade them to one of these first`);
  }
  return blocking("versions", "", `${run}: bring them to one version first`);
}

function ofDark(servers: readonly CheckedServer[]): readonly Finding[] {
  return servers.flatMap(({ name, clockOffMs = 0 }) => {
    if (Math.abs(clockOffMs) <= clockOffWhileDarkMsMax) return [];
    const off = spanOf(Math.abs(clockOffMs));
    const detail = `its clock is ${off} off, too much for an upgrade that stops all servers; set it`;
    return [blocking("clock", name, detail)];
  });
}

function ofCluster(facts: CheckFacts): readonly Finding[] {
  const { frozenBy, transients, stuck, stopsAll, silenceFault } = facts;
  const found = [
    ...transients.map(({ subject, words }) => warning("transient", subject, words)),
    ...stuck.map(({ subject, words }) => warning("needs-person", subject, words)),
  ];
  if (frozenBy !== undefined) {
    found.push(blocking("frozen", "", `the cluster is frozen by ${frozenBy}`));
  }
  if (stopsAll !== undefined) {
    const { from, to } = stopsAll;
    const detail = `the store goes from schema ${from} to ${to}, for which all servers wait: only stop-all can do it`;
    found.push(warning("schema", "", detail), ...ofDark(facts.servers));
    if (silenceFault !== undefined) found.push(blocking("lease-times", "", silenceFault));
  }
  return found;
}

/** Agents keep their services while they are upgraded; whoever has no second member has nobody to fall back on. */
function ofGroup({ name, memberCount, healthyCount }: CheckedGroup): readonly Finding[] {
  if (memberCount === 0 || healthyCount >= 2) return [];
  if (memberCount === 1 && healthyCount === 1) {
    const alone =
      "it has one member, beside which there is no other while its agent is upgraded; its services run on";
    return [warning("ha-group", name, alone)];
  }
  const detail = `${healthyCount} of its ${memberCount} members are healthy: while the agent of one is upgraded, none may be`;
  return [warning("ha-group", name, detail)];
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1_048_576)} MiB`;
}
