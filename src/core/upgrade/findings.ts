/** What speaks against an upgrade of the control plane now. Pure, so that each finding has a line in a table of tests. */
import { spanOf } from "../explain/sentences/words.ts";

export interface Finding {
  /** `blocks`: nothing is begun while it is so. `warns`: a person should know of it. */
  readonly level: "blocks" | "warns";
  readonly code: string;
  /** What it is about; empty: all of it. */
  readonly subject: string;
  readonly detail: string;
}

/** One server, as it says itself. */
export interface CheckedServer {
  readonly name: string;
  readonly version: string;
  /** Why it is not well; undefined: it is. */
  readonly fault: string | undefined;
  /** Entries of the store's log that it is behind the foremost. */
  readonly behind: number;
  /** How far its clock is from that of the server that asks, in ms; undefined: it did not say. */
  readonly clockOffMs: number | undefined;
  readonly diskFreeBytes: number | undefined;
  readonly certificateLeftMs: number | undefined;
}

/** An HA group, as far as it counts here. */
export interface CheckedGroup {
  readonly name: string;
  readonly memberCount: number;
  /** Members that are there and not being upgraded. */
  readonly healthyCount: number;
}

/** What was gathered. */
export interface CheckFacts {
  readonly servers: readonly CheckedServer[];
  /** Entries that each server has to have room for, in bytes: the packages and the backup. */
  readonly neededBytes: number;
  /** What is under way, in words, by what it is about. */
  readonly transients: readonly { readonly subject: string; readonly words: string }[];
  readonly groups: readonly CheckedGroup[];
  /** Services that cannot run anywhere but where they are, and why. */
  readonly bound: readonly { readonly service: string; readonly because: string }[];
  /** Versions that do not fit together, one sentence each. */
  readonly skew: readonly string[];
  /** Who froze the cluster; undefined: it is not frozen. */
  readonly frozenBy: string | undefined;
  /** Why there is no way to the wanted version; undefined: there is one, or none was named. */
  readonly noWay: string | undefined;
  /** The schema changes so that all servers have to wait for it. */
  readonly stopsAll: { readonly from: number; readonly to: number } | undefined;
}

/** Entries that a busy cluster writes while it is asked. */
const behindMax = 1_000;
/** Clocks that are further apart make times in the store unreadable; certificates count by them, too. */
const clockOffMsMax = 2_000;
/** An upgrade takes minutes; whoever looks after it is to have days. */
const certificateLeftMsMin = 3 * 24 * 3_600_000;

/** All of them, those that block first. */
export function findingsOf(facts: CheckFacts): readonly Finding[] {
  const found = [
    ...facts.servers.flatMap((server) => ofServer(server, facts.neededBytes)),
    ...ofVersions(facts),
    ...ofCluster(facts),
    ...facts.groups.flatMap(ofGroup),
    ...facts.bound.map(({ service, because }) =>
      warning("bound", service, `it can run nowhere else: ${because}`),
    ),
  ];
  return found.sort(
    (left, right) => Number(right.level === "blocks") - Number(left.level === "blocks"),
  );
}

function ofServer(server: CheckedServer, neededBytes: number): readonly Finding[] {
  const { name, fault, behind, clockOffMs, diskFreeBytes, certificateLeftMs } = server;
  if (fault !== undefined) return [blocking("server-not-well", name, fault)];
  const found: Finding[] = [];
  if (behind > behindMax) {
    found.push(blocking("server-behind", name, `its store is ${behind} entries behind`));
  }
  if (clockOffMs !== undefined && Math.abs(clockOffMs) > clockOffMsMax) {
    const detail = `its clock is ${spanOf(Math.abs(clockOffMs))} off; set it, e.g. with chrony`;
    found.push(warning("clock", name, detail));
  }
  if (diskFreeBytes !== undefined && diskFreeBytes < neededBytes) {
    const detail = `${megabytes(diskFreeBytes)} are free for its data, and ${megabytes(neededBytes)} are needed`;
    found.push(blocking("disk", name, detail));
  }
  if (certificateLeftMs !== undefined && certificateLeftMs < certificateLeftMsMin) {
    const isOver = certificateLeftMs <= 0;
    const words = isOver ? "is over" : `ends in ${spanOf(certificateLeftMs)}`;
    found.push((isOver ? blocking : warning)("certificate", name, `its certificate ${words}`));
  }
  return found;
}

function ofVersions({ servers, skew, noWay }: CheckFacts): readonly Finding[] {
  // Of a server that does not answer there is none.
  const known = servers.filter(({ version }) => version !== "");
  const versions = [...new Set(known.map(({ version }) => version))];
  const found = skew.map((sentence) => warning("skew", "", sentence));
  if (versions.length > 1) {
    found.push(blocking("versions", "", `the servers run ${versions.join(" and ")}`));
  }
  if (noWay !== undefined) found.push(blocking("target", "", noWay));
  return found;
}

function ofCluster({ frozenBy, transients, stopsAll }: CheckFacts): readonly Finding[] {
  const found = transients.map(({ subject, words }) => warning("transient", subject, words));
  if (frozenBy !== undefined) {
    found.push(blocking("frozen", "", `the cluster is frozen by ${frozenBy}`));
  }
  if (stopsAll !== undefined) {
    const { from, to } = stopsAll;
    const detail = `the store goes from schema ${from} to ${to}, for which all servers wait: only stop-all can do it`;
    found.push(warning("schema", "", detail));
  }
  return found;
}

/** Agents keep their services while they are upgraded; whoever has no second member has nobody to fall back on. */
function ofGroup({ name, memberCount, healthyCount }: CheckedGroup): readonly Finding[] {
  if (memberCount === 0 || healthyCount >= Math.min(2, memberCount)) return [];
  const detail = `${healthyCount} of its ${memberCount} members are healthy: while the agent of one is upgraded, none may be`;
  return [warning("ha-group", name, detail)];
}

function blocking(code: string, subject: string, detail: string): Finding {
  return { level: "blocks", code, subject, detail };
}

function warning(code: string, subject: string, detail: string): Finding {
  return { level: "warns", code, subject, detail };
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1_048_576)} MiB`;
}
