/** The guard of a floating address in a network namespace of its own: it never has the address beyond its deadline. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openAddressHolder } from "../../src/adapters/address/guard-client.ts";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { AddressHolder } from "../../src/ports/office.ts";
import { holdsFor, waitFor } from "../e2e/harness/wait.ts";
import { childrenOf } from "../lab/processes.ts";
import { silentLog } from "../setup/support/silent-log.ts";

const guardPath = join(import.meta.dirname, "../../src/address-guard/main.ts");
const asUser = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
const link = "ip link add e0 type veth peer name e1 && ip link set e0 up && ip link set e1 up";
const namespace = ["unshare", ...asUser, "--net", "sh", "-c"];
const [file = "", ...words] = [...namespace, `${link} && which arping`];
const tried = spawnSync(file, words, { encoding: "utf8" });
const skip = tried.status === 0 ? false : `no network namespace with arping here: ${tried.stderr}`;

interface Guarded {
  readonly holder: AddressHolder;
  readonly pid: number;
  has(address?: string): boolean;
  ip(...words: string[]): void;
}

async function guard(t: TestContext, address = "10.9.0.5", before = ""): Promise<Guarded> {
  const script = `${link} && ip addr add 10.9.0.1/24 dev e0 ${before} && exec "$@"`;
  const guardCommand = [...namespace, script, "sh", process.execPath, guardPath];
  const place = { address, prefixLength: address.includes(":") ? 64 : 24, interface: "e0" };
  const opened = await openAddressHolder({ place, guardCommand, clock, log: silentLog });
  assert.ok(opened.ok, opened.ok ? "" : opened.error);
  const holder = opened.value;
  t.after(() => holder.close());
  const own = childrenOf(process.pid).find(({ pid }) => isGuard(pid));
  assert.ok(own !== undefined, "the guard runs");
  const enter = ["--target", String(own.pid), ...(asUser.length > 0 ? ["--user"] : []), "--net"];
  const inside = (...more: string[]): string =>
    spawnSync("nsenter", [...enter, "ip", ...more], { encoding: "utf8" }).stdout;
  return {
    holder,
    pid: own.pid,
    has: (one = address) => inside("-o", "addr", "show", "dev", "e0").includes(` ${one}/`),
    ip: (...more) => void inside(...more),
  };
}

function isGuard(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("address-guard");
}

function within(ms: number, endMs = ms + 1_500): { removeAtMs: number; endAtMs: number } {
  return { removeAtMs: clock.monotonicMs() + ms, endAtMs: clock.monotonicMs() + endMs };
}

/** Waits until it is gone; a look that begins after the end must not find it any more. */
async function goneInTime(has: () => boolean, endAtMs: number): Promise<void> {
  await waitFor("it to be gone", 15_000, () => {
    const beganAtMs = clock.monotonicMs();
    if (!has()) return true;
    assert.ok(beganAtMs < endAtMs, "it is there beyond its end");
    return false;
  });
}

test("hold() has the address until the deadline, which each call moves, and drop() ends it at once", {
  skip,
}, async (t) => {
  const { holder, has } = await guard(t);
  assert.equal(has(), false);
  const first = within(3_000);
  assert.ok((await holder.hold(first)).ok);
  assert.ok(has());
  const second = within(7_000);
  assert.ok((await holder.hold(second)).ok);
  const beyondFirstMs = first.endAtMs - clock.monotonicMs();
  await holdsFor("it stays beyond the first deadline", beyondFirstMs, has);
  await goneInTime(has, second.endAtMs);
  assert.ok(clock.monotonicMs() >= second.removeAtMs, "not before");
  assert.ok((await holder.hold(within(10_000))).ok);
  assert.ok(has());
  assert.equal(await holder.drop(), "gone");
  assert.equal(has(), false);
  assert.equal(await holder.drop(), "gone", "also when it is gone already");
});

test("hold() after the deadline adds nothing", { skip }, async (t) => {
  const { holder, has } = await guard(t);
  const late = await holder.hold(within(-1, 3_000));
  assert.equal(late.ok, false);
  assert.equal(has(), false);
});

test("the guard removes the address when its server is gone without a word", {
  skip,
}, async (t) => {
  const { holder, has, pid } = await guard(t);
  assert.ok((await holder.hold(within(60_000))).ok);
  // Its network goes with it, so its end is looked at from inside: while it is stopped it cannot have gone.
  assert.ok(has());
  await holder.close();
  assert.throws(() => process.kill(pid, 0), "it has ended");
});

test("the kernel removes the address while the guard itself stands still", { skip }, async (t) => {
  const { holder, has, pid } = await guard(t);
  const until = within(5_000, 6_000);
  assert.ok((await holder.hold(until)).ok);
  process.kill(pid, "SIGSTOP");
  try {
    // Before another server may have it.
    await goneInTime(has, until.endAtMs);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await holdsFor("it stays away", 300, () => !has());
});

test("a guard that starts removes what an earlier one has left", { skip }, async (t) => {
  const left = "&& ip addr add 10.9.0.5/24 dev e0 valid_lft 60 preferred_lft 0";
  const { has } = await guard(t, "10.9.0.5", left);
  assert.equal(has(), false);
});

test("an address of the machine itself is never taken for a floating one", { skip }, async (t) => {
  const { holder, has } = await guard(t, "10.9.0.1");
  assert.ok(has(), "it was not removed");
  const held = await holder.hold(within(10_000));
  assert.match(held.ok ? "" : held.error, /is the machine's own address already/);
  assert.ok(has(), "nor by this");
});

test("an IPv6 address is held in the same way", { skip }, async (t) => {
  const { holder, has } = await guard(t, "fd00::5");
  const deadline = within(3_000, 5_000);
  assert.ok((await holder.hold(deadline)).ok);
  assert.ok(has());
  await goneInTime(has, deadline.endAtMs);
});
