/** The right to hold the floating address, between two servers on one store. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { type AddressClaim, claimAddress } from "../../src/server/office/address-claim.ts";
import { holdUntil, takeOverAfterMs } from "../../src/server/office/address-times.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { officeAddressRecordSchema } from "../../src/wire/control-plane/office.ts";
import { keys } from "../../src/wire/records.ts";

function world(t: TestContext) {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  return {
    store,
    /** Makes the server manager, whoever was. */
    async elect(serverId: string, signal = new AbortController().signal) {
      const key = keys.manager;
      await store.txn({ compare: [], then: [{ kind: "delete", key }] });
      const value = { version: 1, serverId, electedAtMs: 1 };
      const put = await store.txn({ compare: [], then: [{ kind: "put", key, value }] });
      assert.ok(put.ok);
      const term = { createRevision: put.value.revision, signal };
      return { store, clock, serverId, address: "10.0.0.5", term };
    },
  };
}

function claimed(claim: AddressClaim | undefined): AddressClaim {
  assert.ok(claim !== undefined, "it is claimed");
  return claim;
}

test("claimAddress() waits until the last time of a holder that said nothing is over", async (t) => {
  const { elect } = world(t);
  const first = claimed(await claimAddress(await elect("1")));
  assert.equal(await first.renew(), "renewed");
  const second = await elect("2");
  const sentAtMs = clock.monotonicMs();
  assert.equal(await first.renew(), "lost", "who was deposed can prolong nothing");
  const waiting = claimAddress(second);
  claimed(await waiting);
  assert.ok(clock.monotonicMs() - sentAtMs >= takeOverAfterMs);
  assert.ok(clock.monotonicMs() > holdUntil(sentAtMs).endAtMs);
});

test("claimAddress() waits for nobody who has given it up, nor for its own earlier life", async (t) => {
  const { elect } = world(t);
  const fromMs = clock.monotonicMs();
  const first = claimed(await claimAddress(await elect("1")));
  await first.release();
  claimed(await claimAddress(await elect("2")));
  claimed(await claimAddress(await elect("2")));
  assert.ok(clock.monotonicMs() - fromMs < takeOverAfterMs);
});

test("claimAddress() of a server that died while it waited waits anew", async (t) => {
  const { elect, store } = world(t);
  claimed(await claimAddress(await elect("1")));
  const life = new AbortController();
  const dying = claimAddress(await elect("2", life.signal));
  for (let state = ""; state !== "waiting"; ) {
    const read = await store.get(keys.officeAddress);
    assert.ok(read.ok);
    state = officeAddressRecordSchema.parse(read.value.entry?.value).state;
  }
  life.abort();
  assert.equal(await dying, undefined, "nothing is claimed for a term that is over");
  const fromMs = clock.monotonicMs();
  claimed(await claimAddress(await elect("2")));
  assert.ok(clock.monotonicMs() - fromMs >= takeOverAfterMs, "the first one may have it still");
});

test("release() of a claim that another server has taken over takes nothing away", async (t) => {
  const { elect } = world(t);
  const first = claimed(await claimAddress(await elect("1")));
  const second = claimed(await claimAddress(await elect("2")));
  await first.release();
  assert.equal(await second.renew(), "renewed");
});
