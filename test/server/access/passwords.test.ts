import assert from "node:assert/strict";
import test from "node:test";
import { systemClock } from "../../../src/adapters/clock/system-clock.ts";
import { createPasswordDesk } from "../../../src/server/access/password-desk.ts";
import { createPasswordHasher, isWeak } from "../../../src/server/access/password-hash.ts";
import { createThrottle } from "../../../src/server/access/throttle.ts";
import type { PasswordRecord, UserRecord } from "../../../src/wire/access.ts";
import { ManualClock } from "../../stores/manual-clock.ts";
import { eventually, listOf, quietLog, startHarness } from "../harness.ts";
import { addUser, basic, password, tryLogin } from "./support.ts";

async function hashed(given: string): Promise<PasswordRecord> {
  const made = await createPasswordHasher().hash(given);
  assert.ok(made.ok);
  return made.value;
}

async function userOf(name: string): Promise<UserRecord> {
  return {
    version: 1,
    name,
    role: "viewer",
    ownsNodes: [],
    ownsServices: [],
    password: await hashed(password),
    generation: "1",
    createdAtMs: 0,
    passwordSetAtMs: 0,
  };
}

test("createPasswordHasher(): the same password twice gives two hashes, both verify, others do not", async () => {
  const hasher = createPasswordHasher();
  const [first, second] = [await hashed(password), await hashed(password)];
  assert.notEqual(first.hash, second.hash);
  assert.ok(!JSON.stringify(first).includes(password));
  for (const record of [first, second]) {
    assert.deepEqual(await hasher.verify(password, record), { ok: true, value: true });
    assert.deepEqual(await hasher.verify("wrong horse", record), { ok: true, value: false });
  }
  assert.deepEqual(await hasher.verify(password, undefined), { ok: true, value: false });
});

test("createPasswordHasher() takes a letter for the same however it was typed", async () => {
  const record = await hashed("caf\u00e9 au lait");
  const verified = await createPasswordHasher().verify("cafe\u0301 au lait", record);
  assert.deepEqual(verified, { ok: true, value: true });
});

test("isWeak() is whoever has any parameter below today's", async () => {
  const record = await hashed(password);
  assert.ok(!isWeak(record));
  assert.ok(isWeak({ ...record, cost: record.cost / 2 }));
  assert.ok(isWeak({ ...record, parallelization: 1 }));
  assert.ok(!isWeak({ ...record, cost: record.cost * 2 }));
});

test("createPasswordHasher() computes few at once, lets some wait and refuses the rest at once", async () => {
  const hasher = createPasswordHasher();
  const cheap = { ...(await hashed(password)), cost: 1_024, parallelization: 1 };
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, () => hasher.verify("wrong horse", cheap)),
  );
  const busy = outcomes.filter((outcome) => !outcome.ok);
  assert.equal(busy.length, 60 - 2 - 32);
  assert.deepEqual(await hasher.verify("wrong horse", cheap), { ok: true, value: false });
});

test("createPasswordHasher() takes as long for an unknown user as for a wrong password", async () => {
  const hasher = createPasswordHasher();
  const record = await hashed(password);
  const fastest = async (against: PasswordRecord | undefined): Promise<number> => {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round += 1) {
      const startMs = performance.now();
      await hasher.verify("wrong horse", against);
      best = Math.min(best, performance.now() - startMs);
    }
    return best;
  };
  const [known, unknown] = [await fastest(record), await fastest(undefined)];
  assert.ok(unknown > known / 3 && unknown < known * 3, `${known} ms and ${unknown} ms`);
});

test("createThrottle() lets some attempts free, doubles the wait up to its bound, and forgets", () => {
  const clock = new ManualClock();
  const throttle = createThrottle({
    clock,
    freeCount: 2,
    waitMsMax: 5_000,
    forgetAfterMs: 60_000,
    keysMax: 10,
  });
  const waits: number[] = [];
  for (let attempt = 0; attempt < 7; attempt += 1) {
    throttle.count("a");
    waits.push(throttle.waitMs("a"));
  }
  assert.deepEqual(waits, [0, 0, 1_000, 2_000, 4_000, 5_000, 5_000]);
  assert.equal(throttle.waitMs("b"), 0);
  clock.advance(4_999);
  assert.equal(throttle.waitMs("a"), 1);
  clock.advance(60_000);
  throttle.count("a");
  assert.equal(throttle.waitMs("a"), 0, "after a long silence it begins anew");
  throttle.forget("a");
  for (let attempt = 0; attempt < 2; attempt += 1) throttle.count("a");
  assert.equal(throttle.waitMs("a"), 0);
});

test("createThrottle() remembers a bounded number of keys, and forgets the one that is quiet for longest", () => {
  const clock = new ManualClock();
  const throttle = createThrottle({
    clock,
    freeCount: 0,
    waitMsMax: 5_000,
    forgetAfterMs: 60_000,
    keysMax: 3,
  });
  for (const key of ["a", "b", "c", "a", "d"]) throttle.count(key);
  assert.ok(throttle.waitMs("a") > 0 && throttle.waitMs("c") > 0 && throttle.waitMs("d") > 0);
  assert.equal(throttle.waitMs("b"), 0);
});

test("createPasswordDesk() slows down a user from one address, and neither another address nor another user", async () => {
  const clock = new ManualClock();
  const desk = createPasswordDesk({ clock, log: quietLog });
  const users = new Map([
    ["alice", { value: await userOf("alice"), revision: 1 }],
    ["bob", { value: await userOf("bob"), revision: 2 }],
  ]);
  const attempt = async (user: string, given: string, from: string): Promise<string> => {
    const outcome = await desk.verify({ user, password: given, from }, { users });
    return outcome.ok ? "ok" : outcome.error.code;
  };
  for (let round = 0; round < 6; round += 1) {
    assert.equal(await attempt("alice", "wrong horse", "10.0.0.1"), "bad-login");
  }
  assert.equal(await attempt("alice", password, "10.0.0.1"), "too-many", "even the right one");
  assert.equal(await attempt("alice", password, "10.0.0.2"), "ok");
  assert.equal(await attempt("bob", password, "10.0.0.1"), "ok");
  clock.advance(1_000);
  assert.equal(await attempt("alice", password, "10.0.0.1"), "ok");
  assert.equal(await attempt("alice", "wrong horse", "10.0.0.1"), "bad-login", "a good one resets");
});

test("createPasswordDesk() counts all addresses of one IPv6 network together", async () => {
  const clock = new ManualClock();
  const desk = createPasswordDesk({ clock, log: quietLog });
  const users = new Map([["alice", { value: await userOf("alice"), revision: 1 }]]);
  const attempt = async (from: string): Promise<string> => {
    const credentials = { user: "alice", password: "wrong horse", from };
    const outcome = await desk.verify(credentials, { users });
    return outcome.ok ? "ok" : outcome.error.code;
  };
  for (let host = 1; host <= 6; host += 1) {
    assert.equal(await attempt(`2001:db8::${host.toString(16)}`), "bad-login");
  }
  assert.equal(await attempt("2001:db8:0:0:ffff::1"), "too-many");
  assert.equal(await attempt("2001:db8:0:1::1"), "bad-login");
});

test("POST /v1/login answers 429 after failures, and the log names the user, never the password", async (t) => {
  const lines: string[] = [];
  const log = {
    write: (level: string, sentence: string, fields?: unknown) => {
      lines.push(`${level} ${sentence} ${JSON.stringify(fields)}`);
    },
    with: () => log,
  };
  // Stands still until all was asked: a slow machine takes longer for a password than the first wait lasts.
  let standsAtMs: number | undefined = systemClock.monotonicMs();
  const monotonicMs = (): number => standsAtMs ?? systemClock.monotonicMs();
  const harness = await startHarness(t, { log, clock: { ...systemClock, monotonicMs } });
  await addUser(harness, "alice", "viewer");
  for (let round = 0; round < 6; round += 1) await tryLogin(harness, "alice", "wrong horse");
  const answer = await tryLogin(harness, "alice");
  assert.deepEqual([answer.status, answer.json["code"]], [429, "too-many"]);
  const headers = basic("alice");
  const viaBasic = await harness.call("GET", "/v1/nodes", { token: undefined, headers });
  assert.equal(viaBasic.status, 429);
  await tryLogin(harness, "the password in the wrong field", "x");
  const told = lines.join("\n");
  assert.match(told, /warn a login failed {"user":"alice","from":"127\.0\.0\.1"}/);
  assert.ok(!told.includes("horse") && !told.includes("wrong field"));
  standsAtMs = undefined;
  await eventually(
    "the wait is over",
    async () => (await tryLogin(harness, "alice")).status === 201,
  );
});

test("countChange() keeps a user from flooding the audit with logins", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "alice", "viewer");
  const login = await tryLogin(harness, "alice");
  const token = String(login.json["token"]);
  const body = { role: "user", own: true };
  let count = 0;
  for (; count < 200; count += 1) {
    const made = await harness.call("POST", "/v1/tokens", { token, body });
    if (made.status !== 201) {
      assert.deepEqual([made.status, made.json["code"]], [429, "too-many"]);
      break;
    }
  }
  assert.ok(count < 100, `${count} tokens`);
  const tokens = await harness.call("GET", "/v1/tokens");
  assert.equal(listOf(tokens.json["items"]).length, count + 2);
});
