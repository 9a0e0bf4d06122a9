/** What an upgrade takes of a server's disk, and how far a clock is off that was asked over a slow way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clockOffMs } from "../../../src/core/upgrade/clock-off.ts";
import { packageRoomBytes, upgradeRoomBytes } from "../../../src/core/upgrade/room.ts";

const mebibyte = 2 ** 20;

/** A word for the case, sizes in MiB of store and package, whether the store migrates, and the MiB that are needed. */
const rooms: readonly (readonly [string, number, number, boolean, number])[] = [
  ["nothing is known", 0, 0, false, 512],
  ["a small store", 10, 10, true, 512],
  ["a large store, of which there is a backup", 2_048, 10, false, 70 + 64 + 2_048],
  ["a large store, which is migrated, too", 2_048, 10, true, 70 + 64 + 3 * 2_048],
  ["a large package", 0, 100, false, 764],
];

for (const [words, store, packed, isMigrating, wanted] of rooms) {
  test(`upgradeRoomBytes(): ${words}`, () => {
    const facts = { storeBytes: store * mebibyte, packageBytes: packed * mebibyte, isMigrating };
    assert.equal(upgradeRoomBytes(facts) / mebibyte, wanted);
    assert.ok(upgradeRoomBytes(facts) >= packageRoomBytes(facts.packageBytes));
  });
}

/** A word for the case, what the clock showed, the own one at the answer, how long that took, and what is certain. */
const clocks: readonly (readonly [string, number, number, number, number])[] = [
  ["the same, at once", 5_000, 5_000, 0, 0],
  ["read when it was asked for", 3_100, 5_000, 1_900, 0],
  ["read when the answer came", 5_000, 5_000, 1_900, 0],
  ["read between", 4_000, 5_000, 1_900, 0],
  ["ahead", 8_000, 5_000, 1_900, 3_000],
  ["behind", 1_000, 5_000, 1_900, -2_100],
  ["behind, at once", 1_000, 5_000, 0, -4_000],
];

for (const [words, itsMs, ownMs, tookMs, wanted] of clocks) {
  test(`clockOffMs(): ${words}`, () => {
    assert.equal(clockOffMs({ itsMs, ownMs, tookMs }), wanted);
  });
}
