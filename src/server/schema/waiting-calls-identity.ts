/**
 * Who asks a server that waits for its store's schema: the holder of a token. It has no view of the store yet, so that it
 * reads the two records that count, each in the shape that it knows.
 */
import { ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { type UserRecord, userRecordSchema } from "../../wire/access.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys, type TokenRecord, tokenRecordSchema } from "../../wire/records.ts";
import type { Identity } from "../access/identity.ts";
import { createThrottle } from "../access/throttle.ts";
import { authenticate, readAuthorization, tokenIdOf } from "../http/auth.ts";
import { refuse } from "../http/problem-error.ts";
import type { Row } from "../view/table-slots.ts";
import { readRow, type WaitingStore } from "./waiting-calls-store.ts";

/** What a caller shows. */
export interface Shown {
  /** The header; undefined: there is none. */
  readonly authorization: string | undefined;
  /** The caller's address. */
  readonly from: string;
}

/** Says who it is; the problem: nobody that is known here, or the store does not say. */
export type IdentifyCaller = (shown: Shown) => Promise<Result<Identity, Problem>>;

/** More than are answered at a time: those that are under way lock nobody out. */
const freeCount = 200;
/** Behind a load balancer all have one address: a stranger may slow the others down, and not lock them out. */
const waitMsMax = 4_000;
const forgetAfterMs = 900_000;
const addressesMax = 1_000;

const tokensOnly =
  "while this server waits for its store's schema it takes tokens only, in the header Authorization: Bearer <token>";

/** Each address may fail so often before it has to wait. */
export function createIdentifier(options: {
  readonly store: WaitingStore;
  readonly clock: Clock;
}): IdentifyCaller {
  const { store, clock } = options;
  const throttle = createThrottle({
    ...{ clock, freeCount, waitMsMax, forgetAfterMs },
    keysMax: addressesMax,
  });
  return async ({ authorization, from }) => {
    const waitMs = throttle.waitMs(from);
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1_000);
      return refuse("too-many", `too many failed calls; the next one may be tried in ${seconds} s`);
    }
    throttle.count(from);
    const identified = await identify(authorization, store, clock.wallMs());
    if (identified.ok || identified.error.status !== 401) throttle.uncount(from);
    return identified;
  };
}

async function identify(
  authorization: string | undefined,
  store: WaitingStore,
  nowMs: number,
): Promise<Result<Identity, Problem>> {
  if (authorization === undefined) return refuse("no-token", tokensOnly);
  const brought = readAuthorization(authorization);
  if (!brought.ok) return brought;
  if (brought.value.kind !== "token") return refuse("no-token", tokensOnly);
  const { token } = brought.value;
  const tables = await tablesFor(tokenIdOf(token), store);
  return tables.ok ? authenticate(token, tables.value, nowMs) : tables;
}

interface TokenTables {
  readonly tokens: ReadonlyMap<string, Row<TokenRecord>>;
  readonly users: ReadonlyMap<string, Row<UserRecord>>;
}

/** The token's record and its user's; without an id there are none. */
async function tablesFor(
  id: string | undefined,
  store: WaitingStore,
): Promise<Result<TokenTables, Problem>> {
  const tokens = new Map<string, Row<TokenRecord>>();
  const users = new Map<string, Row<UserRecord>>();
  if (id === undefined) return ok({ tokens, users });
  const key = `${keys.tokens}${id}`;
  const token = await readRow(store, {
    key,
    schema: tokenRecordSchema,
    what: "the token's record",
  });
  if (!token.ok) return token;
  if (token.value === undefined) return ok({ tokens, users });
  tokens.set(id, token.value);
  const name = token.value.value.user?.name;
  if (name === undefined) return ok({ tokens, users });
  const place = { key: `${keys.users}${name}`, schema: userRecordSchema };
  const user = await readRow(store, { ...place, what: "the record of the token's user" });
  if (!user.ok) return user;
  if (user.value !== undefined) users.set(name, user.value);
  return ok({ tokens, users });
}
