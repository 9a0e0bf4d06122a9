/** Hooks as real processes: what they are told, how they end, and what becomes of those that do not. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { createHookRunner } from "../../src/adapters/hooks/hook-runner.ts";
import type { Log } from "../../src/ports/log.ts";
import type { HookCall } from "../../src/ports/office.ts";
import { waitFor } from "../e2e/harness/wait.ts";
import { temporaryDirectory } from "../server/harness.ts";

const elected: HookCall = { role: "leader", occasion: "elected", term: 17 };
const never = new AbortController().signal;

async function makeRunner(t: TestContext, script: string, timeLimitMs = 20_000) {
  const dataDirectory = await temporaryDirectory(t);
  const leader = join(dataDirectory, "leader.sh");
  writeFileSync(leader, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const said: string[] = [];
  const log: Log = { write: (_level, sentence) => void said.push(sentence), with: () => log };
  const options = {
    programs: { leader, follower: undefined },
    server: { id: "3", name: "alpha" },
    address: { address: "10.0.0.5", prefixLength: 24, interface: "eth0" },
    ...{ timeLimitMs, dataDirectory, clock, log },
  };
  return {
    dataDirectory,
    said,
    runner: createHookRunner(options),
    again: () => createHookRunner(options),
  };
}

test("run() tells the program who becomes what, and logs what it says", async (t) => {
  process.env["HOLDFAST_TOKEN"] = "not for others";
  t.after(() => delete process.env["HOLDFAST_TOKEN"]);
  const { runner, said } = await makeRunner(
    t,
    'echo "$1"; env | grep HOLDFAST_ | sort >&2; exit 3',
  );
  assert.deepEqual(await runner.run(elected, never), { kind: "exited", exitCode: 3 });
  const words = said.map((sentence) => sentence.replace(/^hook: /, ""));
  for (const word of [
    ...["leader", "HOLDFAST_ROLE=leader", "HOLDFAST_BECAUSE=elected", "HOLDFAST_SERVER_ID=3"],
    ...["HOLDFAST_SERVER_NAME=alpha", "HOLDFAST_TERM=17", "HOLDFAST_VIP=10.0.0.5/24"],
    "HOLDFAST_VIP_INTERFACE=eth0",
  ]) {
    assert.ok(words.includes(word), `${word} in ${words.join()}`);
  }
  assert.ok(!words.some((word) => word.includes("not for others")), "nothing of the server's own");
});

test("run() bounds what a program may say", async (t) => {
  const { runner, said } = await makeRunner(
    t,
    "head -c 3000000 /dev/zero | tr '\\0' x; yes | head -n 100000",
  );
  assert.deepEqual(await runner.run(elected, never), { kind: "exited", exitCode: 0 });
  assert.ok(said.length <= 51, `${said.length} lines`);
  assert.ok(said.every((sentence) => sentence.length <= 600));
});

test("run() ends a program that takes too long, with all that it has begun", async (t) => {
  const script = 'trap "" TERM; sleep 600 & echo $! > child; cp child ready; wait; sleep 600';
  const { runner, dataDirectory } = await makeRunner(t, `cd "$HOLDFAST_DATA"; ${script}`, 3_000);
  const running = runner.run(elected, never);
  await waitFor("it to begin", 5_000, () => existsSync(join(dataDirectory, "ready")));
  assert.deepEqual(await running, { kind: "timed-out", afterMs: 3_000 });
  const child = Number(readFileSync(join(dataDirectory, "child"), "utf8"));
  await waitFor("its child to be gone", 5_000, () => !isAlive(child));
});

test("run() calls a program off when the office is lost, and waits until it has ended", async (t) => {
  const script = 'trap "touch ended; exit 0" TERM; touch ready; while :; do sleep 0.05; done';
  const { runner, dataDirectory } = await makeRunner(t, `cd "$HOLDFAST_DATA"; ${script}`);
  const office = new AbortController();
  const running = runner.run(elected, office.signal);
  await waitFor("it to begin", 5_000, () => existsSync(join(dataDirectory, "ready")));
  office.abort();
  assert.deepEqual(await running, { kind: "called-off" });
  assert.ok(existsSync(join(dataDirectory, "ended")), "it was asked to end first");
});

test("run() does not wait for what a program leaves in the background", async (t) => {
  const { runner, dataDirectory } = await makeRunner(
    t,
    'cd "$HOLDFAST_DATA"; setsid sleep 600 & echo $! > child',
  );
  const fromMs = performance.now();
  assert.deepEqual(await runner.run(elected, never), { kind: "exited", exitCode: 0 });
  assert.ok(performance.now() - fromMs < 10_000);
  const child = Number(readFileSync(join(dataDirectory, "child"), "utf8"));
  assert.ok(isAlive(child), "a service that it has started goes on");
  process.kill(child, "SIGKILL");
});

test("run() says why a program cannot be started", async (t) => {
  const { runner, dataDirectory } = await makeRunner(t, "");
  chmodSync(join(dataDirectory, "leader.sh"), 0o644);
  const outcome = await runner.run(elected, never);
  assert.equal(outcome.kind, "not-started");
});

test("endLeftover() ends a hook of an earlier life, and nothing that an earlier hook has left behind", async (t) => {
  const { runner, again, dataDirectory, said } = await makeRunner(
    t,
    'cd "$HOLDFAST_DATA"; echo $$ > pid.new; mv pid.new pid; sleep 600',
  );
  const lost = runner.run(elected, never); // as of a life that ends by SIGKILL: nobody waits for it
  await waitFor("it to begin", 5_000, () => existsSync(join(dataDirectory, "pid")));
  const pid = Number(readFileSync(join(dataDirectory, "pid"), "utf8"));
  const next = again();
  await next.endLeftover();
  await waitFor("it to be gone", 5_000, () => !isAlive(pid));
  assert.match(said.join(), /ends a hook of an earlier life/);
  assert.equal((await lost).kind, "killed");
  said.length = 0;
  await next.endLeftover();
  assert.deepEqual(said, [], "nothing is left");
});

function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}
