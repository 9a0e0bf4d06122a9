/** The manager's transactions: what they must not take with them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { instantMs } from "../../src/core/time.ts";
import { draftOf } from "../../src/runtime/manager-draft.ts";
import { createManagerMirror } from "../../src/runtime/manager-mirror.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { serviceId } from "../core/manager-harness.ts";
import { clock } from "./harness.ts";

const service = serviceId("process:api");
const key = `${keys.commands}${service}`;
const effect = {
  kind: "finish-command",
  service,
  commandId: "first",
  reason: { code: "command", command: "stop", target: undefined },
} as const;

for (const seen of ["not seen", "seen"] as const) {
  test(`the end of an order leaves alone a newer one that the manager has ${seen}`, async (t) => {
    const store = createMemoryStore({ clock });
    t.after(() => store.close());
    const mirror = createManagerMirror();
    const order = async (id: string) => {
      const value = { version: 1, id, kind: "stop", by: "test" };
      const written = await store.txn({ compare: [], then: [{ kind: "put", key, value }] });
      assert.ok(written.ok);
      const read = await store.get(key);
      assert.ok(read.ok && read.value.entry !== undefined);
      return read.value.entry;
    };
    const won = await store.txn({
      compare: [],
      then: [{ kind: "put", key: keys.manager, value: { version: 1 } }],
    });
    assert.ok(won.ok);
    mirror.load(await order("first"));
    const newer = await order("second");
    if (seen === "seen") mirror.apply({ kind: "put", entry: newer });
    const draft = draftOf([effect], {
      mirror,
      createRevision: won.value.revision,
      now: instantMs(0),
      nextSequence: () => 1,
    });
    assert.ok(draft.kind === "write");
    await store.txn(draft.txn);
    const left = await store.get(key);
    assert.ok(left.ok);
    assert.deepEqual(left.value.entry?.value, newer.value);
  });
}
