/** Servers of a new version on a store of the old schema, as real processes with etcd: they wait, and go on by themselves. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { planMigration } from "../../src/core/migrations/plan.ts";
import { migrateStore } from "../../src/runtime/migrate/migrate-store.ts";
import { openEtcdStore } from "../../src/stores/etcd/etcd-store.ts";
import { flawOfRecord } from "../../src/wire/control-plane/record-schemas.ts";
import { accessTo, firstOf } from "../setup/support/facts.ts";
import { must } from "../setup/support/must.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestServer,
  until,
} from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { storedValue } from "./support/example.ts";
import { noteMigrations } from "./support/note-migration.ts";
import type { TestProgram } from "./support/run-server.ts";

const version = "9.9.9";
const runner = [join(import.meta.dirname, "support/run-server.ts")];

test("servers of a new schema live and are not ready until the store has it; old ones are turned away then", {
  skip: missingForEtcd() ?? false,
  timeout: 150_000,
}, async (t) => {
  const plane = await startControlPlane({ servers: 2, runner });
  t.after(() => plane.stop());
  try {
    await wait(plane);
  } catch (error: unknown) {
    throw new Error(`${error instanceof Error ? error.stack : String(error)}\n${plane.logTails()}`);
  }
});

async function wait(plane: TestControlPlane): Promise<void> {
  const [first, second] = [firstOf(plane), plane.servers[1]];
  assert.ok(second !== undefined);
  const made = await plane
    .client()
    .addService({ id: "process:api", process: { command: "/bin/true" } });
  assert.ok(made.ok, made.ok ? "" : made.error.message);

  // One is of the new version, the other not yet.
  become(second, { version, schema: "next" });
  assert.equal(await second.end(), 0);
  second.start();
  await until(
    "the second server to wait",
    async () => (await ask(second, "/readyz")) !== undefined,
  );
  assert.equal((await ask(second, "/livez"))?.status, 200);
  await until("its reason", async () => {
    const answer = await ask(second, "/readyz");
    return answer?.status === 503 && answer.text.includes("waits for 2 (notes)");
  });
  assert.equal((await ask(second, "/v1/cluster"))?.status, 503);
  await until("the others to see its version", async () => {
    const servers = await storeOf(first, (store) => store.range("servers/"));
    return JSON.stringify(servers).includes(version);
  });
  assert.ok((await plane.client(first).cluster()).ok, "the first one serves on");

  const plan = must(
    planMigration({ schema: 1, byVersion: "0.1.0" }, { migrations: noteMigrations, version }),
  );
  const signal = new AbortController().signal;
  const options = { clock, version, check: flawOfRecord, signal };
  const tooEarly = await storeOf(first, (store) => migrateStore(store, plan, options));
  assert.ok(!tooEarly.ok);
  assert.equal(tooEarly.error, "server 1 still runs holdfast 0.1.0: stop it first");

  become(first, { version, schema: "next" });
  assert.equal(await first.end(), 0);
  first.start();
  await until(
    "the first server to wait",
    async () => (await ask(first, "/readyz"))?.status === 503,
  );
  await until("it to be migrated", async () => {
    const done = await storeOf(first, (store) => migrateStore(store, plan, options));
    return done.ok;
  });
  await until("both to be ready", async () => {
    const answers = await Promise.all([first, second].map((one) => ask(one, "/readyz")));
    return answers.every((answer) => answer?.status === 200);
  });
  const schema = answerOf(await plane.client(second).storeSchema());
  assert.deepEqual([schema.stored, schema.wanted, schema.byVersion], [2, 2, version]);
  await storeOf(first, async (store) => {
    const service = await storedValue(store, "services/process:api");
    assert.ok(typeof service === "object" && service !== null && "note" in service);
  });

  become(second, { version: "0.1.0", schema: "own" });
  assert.equal(await second.end(), 0);
  second.start();
  assert.equal(await second.ended(), 1);
  assert.match(
    second.log,
    /the store has schema 2 of holdfast 9\.9\.9, this is holdfast 0\.1\.0 that knows 1; start holdfast 9\.9\.9 or restore a backup/,
  );
}

/** At its next start. */
function become(server: TestServer, program: TestProgram): void {
  writeFileSync(`${server.dataDirectory}.program`, JSON.stringify(program));
}

/** Uses the store beside the servers. */
async function storeOf<T>(
  server: TestServer,
  use: (
    store: Extract<Awaited<ReturnType<typeof openEtcdStore>>, { ok: true }>["value"],
  ) => Promise<T>,
): Promise<T> {
  const opened = await openEtcdStore(await accessTo(server));
  assert.ok(opened.ok, opened.ok ? "" : opened.error.message);
  try {
    return await use(opened.value);
  } finally {
    await opened.value.close();
  }
}

/** Undefined: nobody answers. */
function ask(
  server: TestServer,
  path: string,
): Promise<{ readonly status: number; readonly text: string } | undefined> {
  return new Promise((resolve) => {
    // Only what it says of itself is looked at here; its certificate is other tests' business.
    const call = request(`${server.url}${path}`, { rejectUnauthorized: false, agent: false });
    call.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on("error", () => resolve(undefined));
    call.setTimeout(3_000, () => call.destroy());
    call.end();
  });
}
