/** Checks users' passwords: the same answer and time for an unknown user, slowed down after failures, remembered for minutes. */
import { createHmac, randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import { ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { PasswordRecord, UserRecord } from "../../wire/access.ts";
import type { Problem } from "../../wire/errors.ts";
import { refuse } from "../http/problem-error.ts";
import type { Row } from "../view/table-slots.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { createPasswordHasher, type PasswordHasher } from "./password-hash.ts";
import { createThrottle, type Throttle } from "./throttle.ts";

const keysMax = 10_000;
const forgetAfterMs = 900_000;
const rememberForMs = 300_000;
const rememberedMax = 1_000;

/** A name and a password, and the address that they come from. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly from: string;
}

type Tables = Pick<ViewTables, "users">;

export interface PasswordDesk {
  /** The user's row, once the password is proven. */
  verify(credentials: Credentials, tables: Tables): Promise<Result<Row<UserRecord>, Problem>>;
  /** As `verify`; the same again is answered from memory for some minutes, until the user's record changes. */
  verifyOften(credentials: Credentials, tables: Tables): Promise<Result<Row<UserRecord>, Problem>>;
  /** As `verifyOften`, of a secret that is no user's; its name for itself is none that a user can have. */
  verifySecretOften(
    credentials: Credentials,
    secret: Row<PasswordRecord> | undefined,
  ): Promise<Result<void, Problem>>;
  /** The hash of a new password. */
  hash(password: string): Promise<Result<PasswordRecord, Problem>>;
  /** Counts a change that a user makes to their own account; the problem: too many in short time. */
  countChange(user: string): Result<void, Problem>;
}

/** The desk of one server; it counts and remembers in its own memory. */
export function createPasswordDesk(options: {
  readonly clock: Clock;
  readonly log: Log;
}): PasswordDesk {
  const { clock, log } = options;
  const hasher = createPasswordHasher();
  const doors = createDoors(clock);
  const changes = createThrottle({
    clock,
    freeCount: 60,
    waitMsMax: 60_000,
    forgetAfterMs,
    keysMax,
  });
  const memory = createMemory(clock);

  const prove = createProver({ hasher, doors, log });

  const verify: PasswordDesk["verify"] = async (credentials, tables) => {
    const row = tables.users.get(credentials.user);
    const proven = await prove(credentials, row?.value.password);
    if (!proven.ok) return proven;
    return row === undefined ? refuse("bad-login", unknownUser) : ok(row);
  };

  return {
    verify,
    async verifyOften(credentials, tables) {
      const row = tables.users.get(credentials.user);
      if (row !== undefined && memory.knows(credentials, row.revision)) return ok(row);
      const verified = await verify(credentials, tables);
      if (verified.ok) memory.remember(credentials, verified.value.revision);
      return verified;
    },
    async verifySecretOften(credentials, secret) {
      if (secret !== undefined && memory.knows(credentials, secret.revision)) return ok(undefined);
      const proven = await prove(credentials, secret?.value);
      if (proven.ok && secret !== undefined) memory.remember(credentials, secret.revision);
      return proven;
    },
    async hash(password) {
      const hashed = await hasher.hash(password);
      return hashed.ok ? hashed : busy();
    },
    countChange(user) {
      const waitMs = changes.waitMs(user);
      if (waitMs > 0) {
        const seconds = Math.ceil(waitMs / 1_000);
        return refuse(
          "too-many",
          `"${user}" changes logins and tokens too often; wait ${seconds} s`,
        );
      }
      changes.count(user);
      return ok(undefined);
    },
  };
}

type Prover = (
  credentials: Credentials,
  record: PasswordRecord | undefined,
) => Promise<Result<void, Problem>>;

/** Compares a password with its record, in its turn at the doors. */
function createProver({
  hasher,
  doors,
  log,
}: {
  readonly hasher: PasswordHasher;
  readonly doors: Doors;
  readonly log: Log;
}): Prover {
  return async (credentials, record) => {
    const { user, password, from } = credentials;
    const waitMs = doors.waitMs(credentials);
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1_000);
      return refuse(
        "too-many",
        `too many failed logins; the next one may be tried in ${seconds} s`,
      );
    }
    doors.count(credentials);
    const verified = await hasher.verify(password, record);
    if (!verified.ok) return busy();
    if (!verified.value) {
      // A name that is not known may be a password in the wrong field.
      log.write("warn", "a login failed", { user: record === undefined ? "unknown" : user, from });
      return refuse("bad-login", unknownUser);
    }
    doors.forget(credentials);
    return ok(undefined);
  };
}

const unknownUser = "there is no such user, or it has another password";

function busy(): Result<never, Problem> {
  return refuse("too-many", "too many passwords are being checked; try again in a moment");
}

interface Doors {
  waitMs(credentials: Credentials): number;
  count(credentials: Credentials): void;
  forget(credentials: Credentials): void;
}

/**
 * Three counters, each with its own patience. A user from one address waits up to a minute. An address, and a user from
 * everywhere, wait seconds only: behind a load balancer all share one address, and a stranger must lock nobody out.
 */
function createDoors(clock: Clock): Doors {
  const shared = { clock, forgetAfterMs, keysMax };
  const userFrom = createThrottle({ ...shared, freeCount: 5, waitMsMax: 60_000 });
  const address = createThrottle({ ...shared, freeCount: 50, waitMsMax: 4_000 });
  const user = createThrottle({ ...shared, freeCount: 50, waitMsMax: 4_000 });
  const doorsOf = (credentials: Credentials): readonly (readonly [Throttle, string])[] => {
    const from = networkOf(credentials.from);
    return [
      [userFrom, `${credentials.user} ${from}`],
      [address, from],
      [user, credentials.user],
    ];
  };
  return {
    waitMs: (credentials) =>
      Math.max(...doorsOf(credentials).map(([throttle, key]) => throttle.waitMs(key))),
    count(credentials) {
      for (const [throttle, key] of doorsOf(credentials)) throttle.count(key);
    },
    forget(credentials) {
      const from = networkOf(credentials.from);
      userFrom.forget(`${credentials.user} ${from}`);
      address.uncount(from);
      user.forget(credentials.user);
    },
  };
}

/** One holder of IPv6 has a whole /64. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith("::ffff:")) return address;
  const [head = "", tail = ""] = address.split("::");
  const groups = head.split(":").filter((group) => group !== "");
  const after = tail.split(":").filter((group) => group !== "");
  const zeros = address.includes("::") ? 8 - groups.length - after.length : 0;
  return [...groups, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4).join(":");
}

interface Memory {
  knows(credentials: Credentials, revision: number): boolean;
  remember(credentials: Credentials, revision: number): void;
}

/** Verified passwords as keyed hashes, whose key this process alone has. */
function createMemory(clock: Clock): Memory {
  const secret = randomBytes(32);
  const known = new Map<string, { readonly revision: number; readonly untilMs: number }>();
  const keyOf = ({ user, password }: Credentials): string =>
    createHmac("sha256", secret).update(`${user}\0${password}`).digest("base64url");
  return {
    knows(credentials, revision) {
      const entry = known.get(keyOf(credentials));
      return entry?.revision === revision && clock.monotonicMs() < entry.untilMs;
    },
    remember(credentials, revision) {
      const key = keyOf(credentials);
      known.delete(key);
      known.set(key, { revision, untilMs: clock.monotonicMs() + rememberForMs });
      const [oldest] = known.keys();
      if (known.size > rememberedMax && oldest !== undefined) known.delete(oldest);
    },
  };
}
