/**
 * A TCP balancer for where there is no other: the same checks as the generated configurations have haproxy make,
 * and a list of servers that follows the cluster by itself. It looks into no connection: TLS goes through.
 */
import { readFile } from "node:fs/promises";
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { type AuthorityFile, openAuthorityFile } from "./authority-file.ts";
import { type Backend, type Backends, backendsOf } from "./config/backends.ts";
import { type BalancerSettings, writeAddress } from "./config/balancer-settings.ts";
import { inOrderOfChoice } from "./forward/choice.ts";
import { type Front, openFront } from "./forward/front.ts";
import { ListFollower } from "./list/follow-list.ts";
import { readListFile } from "./list/list-file.ts";
import { Pool } from "./pool.ts";

/** Descriptors for all that is no connection. */
const descriptorsSpare = 200;

export interface BalancerOptions extends BalancerSettings {
  /** Addresses of servers to begin with; may be empty when a list is on disk. */
  readonly servers: readonly string[];
  /** May list servers; undefined: the list is only what it begins with. */
  readonly token: string | undefined;
  /** Where the last good list is kept; undefined: nowhere. */
  readonly dataDirectory: string | undefined;
  /** How long connections may go on when it ends. */
  readonly drainMs: number;
  /** How often the list is asked for; default 5 s, at least 1 s. */
  readonly refreshEveryMs?: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RunningBalancer {
  /** `host:port` where it listens. */
  readonly address: string;
  connectionCount(): number;
  /** Takes no more connections, waits for the present ones up to `drainMs`. Idempotent. */
  close(): Promise<void>;
}

/** Starts a balancer. The error is one line for the operator. */
export async function startBalancer(
  options: BalancerOptions,
): Promise<Result<RunningBalancer, string>> {
  const { log, token, dataDirectory: folder, clock } = options;
  const first = await firstList(options);
  if (!first.ok) return first;
  const trust = checkTrust(options, first.value);
  if (!trust.ok) return trust;
  const authority = await openAuthorityFile(options);
  if (!authority.ok) return authority;
  const stop = new AbortController();
  const hurry = (): void => follower.hurry();
  const readAuthority = (): string | undefined => authority.value.pem();
  const pool = new Pool({ ...options, authority: readAuthority, onTrouble: hurry });
  const follower: ListFollower = new ListFollower({
    asked: () => askedOf(pool, first.value),
    authority: readAuthority,
    token,
    folder,
    refreshEveryMs: options.refreshEveryMs,
    clock,
    log,
    signal: stop.signal,
    adopt: (backends) => pool.replace(backends),
  });
  const connectionsMax = await affordable(options);
  pool.replace(first.value); // before anybody can come
  const front = await openFront({ ...options, connectionsMax, pool, onTrouble: hurry });
  if (!front.ok) {
    authority.value.close();
    await pool.close();
    return front;
  }
  const following = follower.run();
  return ok(
    running(options, { front: front.value, pool, authority: authority.value, stop, following }),
  );
}

interface Parts {
  readonly front: Front;
  readonly pool: Pool;
  readonly authority: AuthorityFile;
  readonly stop: AbortController;
  readonly following: Promise<void>;
}

function running(options: BalancerOptions, parts: Parts): RunningBalancer {
  const { front, pool, authority, stop, following } = parts;
  const address = writeAddress(front.address);
  // In this order: nobody new comes in, those inside may finish, then there is nothing left to know.
  const end = async (): Promise<void> => {
    await front.close(options.drainMs);
    stop.abort();
    authority.close();
    await Promise.all([following, pool.close()]);
  };
  let ending: Promise<void> | undefined;
  return {
    address,
    connectionCount: () => front.connectionCount(),
    close: () => {
      ending ??= end();
      return ending;
    },
  };
}

/** The list of the last run and the servers that were named, until a server gives a list. */
async function firstList(options: BalancerOptions): Promise<Result<Backends, string>> {
  const { servers, dataDirectory, log } = options;
  const named = backendsOf(servers.map((url) => ({ url })));
  if (!named.ok && servers.length > 0) return named;
  const kept = dataDirectory === undefined ? ok(undefined) : await readListFile(dataDirectory);
  if (!kept.ok && !named.ok) return kept;
  if (!kept.ok) log.write("warn", kept.error);
  const fromDisk = kept.ok ? kept.value : undefined;
  if (fromDisk === undefined) {
    return named.ok ? named : err("it knows no server; name some with --servers");
  }
  const known = new Set(fromDisk.map(({ address }) => address));
  const added = named.ok ? named.value.filter(({ address }) => !known.has(address)) : [];
  return ok([...fromDisk, ...added]);
}

/** A token is for those only who have proved who they are. */
function checkTrust(options: BalancerOptions, backends: Backends): Result<void, string> {
  const { token, authorityFile } = options;
  const isSafe = token === undefined || authorityFile !== undefined;
  if (isSafe || backends.every(({ scheme }) => scheme === "http")) return ok(undefined);
  return err("a token goes only to servers whose certificates are checked; give --ca FILE with it");
}

/** The healthiest first, then those that it began with: the list may have lost all that are left. */
function askedOf(pool: Pool, first: Backends): readonly Backend[] {
  const { members } = pool;
  const best = inOrderOfChoice(members).map(({ backend }) => backend);
  const asked = new Map<string, Backend>();
  for (const backend of [...best, ...members.map((member) => member.backend), ...first]) {
    if (!asked.has(backend.address)) asked.set(backend.address, backend);
  }
  return [...asked.values()];
}

/** Connections that the process may have descriptors for: two each, the client's and the server's. */
async function affordable({ connectionsMax, log }: BalancerOptions): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const found = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  const descriptors = found === undefined ? Number.POSITIVE_INFINITY : Number(found);
  const possible = Math.max(1, Math.floor((descriptors - descriptorsSpare) / 2));
  if (possible >= connectionsMax) return connectionsMax;
  log.write(
    "warn",
    `takes ${possible} connections at most, as this process may open ${descriptors} files; raise LimitNOFILE in its unit`,
  );
  return possible;
}
