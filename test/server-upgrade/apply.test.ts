/** The whole control plane becomes another version, server by server, then the agents; and goes back from every step. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  openWorkshop,
  type PackageWorkshop,
  type TestPackage,
} from "../agent-upgrade/support/packages.ts";
import { missingForMembers } from "../server/members/etcdctl.ts";
import { answerOf, startControlPlane, type TestServer, until } from "../support/control-plane.ts";
import { settled, Upgrading } from "./support/upgrading.ts";
import { ServerWorld } from "./support/world.ts";
import { startWriters } from "./support/writers.ts";

const skip = missingForMembers();

describe("a control plane of three servers and two nodes", { skip }, () => {
  let workshop: PackageWorkshop;
  let world: ServerWorld;
  let upgrading: Upgrading;
  let next: TestPackage;

  before(async () => {
    workshop = await openWorkshop();
    const installed = workshop.make("0.1.0");
    const { main } = installed;
    const controlPlane = await startControlPlane({
      // Services keep their processes: leases have to outlast an election of the store on a busy machine.
      ...{ engine: "etcd", servers: 3, nodes: 2, profile: "balanced" },
      serverWords: [main, "server", "launch"],
      agentWords: [main, "agent", "launch"],
    });
    world = new ServerWorld(controlPlane, "etcd");
    upgrading = new Upgrading(world);
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
      await upgrading.apply({ to: "0.2.0", pauseAfter: [step] });
      const paused = await upgrading.untilEnds("paused");
      assert.match(paused.detail, new RegExp(`after the step ${step}`));
      await upgrading.order("abort");
      await upgrading.untilEnds("aborted");
      await upgrading.assertAll("0.1.0");
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
    await upgrading.apply({ to: next.sha256 });
    const second = await settled("a second one to be answered", () =>
      world.controlPlane.client().applyUpgrade({ to: "0.2.0" }),
    );
    assert.ok(!second.ok && second.error.code === "conflict", "there is one at a time");
    await upgrading.untilEnds("done");
    const { acknowledged, retried, hopeless, longestMs } = await stopWriters();
    const reasons = [...retried].map(([reason, count]) => `${count} x ${reason}`).join(", ");
    t.diagnostic(
      `${Math.round(performance.now() - beganAtMs)} ms in all; ${acknowledged.length} writes, the longest ${Math.round(longestMs)} ms, retried: ${reasons || "none"}`,
    );
    assert.deepEqual(hopeless, []);
    await upgrading.assertAll("0.2.0");
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
    await upgrading.apply({ to: "0.1.0" });
    await until("a step of a server", async () => {
      const step = (await upgrading.now())?.steps.find(({ state }) => state === "running");
      return step?.kind === "switch";
    });
    // Two of three are gone for a moment: what runs may have to stop, and starts again.
    (await killManager()).start();
    await upgrading.untilEnds("done");
    await upgrading.assertAll("0.1.0");
    await until("the service to run", async () => naps().length === 1);
  });

  const killManager = async (): Promise<TestServer> => {
    const { servers } = world.controlPlane;
    let server: TestServer | undefined;
    await until("a manager", async () => {
      const answer = await world.controlPlane.client().servers();
      const manager = answer.ok ? answer.value.items.find(({ isManager }) => isManager) : undefined;
      server = servers.find(({ id }) => id === manager?.id);
      return server !== undefined;
    });
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
    await upgrading.apply({ to: "0.1.1" });
    const failed = await upgrading.untilState("failed", "done");
    assert.equal(failed.state, "failed");
    assert.match(failed.detail, /^(switch \d|prepare): server \d/);
    await upgrading.order("abort");
    await upgrading.untilState("aborted");
    await upgrading.assertAll("0.1.0");
  });
});
