/** The move of a running server from the embedded store to etcd: nothing stops, nothing is lost, nothing is half done. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  until,
} from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { holdfast } from "./support/command.ts";
import { engineOf, firstOf } from "./support/facts.ts";
import { Probes, WriteStream } from "./support/load.ts";

const skip = missingForEtcd();

/** When the agent's renewals were refused or unanswered is in nobody's log: the epoch tells whether a lease was lost. */
async function epochsOf(controlPlane: TestControlPlane): Promise<readonly unknown[]> {
  const { items } = answerOf(await controlPlane.client().nodes());
  return items.map(({ id, epoch, state }) => ({ id, epoch, state }));
}

/** The longest time without an answer to a linearizable read, until it is ended. */
class Reader {
  silenceMsMax = 0;
  readonly #ended: Promise<void>;
  #isEnding = false;

  constructor(t: TestContext, controlPlane: TestControlPlane) {
    this.#ended = this.#read(controlPlane);
    t.after(() => this.end());
  }

  async end(): Promise<number> {
    this.#isEnding = true;
    await this.#ended;
    return this.silenceMsMax;
  }

  async #read(controlPlane: TestControlPlane): Promise<void> {
    const client = controlPlane.client();
    let lastMs = performance.now();
    while (!this.#isEnding) {
      const answer = await client.cluster();
      const nowMs = performance.now();
      if (answer.ok) {
        this.silenceMsMax = Math.max(this.silenceMsMax, nowMs - lastMs);
        lastMs = nowMs;
      }
      await sleep(5);
    }
  }
}

test("server init --ha moves a running server: same processes, same leases, no write lost, profile fast", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1, nodes: 2, engine: "embedded" });
  t.after(() => controlPlane.stop());
  const probes = new Probes(controlPlane);
  await probes.add(4);
  const server = firstOf(controlPlane);
  const before = await epochsOf(controlPlane);
  const writes = new WriteStream(t, controlPlane.client(), "node1");
  const reader = new Reader(t, controlPlane);
  await writes.more(30);
  const words = ["server", "init", "--ha", "--data", server.dataDirectory, "--no-units"];
  const moved = await holdfast(words);
  assert.equal(moved.code, 0, `${moved.stdout}${moved.stderr}\n${controlPlane.logTails()}`);
  assert.match(moved.stdout, /the store is etcd/);
  await writes.more(30);
  await writes.end();
  t.diagnostic(
    `longest silence: writes ${writes.silenceMsMax.toFixed()} ms, reads ${(await reader.end()).toFixed()} ms; lease 3,000 ms`,
  );

  assert.equal(await engineOf(server), "etcd");
  await writes.assertAllThere(controlPlane.client());
  assert.deepEqual(await epochsOf(controlPlane), before, "no lease was lost");
  for (const id of probes.ids) assert.equal(probes.begunCount(id), 1, `${id} was never restarted`);
  probes.assertNeverTwice();
  const [line] = await controlPlane.list();
  assert.equal(line?.role, "leader");

  const again = await holdfast(words);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /initialised already: server 1 "server1" on the etcd store/);
  // From one to many in place. Of two members each is needed, and a busy machine must not end a lease.
  answerOf(await controlPlane.client().changeSettings({ profile: "balanced" }));
  await controlPlane.addServer();
  await controlPlane.addServer();
  await probes.add(1);
  for (const id of probes.ids) assert.equal(probes.begunCount(id), 1, `${id} was never restarted`);
});

test("server init --ha moves a stopped server by itself, and refuses one that hangs", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1, engine: "embedded" });
  t.after(() => controlPlane.stop());
  const server = firstOf(controlPlane);
  const words = ["server", "init", "--ha", "--data", server.dataDirectory, "--no-units"];
  server.freeze();
  const refused = await holdfast(words);
  server.thaw();
  assert.notEqual(refused.code, 0);
  assert.match(
    refused.stderr,
    /another process has it open.*runs and does not answer has to be ended first/s,
  );
  assert.equal(await engineOf(server), "embedded");
  await server.end();
  const moved = await holdfast(words);
  assert.equal(moved.code, 0, moved.stderr);
  assert.match(
    moved.stdout,
    /starts a member of its own\ncopies .* keys\n(?:.*\n)*switches: \d+ keys, checksum [0-9a-f]{64}\nthe store is etcd now; start the server/,
  );
  server.start();
  await until("it serves", async () => (await controlPlane.client().cluster()).ok);
  const [line] = await controlPlane.list();
  assert.equal(line?.role, "leader");
  assert.ok(existsSync(join(server.dataDirectory, "etcd/member")));
  const [entry] = answerOf(await controlPlane.client().audit({ limit: 1 })).items;
  assert.equal(entry?.action, "server.move", "the audit has it although no server ran");
  assert.equal(entry.who, `${userInfo().username} at server/1`);
  assert.doesNotMatch(readFileSync(server.logPath, "utf8"), /this is a bug/);
});
