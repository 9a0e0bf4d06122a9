/** The whole control plane becomes another version, server by server, then the agents; and goes back from every step. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { UpgradeResource } from "../../src/wire/control-plane/upgrades.ts";
import {
  openWorkshop,
  type PackageWorkshop,
  type TestPackage,
} from "../agent-upgrade/support/packages.ts";
import { missingForMembers } from "../server/members/etcdctl.ts";
import { answerOf, startControlPlane, type TestServer, until } from "../support/control-plane.ts";
import { ServerWorld } from "./support/world.ts";
import { startWriters } from "./support/writers.ts";

const skip = missingForMembers();
const waitMsMax = 240_000;
const names = ["node1", "node2"];

describe("a control plane of three servers and two nodes", { skip }, () => {
  let workshop: PackageWorkshop;
  let world: ServerWorld;
  let next: TestPackage;

  before(async () => {
    workshop = await openWorkshop();
    const installed = workshop.make("0.1.0");
    const { main } = installed;
    const controlPlane = await startControlPlane({
      ...{ engine: "etcd", servers: 3, nodes: names.length },
      serverWords: [main, "server", "launch"],
      agentWords: [main, "agent", "launch"],
    });
    world = new ServerWorld(controlPlane, "etcd");
    await world.push(installed);
    next = workshop.make("0.2.0");
    const process = { command: "/bin/sleep", arguments: ["100000"] };
    answerOf(await controlPlane.client().addService({ id: "process:nap", process }));
    await until("the service to run", async () => naps().length === 1);
  });
  after(async () => {
    await world.stop();
    workshop.remove();
  });

  /** Processes of the service. */
  const naps = (): readonly number[] =>
    world.controlPlane.nodes
      .flatMap((node) => node.processes())
      .filter(({ commandLine }) => commandLine.startsWith("/bin/sleep 100000"))
      .map(({ pid }) => pid);

  const agentLogs = (): string => world.controlPlane.nodes.map(({ log }) => log).join("\n");
  const upgradeNow = async (): Promise<UpgradeResource | undefined> => {
    const answer = await world.controlPlane.client().upgrade();
    return answer.ok ? (answer.value.upgrade ?? undefined) : undefined;
  };
  const untilState = async (...states: readonly string[]): Promise<UpgradeResource> => {
    let last: UpgradeResource | undefined;
    const what = `the upgrade to be ${states.join(" or ")}`;
    const isSo = async (): Promise<boolean> => {
      last = await upgradeNow();
      return last !== undefined && states.includes(last.state);
    };
    await until(what, isSo, waitMsMax).catch((error: unknown) => {
      throw new Error(
        `${String(error)}: ${JSON.stringify(last, null, 1)}\n${world.controlPlane.logTails()}`,
      );
    });
    assert.ok(last !== undefined);
    return last;
  };
  const apply = async (to: string, pauseAfter: readonly string[] = []): Promise<void> => {
    const answer = await world.controlPlane
      .client()
      .applyUpgrade({ to, pauseAfter: [...pauseAfter] });
    assert.ok(answer.ok, JSON.stringify(answer));
  };
  const versions = async (): Promise<ReadonlySet<string | undefined>> =>
    new Set(await Promise.all(world.controlPlane.servers.map((server) => world.version(server))));
  const agentVersions = async (): Promise<ReadonlySet<string>> => {
    const { nodes } = answerOf(await world.controlPlane.client().cluster());
    return new Set(nodes.map(({ agentVersion }) => agentVersion));
  };
  const assertAll = async (version: string): Promise<void> => {
    const words = JSON.stringify(await upgradeNow(), null, 1);
    assert.deepEqual(await versions(), new Set([version]), words);
    assert.deepEqual(await agentVersions(), new Set([version]), words);
  };

  test("the check says that there is no such package, then that nothing speaks against it", {
    timeout: 60_000,
  }, async () => {
    const client = world.controlPlane.client();
    const before = answerOf(await client.checkUpgrade("0.2.0"));
    assert.equal(before.verdict, "no-go");
    assert.match(JSON.stringify(before.findings), /keep no package of holdfast 0\.2\.0/);
    const early = await client.applyUpgrade({ to: "0.2.0" });
    assert.equal(early.ok, false);
    await world.push(next);
    const after = answerOf(await client.checkUpgrade("0.2.0"));
    assert.deepEqual(
      [after.verdict, after.from, after.to, after.strategy],
      ["go", "0.1.0", "0.2.0", "rolling"],
    );
  });

  test("taken back after a step it is as before, and services have not noticed", {
    timeout: 600_000,
  }, async () => {
    const [nap] = naps();
    // The machine's own tests go back from every step; here are those that have done something to processes.
    const steps = ["prepare", "switch 2", "agents"];
    for (const step of steps) {
      await apply("0.2.0", [step]);
      const paused = await untilState("paused");
      assert.match(paused.detail, new RegExp(`after the step ${step}`));
      answerOf(await world.controlPlane.client().orderUpgrade("abort"));
      const aborted = await untilState("aborted", "abort-failed");
      assert.equal(aborted.state, "aborted", JSON.stringify(aborted));
      await assertAll("0.1.0");
      assert.deepEqual(naps(), [nap], `after the step ${step}\n${agentLogs()}`);
    }
  });

  test("the audit has who began it and who took it back", { timeout: 60_000 }, async () => {
    const { items } = answerOf(await world.controlPlane.client().audit({ limit: 100 }));
    const actions = new Set(items.map(({ action }) => action));
    assert.ok(actions.has("upgrade.apply") && actions.has("upgrade.abort"), [...actions].join());
  });

  test("under writes it comes to its end, and neither writers nor services notice", {
    timeout: 600_000,
  }, async (t) => {
    const [nap] = naps();
    // Each write is a service on a node, whose agent has to hand over all of them.
    const stopWriters = startWriters(world.controlPlane);
    const beganAtMs = performance.now();
    await apply(next.sha256);
    const second = await world.controlPlane.client().applyUpgrade({ to: "0.2.0" });
    assert.ok(!second.ok && second.error.code === "conflict", "there is one at a time");
    const done = await untilState("done", "failed");
    assert.equal(done.state, "done", JSON.stringify(done, null, 1));
    const { acknowledged, retried, hopeless, longestMs } = await stopWriters();
    const reasons = [...retried].map(([reason, count]) => `${count} x ${reason}`).join(", ");
    t.diagnostic(
      `${Math.round(performance.now() - beganAtMs)} ms in all; ${acknowledged.length} writes, the longest ${Math.round(longestMs)} ms, retried: ${reasons || "none"}`,
    );
    assert.deepEqual(hopeless, []);
    await assertAll("0.2.0");
    assert.deepEqual(naps(), [nap], `the service has noticed\n${agentLogs()}`);
    const { items } = answerOf(await world.controlPlane.client().services());
    const there = new Set(items.map(({ id }) => String(id)));
    assert.deepEqual(
      acknowledged.filter((id) => !there.has(id)),
      [],
    );
  });

  test("with its manager killed while another server is away it goes on, here back to the version before", {
    timeout: 600_000,
  }, async () => {
    await apply("0.1.0");
    await until("a step of a server", async () => {
      const step = (await upgradeNow())?.steps.find(({ state }) => state === "running");
      return step?.kind === "switch";
    });
    // Two of three are gone for a moment: what runs may have to stop, and starts again.
    (await killManager()).start();
    const done = await untilState("done", "failed");
    assert.equal(done.state, "done", JSON.stringify(done, null, 1));
    await assertAll("0.1.0");
    await until("the service to run", async () => naps().length === 1);
  });

  const killManager = async (): Promise<TestServer> => {
    const items = await world.controlPlane.list();
    const manager = items.find(({ isManager }) => isManager);
    const server = world.controlPlane.servers.find(({ id }) => id === manager?.id);
    assert.ok(server !== undefined, "there is a manager");
    await server.kill();
    return server;
  };

  test("a version that never becomes healthy is stopped at the first server, and taken back", {
    timeout: 600_000,
  }, async () => {
    const broken = workshop.make(
      "0.1.1",
      'if (process.argv.includes("run")) throw new Error("broken on purpose");\nconsole.log("holdfast 0.1.1");\n',
    );
    await world.push(broken);
    await apply("0.1.1");
    const failed = await untilState("failed", "done");
    assert.equal(failed.state, "failed");
    assert.match(failed.detail, /^(switch \d|prepare): server \d/);
    answerOf(await world.controlPlane.client().orderUpgrade("abort"));
    await untilState("aborted");
    await assertAll("0.1.0");
  });
});
