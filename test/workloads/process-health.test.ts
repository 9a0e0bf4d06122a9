/** Health checks of all kinds, with real servers and commands, and what their verdicts do to a start. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  carriesMarker,
  readAllProcesses,
} from "../../src/adapters/workloads/process/containment/process-table.ts";
import { execCheck } from "../../src/adapters/workloads/process/health/exec-check.ts";
import { startHealthMonitor } from "../../src/adapters/workloads/process/health/health-monitor.ts";
import { httpCheck } from "../../src/adapters/workloads/process/health/http-check.ts";
import { tcpCheck } from "../../src/adapters/workloads/process/health/tcp-check.ts";
import { clock, createBench, shell, temporaryDirectory, waitFor } from "./support.ts";

const quick = { intervalMs: 100, timeoutMs: 2_000, threshold: 2 };

async function portOf(server: import("node:net").Server, t: TestContext): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

/** Only counts once closed: nobody else gets this port within the test. */
async function closedPort(t: TestContext): Promise<number> {
  const server = createTcpServer();
  const port = await portOf(server, t);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("httpCheck() passes on 200 to 399 and says what came", async (t) => {
  let status = 200;
  const server = createServer((_request, response) => response.writeHead(status).end("body"));
  const url = `http://127.0.0.1:${await portOf(server, t)}/health`;
  const signal = new AbortController().signal;
  for (const [answer, passed] of [
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [404, false],
    [503, false],
  ] as const) {
    status = answer;
    const detail = `GET ${url} answered ${answer}`;
    assert.deepEqual(await httpCheck(url)(signal), { passed, detail });
  }
});

test("httpCheck() fails on refusal, on silence, and on something that is not HTTP", async (t) => {
  const never = new AbortController().signal;
  const refused = await httpCheck(`http://127.0.0.1:${await closedPort(t)}/`)(never);
  assert.equal(refused.passed, false);
  assert.match(refused.detail, /ECONNREFUSED/);
  const silent = createServer(() => {});
  const late = AbortSignal.timeout(100);
  const silence = await httpCheck(`http://127.0.0.1:${await portOf(silent, t)}/`)(late);
  assert.equal(silence.passed, false);
  assert.match(silence.detail, /gave no answer in time$/);
  silent.closeAllConnections();
  const other = createTcpServer((socket) => socket.end("SSH-2.0-x\r\n"));
  const nonsense = await httpCheck(`http://127.0.0.1:${await portOf(other, t)}/`)(never);
  assert.equal(nonsense.passed, false);
  assert.match(nonsense.detail, /failed: /);
});

test("tcpCheck() passes when it is accepted and fails on refusal", async (t) => {
  const server = createTcpServer((socket) => socket.on("error", () => socket.destroy()));
  const port = await portOf(server, t);
  const never = new AbortController().signal;
  const accepted = await tcpCheck("127.0.0.1", port)(never);
  assert.deepEqual(accepted, {
    passed: true,
    detail: `TCP connection to 127.0.0.1:${port} was accepted`,
  });
  const refused = await tcpCheck("127.0.0.1", await closedPort(t))(never);
  assert.equal(refused.passed, false);
  const aborted = await tcpCheck("127.0.0.1", port)(AbortSignal.abort());
  assert.match(aborted.detail, /not accepted in time/);
});

function command(text: string, tag = "none") {
  return execCheck({
    command: ["/bin/sh", "-c", text],
    environment: { PATH: "/usr/bin:/bin", HOLDFAST_TEST_TAG: tag },
    workingDirectory: "/",
    name: "check",
  });
}

function countAlive(tag: string): number {
  return readAllProcesses().filter(
    (entry) => entry.alive && carriesMarker(entry.pid, `HOLDFAST_TEST_TAG=${tag}`),
  ).length;
}

test("execCheck() passes on exit code 0 and says what the command printed", async () => {
  const never = new AbortController().signal;
  assert.equal((await command("exit 0")(never)).passed, true);
  const failed = await command("echo 'replica lags' >&2; exit 7")(never);
  assert.deepEqual(failed, {
    passed: false,
    detail: 'command "check" ended with exit code 7: replica lags',
  });
  const noisy = await command("yes | head -c 10000000; exit 1")(never);
  assert.equal(noisy.passed, false);
  assert.ok(noisy.detail.length < 400);
});

test("execCheck() is killed at the end of its time with all that it started", async (t) => {
  const tag = temporaryDirectory(t);
  const hang = "(setsid sh -c 'while :; do sleep 0.1; done' &); while :; do sleep 0.1; done";
  const late = new AbortController();
  const outcome = command(hang, tag)(late.signal);
  await waitFor("the command and its child", () => countAlive(tag) >= 3);
  late.abort();
  assert.match((await outcome).detail, /did not end in time and was killed/);
  await waitFor("the end of all", () => countAlive(tag) === 0);
});

test("execCheck() leaves nothing of its process group behind, nor waits for it", async (t) => {
  const tag = temporaryDirectory(t);
  const outcome = await command("sleep 1000 & exit 0", tag)(new AbortController().signal);
  assert.equal(outcome.passed, true);
  await waitFor("the end of all", () => countAlive(tag) === 0);
});

test("startHealthMonitor() tells changes only, after as many failures as the threshold", async (t) => {
  const outcomes = [false, true, false, true, false, false, false, true, true];
  const told: string[] = [];
  let checks = 0;
  let atOnce = 0;
  const monitor = startHealthMonitor({
    clock,
    timing: { kind: "tcp", ...quick, intervalMs: 5, threshold: 3, startPeriodMs: 0 },
    check: async () => {
      atOnce += 1;
      assert.equal(atOnce, 1, "one check at a time");
      await new Promise((resolve) => setTimeout(resolve, 8));
      atOnce -= 1;
      checks += 1;
      return { passed: outcomes[checks - 1] ?? true, detail: `check ${checks}` };
    },
    onChange: (health, detail) => told.push(`${health} by ${detail}`),
  });
  t.after(() => monitor.stop());
  await waitFor("all checks", () => checks >= outcomes.length);
  assert.deepEqual(told, ["healthy by check 2", "unhealthy by check 7", "healthy by check 8"]);
});

test("startHealthMonitor() does not count failures in the start period", async (t) => {
  const told: string[] = [];
  const startPeriodMs = 300;
  const beganAtMs = clock.monotonicMs();
  const monitor = startHealthMonitor({
    clock,
    timing: { kind: "tcp", ...quick, intervalMs: 10, threshold: 1, startPeriodMs },
    check: async () => ({ passed: false, detail: "nothing there" }),
    onChange: (health) => told.push(health),
  });
  t.after(() => monitor.stop());
  await waitFor("the verdict", () => told.length > 0);
  assert.ok(clock.monotonicMs() - beganAtMs >= startPeriodMs);
  assert.deepEqual(told, ["unhealthy"]);
});

test("startHealthMonitor() ends a check that takes too long, and tells nothing after stop()", async () => {
  const told: string[] = [];
  let aborted = 0;
  const monitor = startHealthMonitor({
    clock,
    timing: { kind: "tcp", ...quick, timeoutMs: 50, threshold: 1, startPeriodMs: 0 },
    check: (signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          aborted += 1;
          resolve({ passed: false, detail: "late" });
        });
      }),
    onChange: (health, detail) => told.push(`${health}: ${detail}`),
  });
  await waitFor("the verdict", () => told.length > 0);
  await waitFor("the next check to begin and end", () => aborted >= 2);
  await monitor.stop();
  assert.deepEqual(told, ["unhealthy: late"]);
});

test("release() succeeds when the health check has passed once, and its changes are told", async (t) => {
  const bench = createBench(t, "tracked");
  const file = join(bench.directory, "healthy");
  const health = { kind: "exec", command: "test", arguments: ["-e", file], ...quick };
  const configuration = shell(`sleep 0.4; : > '${file}'; while :; do sleep 0.1; done`, { health });
  const { healths } = bench.recorder;
  await bench.run(configuration);
  assert.ok(existsSync(file), "it was healthy only then");
  assert.deepEqual(
    healths.map(({ health }) => health),
    ["healthy"],
  );
  rmSync(file);
  await waitFor("unhealthy", () => healths.length === 2);
  assert.equal(healths[1]?.health, "unhealthy");
  assert.match(healths[1]?.detail ?? "", /^command "test" ended with exit code 1/);
  writeFileSync(file, "");
  await waitFor("healthy again", () => healths.length === 3);
  assert.deepEqual(bench.recorder.exits, []);
});

test("release() fails and leaves nothing when the service does not become healthy", async (t) => {
  const bench = createBench(t, "tracked");
  const port = await closedPort(t);
  const health = { kind: "tcp", port, ...quick, startPeriodMs: 200 };
  const configuration = shell("while :; do sleep 0.1; done", { health });
  const instance = await bench.prepare(configuration);
  const outcome = await bench.driver.release(instance, configuration);
  assert.ok(!outcome.ok);
  assert.match(
    outcome.error.message,
    /^"process:probe" did not become healthy: TCP connection to .* failed: .*; it was stopped$/,
  );
  assert.equal(await bench.driver.adopt(instance, configuration), "gone");
  assert.deepEqual([bench.recorder.healths, bench.recorder.exits], [[], []]);
});

test("an exec check runs with the service's environment and directory", async (t) => {
  const bench = createBench(t, "tracked");
  const out = join(bench.directory, "out");
  const print = 'printf "%s %s %s" "$COLOUR" "$HOLDFAST_INSTANCE" "$(pwd)" > "$OUT"';
  const instance = await bench.run(
    shell("while :; do sleep 0.1; done", {
      environment: { COLOUR: "green", OUT: out },
      health: { kind: "exec", command: "sh", arguments: ["-c", print], ...quick },
    }),
  );
  const directory = join(bench.directory, "work", "process-probe");
  const expected = `green ${instance.instanceId} ${directory}`;
  // Each check empties the file before it writes.
  await waitFor(`"${expected}"`, () => readFileSync(out, "utf8") === expected);
});

test("an exec check runs as the service's user", async (t) => {
  if (process.getuid?.() !== 0)
    return t.skip("only an agent that runs as root can change the user");
  const bench = createBench(t, "tracked");
  const health = { kind: "exec", command: "sh", arguments: ["-c", "id -u; exit 1"], ...quick };
  const configuration = shell("while :; do sleep 0.1; done");
  const instance = await bench.run({ ...configuration, user: "nobody" });
  bench.driver.reconfigure(instance, { ...configuration, user: "nobody", health });
  const verdict = await waitFor("the verdict", () => bench.recorder.healths[0]);
  assert.equal(verdict.detail, 'command "sh" ended with exit code 1: 65534');
  return undefined;
});

test("reconfigure() takes a changed health check without a restart", async (t) => {
  const bench = createBench(t, "tracked");
  const configuration = shell("while :; do sleep 0.1; done");
  const instance = await bench.run(configuration);
  const health = { kind: "exec", command: "false", ...quick };
  bench.driver.reconfigure(instance, { ...configuration, health });
  await waitFor("unhealthy", () => bench.recorder.healths.some((h) => h.health === "unhealthy"));
  const better = { ...health, command: "true" };
  bench.driver.reconfigure(instance, { ...configuration, health: better });
  await waitFor("healthy", () => bench.recorder.healths.at(-1)?.health === "healthy");
  assert.deepEqual(bench.recorder.exits, []);
});
