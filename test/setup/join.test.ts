/** Many machines join at the same moment: all come in, servers one after the other. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { answerOf, startControlPlane, until } from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { holdfast } from "./support/command.ts";
import { firstOf, Members } from "./support/facts.ts";
import { WriteStream } from "./support/load.ts";

const skip = missingForEtcd();

/** Looks all the time how many learners there are. */
class LearnerCount {
  max = 0;
  readonly #ended: Promise<void>;
  #isEnding = false;

  constructor(members: Members) {
    this.#ended = this.#look(members);
  }

  async end(): Promise<number> {
    this.#isEnding = true;
    await this.#ended;
    return this.max;
  }

  async #look(members: Members): Promise<void> {
    while (!this.#isEnding) {
      const learners = (await members.list()).filter(({ isLearner }) => isLearner);
      this.max = Math.max(this.max, learners.length);
      await sleep(20);
    }
    await members.close();
  }
}

test("four servers and ten nodes that join at the same moment all come in", {
  skip,
  timeout: 180_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1, nodes: 1 });
  t.after(() => controlPlane.stop());
  const writes = new WriteStream(t, controlPlane.client(), "node1");
  const created = answerOf(await controlPlane.client().createJoinToken({ role: "node" }));
  await writes.more(1);
  const learners = new LearnerCount(await Members.of(firstOf(controlPlane)));
  t.after(() => learners.end());
  const joining = [];
  for (let count = 0; count < 4; count += 1) joining.push(await controlPlane.prepareServer());
  for (const server of joining) server.start();
  const nodeJoins = Array.from({ length: 10 }, async (_none, index) => {
    const name = `new${index + 1}`;
    const data = ["--data", join(controlPlane.folder, name), "--no-units"];
    const words = ["node", "join", created.servers.join(","), "--ca-hash", created.authorityHash];
    const env = { HOLDFAST_JOIN_TOKEN: created.token };
    return await holdfast([...words, "--name", name, ...data], env);
  });
  for (const { code, stderr } of await Promise.all(nodeJoins)) assert.equal(code, 0, stderr);
  await controlPlane.allServe();
  await writes.more(5);
  await writes.end();

  let list = await controlPlane.list();
  const isSettled = async (): Promise<boolean> => {
    list = await controlPlane.list();
    const roles = list.map(({ role }) => role).sort();
    return roles.join() === "follower,follower,follower,follower,leader";
  };
  await until("one leader and four followers", isSettled).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(list)}`);
  });
  assert.equal(new Set(list.map(({ id }) => id)).size, 5, "no id twice");
  const { items } = answerOf(await controlPlane.client().nodes());
  assert.equal(items.length, 11);
  assert.equal(await learners.end(), 1, "one learner at a time");
  const logs = controlPlane.servers.map(({ log }) => log).join("\n");
  assert.match(logs, /waits for its turn to join: [1-3] before it/);
  await writes.assertAllThere(controlPlane.client());
  t.diagnostic(`longest time without an acknowledged write: ${writes.silenceMsMax.toFixed()} ms`);
  assert.equal(logs.includes(created.token) || logs.includes("hfj_"), false, "no token in a log");

  // Each knows the others: the loss of the first one costs nothing.
  await until("server 5 to know four others", async () => {
    const last = controlPlane.servers.at(-1);
    const answer = await controlPlane.client(last).servers();
    return answer.ok && answer.value.items.length === 5;
  });
});
