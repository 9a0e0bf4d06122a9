/** Passwords as hashes: scrypt, slow on purpose, few at a time so that guessing cannot take a server's processors. */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { err, ok, type Result } from "../../core/result.ts";
import type { PasswordRecord } from "../../wire/access.ts";

/** What new hashes are made with: 32 MiB and some 150 ms each. Higher ones here raise old hashes at the next login. */
const parameters = { cost: 32_768, blockSize: 8, parallelization: 3 } as const;
const hashBytes = 32;
const saltBytes = 16;

/** Hashes that are computed at once: the process has four threads for these and for its files. */
const runningMax = 2;
/** Hashes that wait for their turn: a few seconds' work. */
const waitingMax = 32;

export interface PasswordHasher {
  /** The record of a new password. The error: too many are waiting. */
  hash(password: string): Promise<Result<PasswordRecord, "busy">>;
  /** Whether the password is the record's; takes as long when there is no record. */
  verify(password: string, record: PasswordRecord | undefined): Promise<Result<boolean, "busy">>;
}

/** Whether the record was made with less than what is made today. */
export function isWeak(record: PasswordRecord): boolean {
  return (
    record.cost < parameters.cost ||
    record.blockSize < parameters.blockSize ||
    record.parallelization < parameters.parallelization
  );
}

/** A hasher with a queue of its own. */
export function createPasswordHasher(): PasswordHasher {
  const inTurn = createTurns();
  const nobody: PasswordRecord = {
    algorithm: "scrypt",
    ...parameters,
    salt: randomBytes(saltBytes).toString("base64url"),
    hash: randomBytes(hashBytes).toString("base64url"),
  };
  return {
    async hash(password) {
      const salt = randomBytes(saltBytes);
      const made = await inTurn(() => derive(password, salt, parameters));
      if (!made.ok) return made;
      return ok({
        algorithm: "scrypt",
        ...parameters,
        salt: salt.toString("base64url"),
        hash: made.value.toString("base64url"),
      });
    },
    async verify(password, record) {
      const { salt, hash, ...rest } = record ?? nobody;
      const made = await inTurn(() => derive(password, Buffer.from(salt, "base64url"), rest));
      if (!made.ok) return made;
      const wanted = Buffer.from(hash, "base64url");
      const isSame = wanted.length === made.value.length && timingSafeEqual(wanted, made.value);
      return ok(isSame && record !== undefined);
    },
  };
}

type Parameters = Pick<PasswordRecord, "cost" | "blockSize" | "parallelization">;

function derive(password: string, salt: Buffer, wanted: Parameters): Promise<Buffer> {
  const { cost: N, blockSize: r, parallelization: p } = wanted;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options = { N, r, p, maxmem: 256 * N * r };
  // The same letters can be typed as different code points.
  scrypt(password.normalize("NFKC"), salt, hashBytes, options, (error, key) => {
    if (error === null) resolve(key);
    else reject(error);
  });
  return promise;
}

/** Runs a few at once and lets some wait; the error is said at once. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<Result<T, "busy">> {
  const waiting: (() => void)[] = [];
  let runningCount = 0;
  return async (work) => {
    if (runningCount >= runningMax) {
      if (waiting.length >= waitingMax) return err("busy");
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    } else {
      runningCount += 1;
    }
    try {
      return ok(await work());
    } finally {
      const next = waiting.shift(); // it takes over the place
      if (next === undefined) runningCount -= 1;
      else next();
    }
  };
}
