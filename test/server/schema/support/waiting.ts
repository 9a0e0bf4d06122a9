/** A server that serves and one that waits, on one real store: what the one answers the other has to answer, too. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { newUpgrade } from "../../../../src/core/upgrade/plan.ts";
import type { JsonValue, Store } from "../../../../src/ports/store.ts";
import { jsonOf } from "../../../../src/runtime/manager-records.ts";
import { listenWaiting } from "../../../../src/server/schema/waiting-listener.ts";
import { openSqliteStore } from "../../../../src/stores/sqlite/sqlite-store.ts";
import {
  type Answer,
  type CallOptions,
  clock,
  type Harness,
  quietLog,
  send,
  startHarness,
  temporaryDirectory,
} from "../../harness.ts";

export const because = "the store has schema 1, holdfast 9.9.9 waits for 2 (notes)";

export interface WaitingBench {
  readonly harness: Harness;
  readonly store: Store;
  /** Of the server that waits. */
  readonly url: string;
  /** Calls the server that waits, with the admin's token unless told otherwise. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  put(key: string, value: JsonValue): Promise<void>;
  read(key: string): Promise<JsonValue | undefined>;
  /** A new token as the API makes it; the id is that of its record. */
  token(body: object): Promise<{ readonly token: string; readonly id: string }>;
}

/** Both end with the test. */
export async function startWaiting(t: TestContext): Promise<WaitingBench> {
  const file = join(await temporaryDirectory(t), "store.sqlite");
  const opened = await openSqliteStore({ file, clock });
  assert.ok(opened.ok, opened.ok ? "" : opened.error.message);
  const store = opened.value;
  const harness = await startHarness(t, { store });
  t.after(() => store.close());
  const { url } = await listen(t, store);
  const { adminToken } = harness;
  return {
    ...{ harness, store, url },
    call: (method, path, options = {}) => {
      return send(url, method, path, { token: adminToken, ...options });
    },
    put: async (key, value) => {
      const written = await store.txn({ compare: [], then: [{ kind: "put", key, value }] });
      assert.ok(written.ok, written.ok ? "" : written.error.message);
    },
    read: async (key) => {
      const read = await store.get(key);
      assert.ok(read.ok, read.ok ? "" : read.error.message);
      return read.value.entry?.value;
    },
    token: async (body) => {
      const made = await harness.call("POST", "/v1/tokens", { body });
      assert.equal(made.status, 201, made.text);
      return { token: String(made.json["token"]), id: String(made.json["id"]) };
    },
  };
}

/** A server that waits on this store, at a free port unless told otherwise; it ends with the test at the latest. */
export async function listen(
  t: TestContext,
  store: Store,
  port = 0,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const listener = await listenWaiting({
    ...{ store, clock, log: quietLog, tls: undefined },
    listen: { host: "127.0.0.1", port },
    because: () => because,
  });
  assert.ok(listener.ok, listener.ok ? "" : listener.error);
  const { value } = listener;
  t.after(() => value.close());
  return { url: `http://127.0.0.1:${value.port}`, close: () => value.close() };
}

/** The record of an upgrade to another schema, in the midst of it. */
export function upgradeRecord(state: "running" | "paused" | "aborting" | "done"): JsonValue {
  const order = {
    ...({ id: "u1", by: "ada", strategy: "stop-all", from: "0.1.0" } as const),
    to: { version: "9.9.9", sha256: "a".repeat(64) },
    schema: { from: 1, to: 2 },
    ...{ pauseAfter: [], startedAtMs: clock.wallMs() },
  } as const;
  return jsonOf({ version: 1, ...newUpgrade(order, ["1", "2"]), state });
}
