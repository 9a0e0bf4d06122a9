/**
 * One table of scenarios for both balancers: a real haproxy with a generated configuration, and Holdfast's own. A real
 * nginx takes part in what it can notice.
 */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { waitFor } from "../e2e/harness/wait.ts";
import { type Caller, callMany, callOnce, openStream } from "./support/callers.ts";
import { type Front, fronts, nginxFront } from "./support/fronts.ts";
import {
  type ProcessServer,
  type SmallServers,
  startProcessServers,
} from "./support/small-servers.ts";

/** Two checks a second apart, each with a second to answer, and a busy machine. */
const outMsMax = 10_000;
/** Three checks a second apart, and a busy machine. */
const backMsMax = 15_000;

interface Fault {
  readonly name: string;
  readonly strike: (server: ProcessServer) => void | Promise<void>;
  readonly heal: (server: ProcessServer) => void | Promise<void>;
  /** Connections that get no answer: none ever, or some until the fault is noticed and those under way then. */
  readonly lost: "none" | "some";
}

const faults: readonly Fault[] = [
  {
    name: "answers 503",
    strike: (server) => server.order({ ready: false }),
    heal: (server) => server.order({ ready: true }),
    lost: "some",
  },
  {
    name: "is frozen by SIGSTOP",
    strike: (server) => server.freeze(),
    heal: (server) => server.thaw(),
    lost: "some",
  },
  {
    name: "is killed by SIGKILL",
    strike: (server) => server.kill(),
    heal: (server) => server.start(),
    lost: "none",
  },
];

interface Setting {
  readonly behind: SmallServers<ProcessServer>;
  readonly caller: Caller;
}

async function setUpFor(
  front: Front,
  t: TestContext,
  foreign: readonly string[] = [],
): Promise<Setting> {
  const behind = await startProcessServers(t, { count: 3, foreign });
  const port = await front.start(t, behind);
  return { behind, caller: { port, ca: behind.certificates.caPem } };
}

for (const front of fronts) {
  const skip = front.skip ?? false;
  const setUp = (t: TestContext, foreign: readonly string[] = []): Promise<Setting> =>
    setUpFor(front, t, foreign);

  describe(front.name, { skip, concurrency: true }, () => {
    for (const fault of faults) {
      it(`leaves out a server that ${fault.name}, and takes it back`, async (t) => {
        await leavesOutAndTakesBack(t, fault, await setUp(t));
      });
    }

    it("ends the streams of a server that is not ready any more", async (t) => {
      const { behind, caller } = await setUp(t);
      const streams = await Promise.all([1, 2, 3].map(() => openStream(caller)));
      await waitFor("all streams to flow", 5_000, () => streams.every(({ ticks }) => ticks() > 0));
      for (const server of behind.servers) await server.order({ ready: false });
      let endedCount = 0;
      for (const { ended } of streams) void ended.then(() => (endedCount += 1));
      await waitFor("all streams to be ended", outMsMax, () => endedCount === streams.length);
    });

    it("passes TLS through: the server sees the client's own certificate", async (t) => {
      const { behind, caller } = await setUp(t);
      const { certificatePem: cert, keyPem: key } = behind.certificates;
      assert.equal((await callOnce({ ...caller, cert, key })).peer, "test member");
      assert.equal((await callOnce(caller)).peer, "", "without one it is nobody");
    });

    it("sends nothing to a server with a certificate of another authority", async (t) => {
      const { caller } = await setUp(t, ["b"]);
      await reachedAre(caller, ["a", "c"], outMsMax);
      const names = await callMany(caller, 12);
      assert.ok(!names.includes("b"), names.join());
      // One of the others may be left out for a moment where the machine is busy.
      await reachedAre(caller, ["a", "c"], outMsMax);
    });
  });
}

describe(nginxFront.name, { skip: nginxFront.skip ?? false, concurrency: true }, () => {
  for (const fault of faults.filter(({ lost }) => lost === "none")) {
    it(`leaves out a server that ${fault.name}, and takes it back`, async (t) => {
      await leavesOutAndTakesBack(t, fault, await setUpFor(nginxFront, t));
    });
  }

  it("passes TLS through: the server sees the client's own certificate", async (t) => {
    const { behind, caller } = await setUpFor(nginxFront, t);
    const { certificatePem: cert, keyPem: key } = behind.certificates;
    assert.equal((await callOnce({ ...caller, cert, key })).peer, "test member");
  });
});

async function leavesOutAndTakesBack(
  t: TestContext,
  fault: Fault,
  setting: Setting,
): Promise<void> {
  const { behind, caller } = setting;
  await reachedAre(caller, ["a", "b", "c"], outMsMax);
  const server = behind.named("b");
  const struckAtMs = performance.now();
  await fault.strike(server);
  const out = await reachedAre(caller, ["a", "c"], outMsMax);
  const outMs = out.atMs - struckAtMs;
  // From then on every single connection is served by the others.
  const names = await callMany(caller, 20);
  const served = names.filter((name) => name === "a" || name === "c");
  assert.deepEqual(names, served, "by nobody else, and none by nobody");
  // One of the others may be left out for a moment where the machine is busy.
  await reachedAre(caller, ["a", "c"], outMsMax);
  if (fault.lost === "none") assert.equal(out.lostCount, 0, "no connection was lost");
  const healedAtMs = performance.now();
  await fault.heal(server);
  const back = await reachedAre(caller, ["a", "b", "c"], backMsMax);
  assert.equal(back.lostCount, 0, "no connection was lost on the way back");
  const backMs = back.atMs - healedAtMs;
  t.diagnostic(`out after ${Math.round(outMs)} ms, back after ${Math.round(backMs)} ms`);
}

interface Reach {
  /** When the connections that reached all of these, and no others, began. */
  readonly atMs: number;
  /** Connections that got no answer on the way there. */
  readonly lostCount: number;
}

/** Waits until nine connections at once reach these and no others. */
async function reachedAre(
  caller: Caller,
  wanted: readonly string[],
  forMsMax: number,
): Promise<Reach> {
  let last = "";
  let lostCount = 0;
  return waitFor(`connections to reach ${wanted.join(", ")}`, forMsMax, async () => {
    const atMs = performance.now();
    const names = await callMany(caller, 9);
    last = names.join(" ");
    lostCount += names.filter((name) => name === "nobody").length;
    return [...new Set(names)].sort().join() === wanted.join() && { atMs, lostCount };
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; last seen: ${last}`);
  });
}
