/** The only server replaces its own program: its API is away for the restart, and what was written is there afterwards. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openWorkshop, type PackageWorkshop } from "../agent-upgrade/support/packages.ts";
import { answerOf, until } from "../support/control-plane.ts";
import { type ServerWorld, startServerWorld } from "./support/world.ts";

const hangs = `if (process.argv[2] === "version") console.log("holdfast 0.3.0");
else { console.log("it waits for nothing"); setInterval(() => {}, 1000); }
`;
const startsNowhere = "console.error('it has seen enough'); process.exit(3);\n";

describe("the only server under a launcher", () => {
  let workshop: PackageWorkshop;
  let world: ServerWorld;
  before(async () => {
    workshop = await openWorkshop();
    const installed = workshop.make("0.1.0");
    world = await startServerWorld({ engine: "embedded", servers: 1, installed });
  });
  after(async () => {
    await world.stop();
    workshop.remove();
  });

  /** Its store can be looked at only between two of its runs: the log says when there is something to see. */
  const reportAfter = async (words: RegExp): Promise<readonly unknown[]> => {
    const { server } = world;
    await until(`${words} in its log`, () => words.test(server.log)).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${server.log}`);
    });
    const report = await world.report(server);
    return [report?.id, report?.state, report?.serverVersion, report?.detail];
  };

  test("becomes another version on the same data, and says so", { timeout: 120_000 }, async (t) => {
    const { server } = world;
    const next = workshop.make("0.2.0");
    await world.push(next);
    const client = world.controlPlane.client();
    const program = { command: "sleep", arguments: ["600"] };
    answerOf(await client.addService({ id: "process:nap", state: "stopped", process: program }));
    const { version, sha256 } = next;
    await world.order(server, { id: "o1", order: "switch", package: { version, sha256 } });
    await until("it to hand over", () => server.log.includes("hands over to version 0.2.0"));
    const awayFromMs = performance.now();
    await world.untilVersion(server, "0.2.0");
    t.diagnostic(`the API was away for ${Math.round(performance.now() - awayFromMs)} ms`);
    assert.ok((await client.service("process:nap")).ok, "what was written is there");
    const report = await reportAfter(/stays: its launcher knows/);
    assert.deepEqual(report, ["o1", "healthy", "0.2.0", ""]);
    await world.untilVersion(server, "0.2.0");
  });

  test("goes back to the installed version, which has no folder of its own", {
    timeout: 120_000,
  }, async () => {
    const { server } = world;
    const target = { version: "0.1.0" };
    await world.order(server, { id: "o2", order: "switch", package: target });
    await world.untilVersion(server, "0.1.0");
    const report = await reportAfter(/version 0\.1\.0 is healthy[\s\S]*stays: its launcher knows/);
    assert.deepEqual(report, ["o2", "healthy", "0.1.0", ""]);
    assert.deepEqual(world.versionsOf(server), ["0.2.0"], "the way back is kept");
    await world.untilVersion(server, "0.1.0");
  });

  test("told to become what it is, has nothing to do", { timeout: 60_000 }, async () => {
    const { server } = world;
    const target = { version: "0.1.0" };
    await world.order(server, { id: "o3", order: "switch", package: target });
    const report = await reportAfter(/version 0\.1\.0 runs already/);
    assert.deepEqual(report, ["o3", "healthy", "0.1.0", "version 0.1.0 runs already"]);
    assert.equal(world.trial(server)?.id, "o2", "the launcher was not asked");
    await world.untilVersion(server, "0.1.0");
  });

  test("goes back when the new version never becomes healthy, and says why", {
    timeout: 120_000,
  }, async () => {
    const { server } = world;
    const made = workshop.make("0.3.0", hangs);
    await world.push(made);
    const { version, sha256 } = made;
    await world.order(server, {
      ...{ id: "o4", order: "switch", package: { version, sha256 } },
      healthyWithinMs: 4_000,
    });
    const report = await reportAfter(/is rolled back: version 0\.3\.0/);
    assert.deepEqual(report.slice(0, 3), ["o4", "rolled-back", "0.1.0"]);
    assert.match(String(report[3]), /0\.3\.0 was not healthy within 4 s; .*it waits for nothing/);
    await world.untilVersion(server, "0.1.0");
  });

  test("does not even begin with a program that does not start here", {
    timeout: 120_000,
  }, async () => {
    const { server } = world;
    const made = workshop.make("0.4.0", startsNowhere);
    await world.push(made);
    const { version, sha256 } = made;
    await world.order(server, { id: "o5", order: "switch", package: { version, sha256 } });
    const report = await reportAfter(/switch of version 0\.4\.0: /);
    assert.deepEqual(report.slice(0, 3), ["o5", "failed", "0.1.0"]);
    assert.match(String(report[3]), /0\.4\.0 does not start on this machine: it has seen enough/);
    assert.equal(world.trial(server)?.id, "o4", "the launcher was not asked");
    await world.untilVersion(server, "0.1.0");
  });
});
