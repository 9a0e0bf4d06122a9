/** Agents are upgraded by policies: the workloads run on, a new agent that is no good is rolled back, and what nobody has signed is never run. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { etcdctl, missingForMembers } from "../server/members/etcdctl.ts";
import { answerOf, until } from "../support/control-plane.ts";
import { openWorkshop, type PackageWorkshop, packageAt } from "./support/packages.ts";
import { startUpgradeWorld, type UpgradeWorld } from "./support/world.ts";

let workshop: PackageWorkshop;
before(async () => {
  workshop = await openWorkshop();
});
after(() => workshop.remove());

const hangs = "console.log('it waits for nothing'); setInterval(() => {}, 1000);\n";
const ends = "console.error('it has seen enough'); process.exit(0);\n";

describe("an agent with a launcher", () => {
  let world: UpgradeWorld;
  let pid: number | undefined;
  before(async () => {
    world = await startUpgradeWorld();
    pid = world.workload();
  });
  after(() => world.stop());

  const runsAs = async (version: string): Promise<void> => {
    assert.equal(await world.agentVersion(), version);
    assert.equal(world.workload(), pid, "the workload is the same process");
    await world.controlPlane.nodeIsOnline("node1");
  };

  test("waits for a package, takes its place, and its workload runs on", {
    timeout: 120_000,
  }, async () => {
    await world.want({ agentVersion: "0.2.0" });
    await until("the manager to look", async () => (await world.progress()).state === "waiting");
    await until("the reason", async () => /no package/.test((await world.progress()).detail));
    assert.ok((await world.push(workshop.make("0.2.0"))).ok);
    const line = await world.untilOver("0.2.0");
    assert.deepEqual([line.state, line.from, line.detail], ["success", "0.1.0", ""]);
    await runsAs("0.2.0");
  });

  test("goes back when the new one hangs, longer than its lease would last", {
    timeout: 120_000,
  }, async () => {
    assert.ok((await world.push(workshop.make("0.3.0", hangs))).ok);
    await world.want({ agentVersion: "latest", healthyWithinMs: 8_000 });
    const line = await world.untilOver("0.3.0");
    assert.equal(line.state, "rolled-back");
    assert.match(line.detail, /0\.3\.0 was not healthy within 8 s; its last words: it waits for/);
    await runsAs("0.2.0");
  });

  test("goes back when the new one ends at once, even without a complaint", {
    timeout: 120_000,
  }, async () => {
    assert.ok((await world.push(workshop.make("0.4.0", ends))).ok);
    await world.want({ agentVersion: "0.4.0" });
    const line = await world.untilOver("0.4.0");
    assert.equal(line.state, "rolled-back");
    assert.match(line.detail, /ended before it was healthy \(exit code 0\).*it has seen enough/);
    await runsAs("0.2.0");
  });

  test("a package that is cut off is refused where it is pushed", { timeout: 60_000 }, async () => {
    const whole = workshop.make("0.4.1");
    const path = join(workshop.folder, "cut-off.tgz");
    writeFileSync(path, readFileSync(whole.path).subarray(0, whole.sizeBytes - 1_000));
    const answer = await world.push(packageAt(path, "0.4.1"));
    assert.equal(answer.ok, false);
    assert.match(answer.ok ? "" : answer.error.message, /Holdfast 0\.4\.1 is damaged/);
  });

  test("goes down to a lower version only where that is allowed, and keeps no other versions", {
    timeout: 120_000,
  }, async () => {
    assert.ok((await world.push(workshop.make("0.1.9"))).ok);
    await world.want({ agentVersion: "0.1.9" });
    await until("nothing to do", async () => (await world.progress()).detail.includes("nothing"));
    await runsAs("0.2.0");
    await world.want({ agentVersion: "0.1.9", allowDowngrade: true });
    assert.equal((await world.untilOver("0.1.9")).state, "success");
    await runsAs("0.1.9");
    const versions = (): string[] =>
      readdirSync(join(world.node.dataDirectory, "versions"), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name);
    await until("the others to be removed", () => versions().length === 2);
    assert.deepEqual(versions().sort(), ["0.1.9", "0.2.0"]);
  });

  test("stays as it is while the manager cannot let go of a service, and hands over then", {
    timeout: 180_000,
  }, async () => {
    assert.ok((await world.push(workshop.make("0.2.1"))).ok);
    const { client } = world;
    const deaf = join(workshop.folder, "deaf");
    const loop = 'trap "" TERM; : > "$0"; while :; do sleep 1; done';
    const program = { command: "sh", arguments: ["-c", loop, deaf], stopTimeoutMs: 25_000 };
    const id = "process:deaf";
    answerOf(await client.addService({ id, state: "started", process: program }));
    await until("it to hear nothing", () => existsSync(deaf));
    await until("it to run", async () => answerOf(await client.service(id)).running === "running");
    answerOf(await client.changeService(id, { state: "stopped" }));
    await world.want({ agentVersion: "0.2.1" });
    const why = async (): Promise<boolean> => /not let go/.test((await world.progress()).detail);
    await until("the agent to say why", why, 60_000);
    assert.equal((await world.progress()).state, "initiated");
    await runsAs("0.1.9");
    assert.equal((await world.untilOver("0.2.1")).state, "success");
    await runsAs("0.2.1");
  });
});

test("an agent without a launcher says so, and runs on", { timeout: 120_000 }, async () => {
  const world = await startUpgradeWorld({ words: ["agent", "run"] });
  try {
    assert.ok((await world.push(workshop.make("0.5.0"))).ok);
    await world.want({ agentVersion: "0.5.0" });
    const line = await world.untilOver("0.5.0");
    assert.equal(line.state, "failed");
    assert.match(line.detail, /no launcher looks after this agent.*holdfast agent launch/);
    assert.equal(await world.agentVersion(), "0.1.0");
  } finally {
    await world.stop();
  }
});

test("what is in the store alone makes no agent run it: the signature is another content's", {
  skip: missingForMembers(),
  timeout: 120_000,
}, async () => {
  const world = await startUpgradeWorld({ engine: "etcd" });
  try {
    const [server] = world.controlPlane.servers;
    assert.ok(server !== undefined);
    const [good, evil] = [workshop.make("0.6.0"), workshop.make("0.6.1")];
    assert.ok((await world.push(good)).ok);
    assert.ok((await world.push(evil)).ok);
    const ask = (...words: string[]): string => {
      const answer = etcdctl(server, server, words);
      assert.ok(answer.succeeded, answer.text);
      return answer.text.trim();
    };
    const keyOf = (sha256: string): string =>
      ask("get", "", "--prefix", "--keys-only")
        .split("\n")
        .find((key) => key.endsWith(`bundles/${sha256}`)) ?? "";
    const recordOf = (sha256: string): object =>
      JSON.parse(ask("get", keyOf(sha256), "--print-value-only"));
    const forged = { ...recordOf(good.sha256), ...recordOf(evil.sha256) };
    const signature = Reflect.get(recordOf(good.sha256), "signature");
    ask("put", keyOf(evil.sha256), JSON.stringify({ ...forged, signature }));
    await world.want({ agentVersion: "0.6.1" });
    const line = await world.untilOver("0.6.1");
    assert.equal(line.state, "failed");
    assert.match(line.detail, /authority has not signed the package of version 0\.6\.1/);
    assert.equal(await world.agentVersion(), "0.1.0");
    const names = readdirSync(join(world.node.dataDirectory, "versions"));
    assert.equal(names.includes("0.6.1"), false);
  } finally {
    await world.stop();
  }
});
