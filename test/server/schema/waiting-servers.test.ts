/** Two servers as real processes on etcd, of which one waits for the schema, and then both: what a person sees of them. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openEtcdStore } from "../../../src/stores/etcd/etcd-store.ts";
import { upgradeRecordSchema } from "../../../src/wire/control-plane/upgrades.ts";
import { createBench, type Ran } from "../../cli/harness.ts";
import { storedValue } from "../../migrations/support/example.ts";
import type { TestProgram } from "../../migrations/support/run-server.ts";
import { accessTo, firstOf } from "../../setup/support/facts.ts";
import {
  startControlPlane,
  type TestControlPlane,
  type TestServer,
  until,
} from "../../support/control-plane.ts";
import { missingForEtcd } from "../../support/etcd-cluster.ts";
import { upgradeRecord } from "./support/waiting.ts";

const runner = [join(import.meta.dirname, "../../migrations/support/run-server.ts")];
const next: TestProgram = { version: "0.2.0", schema: "next" };
const reason = /the store has schema 1, holdfast 0\.2\.0 waits for 2 \(notes\)/;

type Run = (words: string, servers?: readonly TestServer[]) => Promise<Ran>;

test("an upgrade is seen and ordered while one server waits, and while all do", {
  skip: missingForEtcd() ?? false,
  timeout: 240_000,
}, async (t) => {
  const plane = await startControlPlane({ servers: 2, runner });
  t.after(() => plane.stop());
  const cli = await createBench(t);
  const run: Run = (words, servers = plane.servers) => {
    const environment = {
      HOLDFAST_SERVER: servers.map(({ url }) => url).join(","),
      HOLDFAST_TOKEN: plane.token,
      HOLDFAST_CA: join(firstOf(plane).dataDirectory, "pki/ca.crt"),
    };
    return cli.run(words.split(" "), { environment });
  };
  try {
    await oneWaits(plane, run);
    await allWait(plane, run);
    await serveAgain(plane, run);
  } catch (error: unknown) {
    throw new Error(`${error instanceof Error ? error.stack : String(error)}\n${plane.logTails()}`);
  }
});

async function oneWaits(plane: TestControlPlane, run: Run): Promise<void> {
  const [first, second] = [firstOf(plane), plane.servers[1]];
  assert.ok(second !== undefined);
  await replace(second);
  await until("it to be seen to wait", async () => {
    const { code, out } = await run("server list", [first]);
    return (
      code === 0 && /^server2: the store has schema 1, holdfast 0\.2\.0 waits for 2 /m.test(out)
    );
  });
  const list = await run("server list", [second, first]);
  assert.equal(list.code, 0, list.err);
  const alone = await run("service list", [second]);
  assert.equal(alone.code, 1);
  assert.match(alone.err, reason);
  assert.match(alone.err, /; see how far it is with: holdfast upgrade status\n$/);
  const opened = await openEtcdStore(await accessTo(first));
  assert.ok(opened.ok, opened.ok ? "" : opened.error.message);
  const value = upgradeRecord("paused");
  const put = { kind: "put", key: "system-upgrade", value } as const;
  assert.ok((await opened.value.txn({ compare: [], then: [put] })).ok);
  await opened.value.close();
  for (const server of [first, second]) {
    const status = await run("upgrade status", [server]);
    assert.match(status.out, /\(stop-all, by ada, begun .*\) is paused/, status.err);
  }
}

async function allWait(plane: TestControlPlane, run: Run): Promise<void> {
  const first = firstOf(plane);
  await replace(first);
  await until("both to wait", async () => {
    const answers = await Promise.all(plane.servers.map((server) => run("status", [server])));
    return answers.every(({ code, err }) => code === 1 && reason.test(err));
  });
  const status = await run("upgrade status");
  assert.equal(status.code, 0, status.err);
  const paused = await run("upgrade pause");
  assert.match(paused.out, / is paused/, paused.err);
  const aborted = await run("upgrade abort");
  assert.match(aborted.out, / is aborting: asked for by admin\//, aborted.err);
  const again = await run("upgrade pause");
  assert.equal(again.code, 5, again.out);
  const opened = await openEtcdStore(await accessTo(first));
  assert.ok(opened.ok, opened.ok ? "" : opened.error.message);
  const stored = upgradeRecordSchema.parse(await storedValue(opened.value, "system-upgrade"));
  await opened.value.close();
  assert.match(stored.state, /^abort/);
  assert.ok(
    plane.servers.some(({ log }) => /upgrade\.abort cluster/.test(log)),
    "who asked is in the log",
  );
}

/** What was ordered meanwhile is in the audit once there is one. */
async function serveAgain(plane: TestControlPlane, run: Run): Promise<void> {
  for (const server of plane.servers) {
    rmSync(`${server.dataDirectory}.program`);
    assert.equal(await server.end(), 0);
    server.start();
    await until("it to serve", async () => (await run("status", [server])).code === 0);
  }
  await until("the orders to be in the audit", async () => {
    const { out } = await run("audit list");
    const lines = out.split("\n").filter((line) => line.includes("admin"));
    return ["pause", "abort"].every((word) =>
      lines.some((line) => line.includes(` upgrade.${word} `)),
    );
  });
}

/** By one of the next schema. */
async function replace(server: TestServer): Promise<void> {
  writeFileSync(`${server.dataDirectory}.program`, JSON.stringify(next));
  assert.equal(await server.end(), 0);
  server.start();
  await until("it to wait", () => reason.test(server.log));
}
