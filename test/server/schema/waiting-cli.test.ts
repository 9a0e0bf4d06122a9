/** The command line while servers only wait for their store's schema: the upgrade is seen and ordered all the same. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import { upgradeRecordSchema } from "../../../src/wire/control-plane/upgrades.ts";
import { createBench, type Ran, type RunOptions } from "../../cli/harness.ts";
import { freePorts } from "../../support/free-ports.ts";
import { clock, eventually } from "../harness.ts";
import {
  because,
  listen,
  startWaiting,
  upgradeRecord,
  type WaitingBench,
} from "./support/waiting.ts";

interface CliBench extends WaitingBench {
  /** `servers`: default the one that waits. */
  run(words: string, options?: RunOptions & { readonly servers?: readonly string[] }): Promise<Ran>;
}

/** Without a server that serves nobody carries the upgrade on. */
async function startCli(t: TestContext, serving: "with-server" | "alone"): Promise<CliBench> {
  const cli = await createBench(t);
  const bench = await startWaiting(t);
  if (serving === "alone") await bench.harness.server.close();
  return {
    ...bench,
    run: (words, { servers = [bench.url], ...options } = {}) => {
      const environment = {
        HOLDFAST_SERVER: servers.join(","),
        HOLDFAST_TOKEN: bench.harness.adminToken,
      };
      return cli.run(words.split(" "), { environment, ...options });
    },
  };
}

test("upgrade status, pause, resume and abort reach a server that waits", async (t) => {
  const { run, put, read } = await startCli(t, "alone");
  const never = await run("upgrade status");
  assert.equal(never.out, "there has never been an upgrade of the control plane\n", never.err);
  assert.equal((await run("upgrade pause")).code, 3);
  await put("system-upgrade", upgradeRecord("running"));
  const status = await run("upgrade status");
  assert.equal(status.code, 0, status.err);
  assert.match(
    status.out,
    /^upgrade from 0\.1\.0 to 9\.9\.9 \(stop-all, by ada, begun .*\) is running\n/,
  );
  assert.match(status.out, /^migrate +waiting/m);
  const expected = [
    ["pause", "paused", /^by admin\//],
    ["resume", "running", /^$/],
    ["abort", "aborting", /^asked for by admin\//],
  ] as const;
  for (const [word, state, detail] of expected) {
    const ran = await run(`upgrade ${word}`);
    assert.equal(ran.code, 0, ran.err);
    assert.match(ran.out, new RegExp(`is ${state}`));
    const stored = upgradeRecordSchema.parse(await read("system-upgrade"));
    assert.equal(stored.state, state);
    assert.match(stored.detail, detail);
  }
  const late = await run("upgrade pause");
  assert.deepEqual([late.code, late.out], [5, ""]);
  assert.match(late.err, /it is being taken back, which is not paused/);
});

test("the command line goes from a server that waits to one that can tell more", async (t) => {
  const { run, url, harness, put } = await startCli(t, "with-server");
  await put("system-upgrade", upgradeRecord("paused"));
  const others = await run("service list", { servers: [url, harness.server.url] });
  assert.equal(others.code, 0, others.err);
  const closed = createMemoryStore({ clock });
  await closed.close();
  const [port = 0] = await freePorts(1);
  const servers = [`http://127.0.0.1:${port}`, (await listen(t, closed)).url, url];
  const paused = await run("upgrade status", { servers });
  assert.equal(paused.code, 0, paused.err);
  assert.match(paused.out, / is paused/);
  const aborted = await run("upgrade abort", { servers });
  assert.equal(aborted.code, 0, aborted.err);
});

test("commands that have to wait for the schema say so, and where to look", async (t) => {
  const { run } = await startCli(t, "alone");
  for (const words of ["status", "service list", "server list", "upgrade check"]) {
    const { code, out, err } = await run(words);
    assert.deepEqual(
      [code, out, err],
      [1, "", `holdfast: ${because}; see how far it is with: holdfast upgrade status\n`],
      words,
    );
  }
});

test("upgrade status --watch shows what a waiting server tells, up to the end", async (t) => {
  const { run, put } = await startCli(t, "alone");
  const stored = upgradeRecord("running");
  assert.ok(typeof stored === "object" && stored !== null && "steps" in stored);
  const { steps } = stored;
  assert.ok(Array.isArray(steps));
  const atStep = (detail: string) => ({
    ...stored,
    steps: steps.map((step) => {
      return step.kind === "migrate" ? { ...step, state: "running", detail } : step;
    }),
  });
  await put("system-upgrade", atStep("carried by server 2"));
  const watch = startWatch((options) => run("upgrade status --watch", options));
  await eventually("the step", () => watch.shown().includes("migrate: carried by server 2"));
  await put("system-upgrade", atStep("9 of 10"));
  await eventually("the next news", () => watch.shown().includes("migrate: 9 of 10"));
  await put("system-upgrade", upgradeRecord("done"));
  const { code, out } = await watch.ended;
  assert.equal(code, 0);
  assert.match(out, / is done/);
});

test("upgrade status --watch outlasts servers that are not ready, and those that are not there", async (t) => {
  const bench = await startCli(t, "alone");
  await bench.put("system-upgrade", upgradeRecord("running"));
  const closed = createMemoryStore({ clock });
  await closed.close();
  const [port = 0] = await freePorts(1);
  const servers = [`http://127.0.0.1:${port}`];
  const time = createTime();
  const watch = startWatch((options) => {
    return bench.run("upgrade status --watch", { ...options, servers, clock: time.now });
  });
  time.stepMs = 2_000;
  await eventually("a word of nobody", () => watch.shown().includes("no server answers; asks on"));
  const unready = await listen(t, closed, port);
  await eventually("its reason", () => watch.shown().includes("not ready yet: the store"));
  // Nobody may be silent for so long; this server says why it has to be waited for.
  time.stepMs = 40_000;
  const beforeMs = time.nowMs;
  await eventually("time to pass", () => time.nowMs - beforeMs > 130_000);
  time.stepMs = 10;
  await unready.close();
  const ready = await listen(t, bench.store, port);
  await eventually("the upgrade", () => watch.shown().includes("to 9.9.9, 0 of 11 steps"));
  await ready.close();
  await listen(t, bench.store, port);
  await bench.put("system-upgrade", upgradeRecord("done"));
  const { code, out, err } = await watch.ended;
  assert.equal(code, 0, err);
  assert.match(out, / is done/);
});

test("upgrade status --watch ends when it was kept waiting for too long, and says that the upgrade goes on", async (t) => {
  const { run, url, store } = await startCli(t, "alone");
  const [port = 0] = await freePorts(1);
  const closed = createMemoryStore({ clock });
  await closed.close();
  const places = [`http://127.0.0.1:${port}`, (await listen(t, closed)).url];
  for (const place of places) {
    const time = createTime();
    time.stepMs = 50_000;
    const { code, err } = await run("upgrade status --watch", {
      servers: [place],
      clock: time.now,
    });
    assert.equal(code, 1);
    assert.match(err, /; it goes on without this command; see: holdfast upgrade status\n$/);
    const isSilent = place === places[0];
    assert.ok(isSilent ? time.nowMs < 400_000 : time.nowMs > 600_000, `${time.nowMs}`);
  }
  await store.close();
  assert.match((await run("upgrade status", { servers: [url] })).err, /^holdfast: .*closed/);
});

interface Time {
  nowMs: number;
  /** How far it goes each time that somebody looks. */
  stepMs: number;
  readonly now: () => number;
}

function createTime(): Time {
  const time: Time = {
    nowMs: 0,
    stepMs: 0,
    now: () => {
      time.nowMs += time.stepMs;
      return time.nowMs;
    },
  };
  return time;
}

interface Watching {
  readonly ended: Promise<Ran>;
  /** What it has said on standard error so far. */
  shown(): string;
}

function startWatch(run: (options: RunOptions) => Promise<Ran>): Watching {
  let shown = "";
  const ended = run({
    onErrorOutput: (all) => {
      shown = all;
    },
  });
  return { ended, shown: () => shown };
}
