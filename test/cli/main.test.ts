/** The composition root as a real process: roles start, end in order, and fail with one line. */
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { programVersion } from "../../src/cli/commands/version.ts";
import { createBench } from "./harness.ts";
import { eventually, type Program, start } from "./program.ts";

async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-main-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The address in the log line of a server that listens. */
function addressOf(server: Program): Promise<string> {
  return eventually("the server's address", () => {
    assert.equal(server.child.exitCode, null, "the server runs");
    return /listens on (http:\/\/[^"\s]+)/.exec(server.output())?.[1];
  });
}

/** `patient`: an agent has most of a minute to come back, also on a busy machine. */
function startServer(context: TestContext, data: string): Program {
  const server = start([
    "server",
    "run",
    "--data",
    data,
    "--listen",
    "127.0.0.1:0",
    "--profile",
    "patient",
  ]);
  context.after(() => server.child.kill("SIGKILL"));
  return server;
}

test("version prints the version of package.json", async () => {
  const text = await readFile(join(import.meta.dirname, "..", "..", "package.json"), "utf8");
  assert.equal(JSON.parse(text).version, programVersion);
  const { out, code } = await start(["version"]).ended;
  assert.deepEqual([out, code], [`holdfast ${programVersion}\n`, 0]);
});

test("the program ends quietly when nobody reads its output any more", async (context) => {
  const bench = await createBench(context);
  const description = "x".repeat(900);
  for (let index = 0; index < 500; index += 1) {
    bench.server.putService({ id: `process:s${index}`, description, process: { command: "x" } });
  }
  const program = start(["service", "list", "-o", "json"], {
    HOLDFAST_SERVER: bench.server.url,
    HOLDFAST_TOKEN: "hf_test_secret",
  });
  program.child.stdout?.once("data", () => program.child.stdout?.destroy());
  const { code, err } = await program.ended;
  assert.deepEqual([code, err], [0, ""]);
});

test("server run keeps its data over a restart, and ends in order on SIGTERM", async (context) => {
  const data = join(await temporaryFolder(context), "server");
  const first = startServer(context, data);
  const server = await addressOf(first);
  const tokenFile = join(data, "admin.token");
  assert.equal((await stat(tokenFile)).mode & 0o777, 0o600);
  const words = ["--server", server, "--token-file", tokenFile];
  const added = await start([
    "service",
    "add",
    "process:a",
    "--command",
    "/bin/sleep",
    ...words,
    "--",
    "60",
  ]).ended;
  assert.match(added.out, /^process:a is added/);
  assert.deepEqual([added.err, added.code], ["", 0]);
  const twice = await startServer(context, data).ended;
  assert.match(twice.err, /^holdfast: [^\n]*store\.sqlite[^\n]*\n$/);
  assert.equal(twice.code, 1);
  first.child.kill("SIGTERM");
  const ended = await first.ended;
  assert.deepEqual([ended.err, ended.code], ["", 0]);
  const second = startServer(context, data);
  const shown = await start(
    ["service", "show", "process:a", "-o", "json", "--token-file", tokenFile],
    {
      HOLDFAST_SERVER: await addressOf(second),
    },
  ).ended;
  assert.equal(JSON.parse(shown.out).state, "queued");
});

test("agent run says how a node joins when it has neither certificate nor token", async (context) => {
  const folder = await temporaryFolder(context);
  const agent = await start(["agent", "run", "--data", join(folder, "agent")]).ended;
  assert.match(agent.err, /^holdfast: [^\n]+neither joined[^\n]+join-script --node[^\n]+\n$/);
  assert.equal(agent.code, 2);
});

test("a client whose token is wrong gets one line and exit code 5", async (context) => {
  const folder = await temporaryFolder(context);
  const server = await addressOf(startServer(context, join(folder, "server")));
  const none = await start(["status", "--server", server]).ended;
  assert.match(none.err, /^holdfast: [^\n]+--token-file or HOLDFAST_TOKEN\n$/);
  const wrong = await start(["status", "--server", server], { HOLDFAST_TOKEN: "hf_admin_wrong" })
    .ended;
  assert.match(wrong.err, /^holdfast: [^\n]+\n$/);
  assert.deepEqual([none.code, wrong.code], [5, 5]);
  await writeFile(join(folder, "token"), "hf_nobody_wrong\n");
  const words = ["agent", "run", "--data", join(folder, "agent"), "--server", server];
  const agent = await start([...words, "--token-file", join(folder, "token")]).ended;
  assert.match(agent.err, /^holdfast: [^\n]+\n$/);
  assert.notEqual(agent.code, 0);
});

test("server run says that its port is in use", async (context) => {
  const taken = createServer();
  context.after(() => taken.close());
  const { promise, resolve } = Promise.withResolvers<void>();
  taken.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const data = join(await temporaryFolder(context), "server");
  const { err, code } = await start([
    "server",
    "run",
    "--data",
    data,
    "--listen",
    `127.0.0.1:${port}`,
  ]).ended;
  assert.match(err, new RegExp(`^holdfast: [^\\n]*${port}[^\\n]*another process uses[^\\n]*\\n$`));
  assert.equal(code, 1);
});

test("server run says that its data directory may not be written", async (context) => {
  const folder = await temporaryFolder(context);
  const file = join(folder, "file");
  await writeFile(file, "");
  const below = await start([
    "server",
    "run",
    "--data",
    join(file, "data"),
    "--listen",
    "127.0.0.1:0",
  ]).ended;
  assert.match(below.err, /^holdfast: [^\n]*\/file\/data[^\n]*\n$/);
  assert.equal(below.code, 1);
  if (process.getuid?.() === 0) return context.diagnostic("root may write everywhere: not tried");
  const locked = join(folder, "locked");
  await mkdir(locked);
  await chmod(locked, 0o500);
  const ended = await start([
    "server",
    "run",
    "--data",
    join(locked, "data"),
    "--listen",
    "127.0.0.1:0",
  ]).ended;
  assert.match(ended.err, /^holdfast: [^\n]*permission[^\n]*\n$/i);
  assert.equal(ended.code, 1);
});

test("a service runs over a restart of its agent, and ends with --on-exit stop", async (context) => {
  const folder = await temporaryFolder(context);
  const server = await addressOf(startServer(context, join(folder, "server")));
  const environment = {
    HOLDFAST_SERVER: server,
    HOLDFAST_TOKEN_FILE: join(folder, "server", "admin.token"),
  };
  const token = join(folder, "node1.token");
  const created = await start(["token", "create", "--node", "node1", "--out", token], environment)
    .ended;
  assert.equal(created.code, 0, created.err);
  const startAgent = (onExit: "keep" | "stop"): Program => {
    const words = [
      "agent",
      "run",
      "--data",
      join(folder, "node1"),
      "--server",
      server,
      "--token-file",
      token,
    ];
    const agent = start([...words, "--on-exit", onExit]);
    context.after(() => agent.child.kill("SIGTERM"));
    return agent;
  };
  const first = startAgent("keep");
  const pidFile = join(folder, "pid");
  const added = await start(
    [
      "service",
      "add",
      "process:a",
      "--command",
      "/bin/sh",
      "--settle-time",
      "100ms",
      "--wait",
      "--timeout",
      "30s",
      "--",
      "-c",
      `echo started >> ${pidFile}; exec sleep 600`,
    ],
    environment,
  ).ended;
  assert.match(added.out, /^process:a is added: it is started on node1/);
  first.child.kill("SIGTERM");
  const ended = await first.ended;
  assert.deepEqual([ended.err, ended.code], ["", 0]);
  assert.match(ended.out, /its workloads run on until/);
  const second = startAgent("stop");
  await eventually("the agent to hold the node again", () =>
    second.output().includes("is the agent of node node1") ? true : undefined,
  );
  const moved = await start(
    ["service", "set", "process:a", "--description", "x", "--wait"],
    environment,
  ).ended;
  assert.equal(moved.code, 0, moved.err);
  assert.equal(await readFile(pidFile, "utf8"), "started\n", "it was started once");
  second.child.kill("SIGINT");
  const last = await second.ended;
  assert.deepEqual([last.err, last.code], ["", 0]);
  const status = await start(["node", "show", "node1", "-o", "json"], environment).ended;
  assert.equal(JSON.parse(status.out).leased, false, "its lease is released at once");
});
