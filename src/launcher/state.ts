/**
 * What launcher and agent, or server, write down for each other about upgrades. Read without a library: the launcher is small, and
 * outlives the versions that it starts, so that these files keep their form.
 */
import { parseVersion } from "../core/versions.ts";

/** The order of who is to be replaced, given once for each upgrade. */
export interface UpgradeOrder {
  readonly id: string;
  readonly version: string;
  /** Of its package; empty: whatever this machine still has of that version. */
  readonly sha256: string;
  readonly healthyWithinMs: number;
}

/** `trying`: it is not known yet whether `to` becomes healthy. */
export const trialPhases = ["trying", "good", "rolled-back"] as const;
export type TrialPhase = (typeof trialPhases)[number];

/** The last upgrade that was begun. */
export interface Trial {
  readonly id: string;
  /** Version that ran before; empty: the installed package. */
  readonly from: string;
  readonly to: string;
  readonly phase: TrialPhase;
  /** Starts of `to` so far. */
  readonly attempts: number;
  readonly healthyWithinMs: number;
  /** Why it was rolled back; else empty. */
  readonly detail: string;
}

export interface LaunchState {
  /** Version of the installed package when this was written: another one is a person's word. */
  readonly installed: string;
  /** What is to run; empty: the installed package. */
  readonly running: string;
  readonly trial: Trial | undefined;
}

/** A version on trial is healthy: its process, and the upgrade. */
export interface HealthyWord {
  readonly id: string;
  readonly pid: number;
}

/** A version on trial goes on with its store: it is not healthy yet, and does not hang either. */
export interface ProgressWord extends HealthyWord {
  /** Grows with each word. */
  readonly count: number;
}

/** What one of the files holds. */
type FileContent = UpgradeOrder | LaunchState | HealthyWord | ProgressWord;

/** Undefined: it is no order. */
export function parseOrder(text: string): UpgradeOrder | undefined {
  const { id, version, sha256, healthyWithinMs } = fieldsIn(text);
  if (typeof id !== "string" || typeof healthyWithinMs !== "number") return undefined;
  if (!isVersion(version) || typeof sha256 !== "string") return undefined;
  return { id, version, sha256, healthyWithinMs };
}

/** Undefined: nobody has written it yet, or it cannot be read. */
export function parseState(text: string): LaunchState | undefined {
  const { installed, running, trial } = fieldsIn(text);
  if (typeof installed !== "string" || !isVersionOrInstalled(running)) return undefined;
  const parsed = trial === undefined ? undefined : parseTrial(trial);
  return { installed, running, trial: parsed };
}

/** Undefined: it is none. */
export function parseHealthy(text: string): HealthyWord | undefined {
  const { id, pid } = fieldsIn(text);
  return typeof id === "string" && typeof pid === "number" ? { id, pid } : undefined;
}

/** Undefined: it is none. */
export function parseProgress(text: string): ProgressWord | undefined {
  const { count } = fieldsIn(text);
  const word = parseHealthy(text);
  return word !== undefined && typeof count === "number" ? { ...word, count } : undefined;
}

/** As one of the files holds it. */
export function fileText(content: FileContent): string {
  return `${JSON.stringify({ version: 1, ...renamed(content) })}\n`;
}

/** The file's own version has the name that an order's version would have. */
function renamed(content: FileContent): object {
  if (!("version" in content)) return content;
  const { version: agentVersion, ...rest } = content; // the name from when there were only agents
  return { ...rest, agentVersion };
}

function parseTrial(value: unknown): Trial | undefined {
  const { id, from, to, phase, attempts, healthyWithinMs, detail } = fieldsOf(value);
  const known = trialPhases.find((each) => each === phase);
  if (typeof id !== "string" || !isVersionOrInstalled(from) || !isVersion(to)) return undefined;
  if (known === undefined || typeof attempts !== "number" || typeof detail !== "string")
    return undefined;
  if (typeof healthyWithinMs !== "number") return undefined;
  return { id, from, to, phase: known, attempts, healthyWithinMs, detail };
}

/** It becomes a part of a path. */
function isVersion(value: unknown): value is string {
  return typeof value === "string" && parseVersion(value).ok;
}

function isVersionOrInstalled(value: unknown): value is string {
  return value === "" || isVersion(value);
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsIn(text: string): Fields {
  try {
    const fields = fieldsOf(JSON.parse(text));
    return "agentVersion" in fields ? { ...fields, version: fields["agentVersion"] } : fields;
  } catch {
    return {}; // no JSON: it has none of the fields that are looked for
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
