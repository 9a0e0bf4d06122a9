/** What a server keeps for the office of manager, and what its unit allows for it. */
import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { keepOffice, officeOf, unitOfficeOf } from "../../src/setup/office/office-file.ts";
import { unitText } from "../../src/setup/units.ts";
import type { OfficeWishes } from "../../src/wire/control-plane/office.ts";
import { holdfast, temporaryFolder } from "../setup/support/command.ts";

const noWishes: OfficeWishes = {
  ...{ leaderHook: undefined, followerHook: undefined },
  ...{ hookTimeLimitMs: undefined, address: undefined },
};
const address = { address: "10.0.0.5", prefixLength: 24, interface: "eth0" };

test("keepOffice() keeps what is wished for, for its owner only, and a later wish changes no other", async (t) => {
  const folder = temporaryFolder(t);
  assert.ok((await keepOffice(folder, { ...noWishes, leaderHook: "/bin/a", address })).ok);
  assert.equal(statSync(join(folder, "server-office.json")).mode & 0o777, 0o600);
  assert.ok(
    (await keepOffice(folder, { ...noWishes, leaderHook: "none", hookTimeLimitMs: 500 })).ok,
  );
  const kept = await officeOf(folder, noWishes);
  assert.deepEqual(kept, { ok: true, value: { version: 1, hookTimeLimitMs: 500, address } });
  const otherwise = await officeOf(folder, { ...noWishes, address: "none" });
  assert.deepEqual(otherwise, { ok: true, value: { version: 1, hookTimeLimitMs: 500 } });
});

test("officeOf() says what is wrong with the file", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "server-office.json"), '{"version":1,"leaderHook":"relative"}');
  const read = await officeOf(folder, noWishes);
  assert.match(
    read.ok ? "" : read.error,
    /server-office\.json is not what holdfast writes: leaderHook/,
  );
});

test("unitText() gives a server the rights for an address when it has one, and hooks their time", async (t) => {
  const folder = temporaryFolder(t);
  const text = async (): Promise<string> => {
    const office = await unitOfficeOf(folder);
    return unitText({ kind: "server", dataDirectory: folder, program: "/opt/holdfast", office });
  };
  assert.match(await text(), /^CapabilityBoundingSet=$/m);
  assert.match(await text(), /^TimeoutStopSec=30$/m);
  await keepOffice(folder, {
    ...noWishes,
    followerHook: "/bin/a",
    hookTimeLimitMs: 45_500,
    address,
  });
  assert.match(await text(), /^CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW$/m);
  assert.match(await text(), /^TimeoutStopSec=76$/m);
});

test("the flags of hooks and address are checked before anything is made", async (t) => {
  const folder = temporaryFolder(t);
  const place = ["--data", join(folder, "data")];
  const cases = [
    [
      ["--leader-hook", "/nowhere/hook"],
      /--leader-hook: "\/nowhere\/hook" is no program that can be run/,
    ],
    [["--vip", "10.0.0.5/24"], /a floating address needs --vip and --vip-interface/],
    [["--vip", "10.0.0.5", "--vip-interface", "eth0"], /is no address with its prefix/],
    [["--vip", "10.0.0.5/33", "--vip-interface", "eth0"], /is no address with its prefix/],
    [["--hook-time-limit", "1d"], /--hook-time-limit: "1d" is no time limit/],
  ] as const;
  for (const [words, said] of cases) {
    const refused = await holdfast(["server", "init", ...place, ...words]);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, said);
  }
  const run = await holdfast(["server", "run", ...place, "--leader-hook", "/bin/true"]);
  assert.equal(run.code, 2, run.stderr);
  assert.match(run.stderr, /are for a server that was initialised/);
});
