/**
 * What agent and guard say to each other on the guard's socket: one JSON document a line, checked by hand so
 * that the guard needs no library. Requests carry an id; each is answered once, in order.
 */

/** Longest line either side accepts, in bytes. */
export const lineBytesMax = 65_536;
/** Most instances that a guard tracks. */
export const trackedCountMax = 10_000;

/** PEM texts: what servers are checked with, and what they are shown. */
export interface GuardTls {
  readonly authorityPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What the guard needs for its last word, and the kernel's watchdog to feed. Only ever sent over the socket. */
export interface GuardCredentials {
  /** Base URLs of the servers, `http://host:port` or `https://host:port`. */
  readonly servers: readonly string[];
  /** Undefined: the certificate says whose guard it is. */
  readonly token: string | undefined;
  readonly tls: GuardTls | undefined;
  /** Path of the watchdog device; undefined: there is none to feed. */
  readonly watchdogPath: string | undefined;
}

export interface TrackedRoot {
  readonly instanceId: string;
  readonly pid: number;
  readonly startTicks: number;
}

export type GuardRequest =
  | ({ readonly kind: "hello" } & GuardCredentials)
  | { readonly kind: "begin"; readonly epoch: number; readonly leaseId: string }
  | { readonly kind: "feed"; readonly epoch: number; readonly runUntilMs: number }
  | ({ readonly kind: "track"; readonly epoch: number } & TrackedRoot)
  | { readonly kind: "untrack"; readonly instanceId: string }
  | { readonly kind: "detach" }
  | { readonly kind: "disarm" };

/** `busy`: another agent is connected, or a kill goes on. */
export type GuardAnswer = "accepted" | "refused" | "busy";

/** What the guard was doing when an agent connected. */
export interface GuardStatus {
  /** 0: no epoch was begun. */
  readonly epoch: number;
  /** The highest epoch whose workloads it killed; 0: none. */
  readonly firedEpoch: number;
  /** Until when the workloads may run; undefined: it was not fed yet. */
  readonly runUntilMs: number | undefined;
  readonly trackedIds: readonly string[];
}

export type GuardMessage =
  | {
      readonly kind: "answer";
      readonly id: number;
      readonly answer: GuardAnswer;
      readonly status?: GuardStatus | undefined;
    }
  /** Every workload of the epochs up to this one is dead, as seen in /proc. */
  | { readonly kind: "fired"; readonly epoch: number }
  /** Something for the agent's log: the guard has none of its own. */
  | { readonly kind: "log"; readonly sentence: string };

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as Fields; // an object that is no array: any key may be asked of it
  } catch {
    return undefined; // not JSON: told to the sender as a refusal by the caller
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isInstant(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= 1_000;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= 1_000 && value.every(isText);
}

/** Reads a request line; undefined: it is none. */
export function parseRequest(line: string): { id: number; request: GuardRequest } | undefined {
  const fields = fieldsOf(line);
  if (fields === undefined || !isCount(fields["id"])) return undefined;
  const request = requestOf(fields);
  return request === undefined ? undefined : { id: fields["id"], request };
}

function requestOf(fields: Fields): GuardRequest | undefined {
  const { kind, epoch, leaseId, runUntilMs, instanceId, pid, startTicks } = fields;
  switch (kind) {
    case "hello":
      return helloOf(fields);
    case "begin":
      return isCount(epoch) && isText(leaseId) ? { kind, epoch, leaseId } : undefined;
    case "feed":
      return isCount(epoch) && isInstant(runUntilMs) ? { kind, epoch, runUntilMs } : undefined;
    case "track":
      if (!isCount(epoch) || !isText(instanceId)) return undefined;
      if (!isCount(pid) || pid <= 1 || !isCount(startTicks)) return undefined;
      return { kind, epoch, instanceId, pid, startTicks };
    case "untrack":
      return isText(instanceId) ? { kind, instanceId } : undefined;
    case "detach":
    case "disarm":
      return { kind };
    default:
      return undefined;
  }
}

function helloOf(fields: Fields): GuardRequest | undefined {
  const { servers, token, watchdogPath } = fields;
  if (!isTexts(servers)) return undefined;
  if (token !== undefined && (!isText(token) || !/^[\x21-\x7e]+$/.test(token))) return undefined;
  if (watchdogPath !== undefined && !isText(watchdogPath)) return undefined;
  const tls = tlsOf(fields["tls"]);
  if (tls === "wrong" || (tls === undefined && token === undefined)) return undefined;
  return { kind: "hello", servers, token, tls, watchdogPath };
}

function tlsOf(value: unknown): GuardTls | undefined | "wrong" {
  if (value === undefined) return undefined;
  if (typeof value !== "object" || value === null) return "wrong";
  const { authorityPem, certificatePem, keyPem } = value as Fields; // an object: any key may be asked of it
  if (!isPem(authorityPem) || !isPem(certificatePem) || !isPem(keyPem)) return "wrong";
  return { authorityPem, certificatePem, keyPem };
}

function isPem(value: unknown): value is string {
  return typeof value === "string" && value.startsWith("-----BEGIN ") && value.length <= 16_384;
}

/** Reads a line of the guard; undefined: it is none. */
export function parseMessage(line: string): GuardMessage | undefined {
  const fields = fieldsOf(line);
  if (fields === undefined) return undefined;
  const { kind, id, epoch, answer } = fields;
  if (kind === "fired") return isCount(epoch) ? { kind, epoch } : undefined;
  if (kind === "log") {
    const { sentence } = fields;
    return isText(sentence) ? { kind, sentence } : undefined;
  }
  if (kind !== "answer" || !isCount(id)) return undefined;
  if (answer !== "accepted" && answer !== "refused" && answer !== "busy") return undefined;
  return { kind, id, answer, status: statusOf(fields["status"]) };
}

function statusOf(value: unknown): GuardStatus | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Fields; // an object: any key may be asked of it
  const { epoch, firedEpoch, runUntilMs, trackedIds } = fields;
  if (!isCount(epoch) || !isCount(firedEpoch)) return undefined;
  if (runUntilMs !== undefined && !isInstant(runUntilMs)) return undefined;
  if (!Array.isArray(trackedIds) || !trackedIds.every(isText)) return undefined;
  return { epoch, firedEpoch, runUntilMs, trackedIds };
}
