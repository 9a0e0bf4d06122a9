/** What the commands print and send, on a server that answers as the real one does. */
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { type Bench, createBench } from "./harness.ts";

const api = { id: "process:api", process: { command: "/bin/true" } };
const running = { state: "started", running: "running", health: "none", node: "node1" } as const;

function writes(bench: Bench): string[] {
  return bench.server.requests
    .filter((request) => request.method !== "GET")
    .map((request) => `${request.method} ${request.path}`);
}

test("status shows manager, expected failover time, nodes, services, and first what needs a person", async (context) => {
  const bench = await createBench(context);
  bench.server.putNode("node1", { services: ["process:api"] });
  bench.server.putNode("node2", { state: "fence", leased: false });
  bench.server.putService(api, running);
  bench.server.putService(
    { ...api, id: "process:bad" },
    { ...running, state: "error", running: "failed", reason: "it failed on all nodes" },
  );
  bench.server.putService(
    { ...api, id: "process:kept", onIsolation: "keep" },
    { ...running, state: "fence", node: "node2", reason: "a copy may still run" },
  );
  const { out, code } = await bench.run(["status"]);
  const lines = out.split("\n");
  assert.match(lines[0] ?? "", /^! node2 is lost.*holdfast node confirm-off node2$/);
  assert.match(
    lines[1] ?? "",
    /^! process:bad is in error: it failed on all nodes.*service disable process:bad/,
  );
  assert.match(out, /^manager {2}server-a$/m);
  assert.match(out, /^profile {2}balanced: .* after about 6 s$/m);
  assert.match(out, /^node1 +online +3 +1 +1m 0s +its agent took its lease$/m);
  assert.match(out, /^process:api +started +node1 +- +1m 0s +it was added$/m);
  assert.equal(code, 0);
});

test("every listing prints the API's answer as JSON and YAML", async (context) => {
  const bench = await createBench(context);
  bench.server.putNode("node1");
  bench.server.putService(api, running);
  bench.server.addEvent("process:api", "queued -> started: first");
  const commands = [
    "status",
    "service list",
    "service show process:api",
    "node list",
    "node show node1",
    "events",
    "why process:api",
    "config show",
  ];
  for (const command of commands) {
    const asJson = await bench.run([...command.split(" "), "-o", "json"]);
    const asYaml = await bench.run([...command.split(" "), "-o", "yaml"]);
    assert.equal(asJson.code + asYaml.code, 0, command);
    assert.deepEqual(parse(asYaml.out), JSON.parse(asJson.out), command);
  }
  const list = JSON.parse((await bench.run(["-o", "json", "service", "list"])).out);
  assert.deepEqual(list.items, [bench.server.services.get("process:api")]);
});

test("service list marks colour on a terminal only, never with NO_COLOR, and cuts the last column there", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, { ...running, reason: "because ".repeat(40) });
  const plain = await bench.run(["service", "list"]);
  const terminal = await bench.run(["service", "list"], { terminal: true, columns: 60 });
  const noColour = await bench.run(["service", "list"], {
    terminal: true,
    columns: 60,
    environment: {
      HOLDFAST_SERVER: bench.server.url,
      HOLDFAST_TOKEN: "hf_test_secret",
      NO_COLOR: "1",
    },
  });
  assert.ok(!plain.out.includes("\u001b"));
  assert.ok(terminal.out.includes("\u001b[32mstarted"));
  assert.ok(!noColour.out.includes("\u001b"));
  assert.ok(noColour.out.split("\n").every((line) => line.length <= 60));
  assert.ok(noColour.out.includes("…"));
});

test("service list shows no control characters of a service's text", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, { ...running, reason: "evil \u001b[2J\ntext" });
  const { out } = await bench.run(["service", "list"]);
  assert.match(out, /evil �\[2J text$/m);
});

test("service add sends every flag and names the next command", async (context) => {
  const bench = await createBench(context);
  const words = [
    "service",
    "add",
    "process:api",
    "--command",
    "/usr/bin/node",
    "--state",
    "stopped",
    "--node",
    "node2",
    "--description",
    "the API",
    "--max-restart",
    "3",
    "--max-relocate",
    "2",
    "--on-isolation",
    "keep",
    "--group",
    "left",
    "--failback",
    "off",
    "--auto-rebalance",
    "off",
    "--cpu",
    "1.5",
    "--memory",
    "512M",
    "--may-overcommit",
    "on",
    "--after",
    "process:db",
    "--after",
    "process:cache",
    "--requires",
    "process:net",
    "--priority",
    "-5",
    "--toleration",
    "control-plane",
    "--volume",
    "data",
    "--volume",
    "logs",
    "--env",
    "A=1",
    "--env",
    "B=x=y",
    "--working-directory",
    "/srv",
    "--user",
    "www-data",
    "--stop-signal",
    "SIGINT",
    "--stop-timeout",
    "2m",
    "--log-size",
    "1M",
    "--log-files",
    "2",
    "--restart-delay",
    "100ms",
    "--restart-delay-max",
    "5s",
    "--settle-time",
    "2s",
    "--restart-reset",
    "1h",
    "--health-tcp",
    "127.0.0.1:8080",
    "--health-interval",
    "3s",
    "--health-timeout",
    "500ms",
    "--health-threshold",
    "4",
    "--health-start-period",
    "10s",
    "--",
    "api.js",
    "--port",
    "8080",
    "-o",
  ];
  const { out, err, code } = await bench.run(words);
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.equal(out, "process:api is added; follow it with: holdfast service show process:api\n");
  assert.deepEqual(bench.server.services.get("process:api")?.config, {
    id: "process:api",
    state: "stopped",
    node: "node2",
    description: "the API",
    maxRestart: 3,
    maxRelocate: 2,
    onIsolation: "keep",
    group: "left",
    failback: false,
    autoRebalance: false,
    limits: { cpuCores: 1.5, memoryBytes: 536_870_912 },
    mayOvercommit: true,
    after: ["process:db", "process:cache"],
    requires: ["process:net"],
    priority: -5,
    tolerations: ["control-plane"],
    volumes: ["data", "logs"],
    process: {
      command: "/usr/bin/node",
      arguments: ["api.js", "--port", "8080", "-o"],
      environment: { A: "1", B: "x=y" },
      workingDirectory: "/srv",
      user: "www-data",
      stopSignal: "SIGINT",
      stopTimeoutMs: 120_000,
      log: { bytesMax: 1_048_576, filesMax: 2 },
      restart: { delayMs: 100, delayMsMax: 5_000, settleMs: 2_000, resetAfterMs: 3_600_000 },
      health: {
        kind: "tcp",
        host: "127.0.0.1",
        port: 8080,
        intervalMs: 3_000,
        timeoutMs: 500,
        threshold: 4,
        startPeriodMs: 10_000,
      },
    },
  });
});

test("service add says how to change a service that is there already", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api);
  const { err, code } = await bench.run(["service", "add", "process:api", "--command", "x"]);
  assert.equal(
    err,
    "holdfast: process:api exists already; change it with: holdfast service set process:api\n",
  );
  assert.equal(code, 4);
});

test("service set changes the named fields only and keeps the times of another kind of check", async (context) => {
  const bench = await createBench(context);
  bench.server.putService({
    ...api,
    description: "old",
    process: {
      command: "/bin/a",
      environment: { KEEP: "1" },
      health: { kind: "http", url: "http://localhost/", intervalMs: 7_000 },
    },
  });
  const { out } = await bench.run([
    "service",
    "set",
    "process:api",
    "--env",
    "NEW=2",
    "--health-exec",
    "test -e /ok",
    "--unset",
    "description",
  ]);
  assert.match(out, /^process:api is changed; /);
  const config = JSON.parse(JSON.stringify(bench.server.services.get("process:api")?.config));
  assert.equal(config.description, undefined);
  assert.equal(config.process.command, "/bin/a");
  assert.deepEqual(config.process.environment, { KEEP: "1", NEW: "2" });
  assert.deepEqual(config.process.health.arguments, ["-c", "test -e /ok"]);
  assert.equal(config.process.health.intervalMs, 7_000);
  const again = await bench.run(["service", "set", "process:api", "--env", "NEW=2"]);
  assert.equal(again.out, "process:api is already like this\n");
});

test("service set repeats a change that met another one, but not past --if-revision", async (context) => {
  const bench = await createBench(context);
  const { revision } = bench.server.putService(api);
  let isMet = false;
  bench.server.override = (request) => {
    if (request.method === "PUT" && !isMet) {
      isMet = true;
      bench.server.putService({ ...api, description: "by somebody else" });
    }
    return false;
  };
  const { code } = await bench.run(["service", "set", "process:api", "--max-restart", "9"]);
  assert.equal(code, 0);
  const config = JSON.parse(JSON.stringify(bench.server.services.get("process:api")?.config));
  assert.deepEqual([config.maxRestart, config.description], [9, "by somebody else"]);
  const late = await bench.run([
    "service",
    "set",
    "process:api",
    "--max-restart",
    "1",
    "--if-revision",
    String(revision),
  ]);
  assert.equal(late.code, 4);
  assert.match(late.err, /read it again, then repeat the change/);
});

const idle = [
  {
    words: "service start process:api",
    requested: "started",
    state: "started",
    says: "process:api is already started\n",
  },
  {
    words: "service stop process:api",
    requested: "stopped",
    state: "stopped",
    says: "process:api is already stopped\n",
  },
  {
    words: "service disable process:api",
    requested: "disabled",
    state: "stopped",
    says: "process:api is already disabled\n",
  },
  {
    words: "service migrate process:api node1",
    requested: "started",
    state: "started",
    says: "process:api is already on node1\n",
  },
] as const;

for (const { words, requested, state, says } of idle) {
  test(`${words} does nothing where nothing is to do`, async (context) => {
    const bench = await createBench(context);
    bench.server.putService(api, { requested, state, node: "node1" });
    const { out, code } = await bench.run(words.split(" "));
    assert.equal(out, says);
    assert.equal(code, 0);
    assert.deepEqual(writes(bench), []);
  });
}

const acts = [
  {
    words: "service start process:api",
    requested: "stopped",
    state: "stopped",
    sends: "PATCH /v1/services/process%3Aapi",
    body: { state: "started" },
  },
  {
    words: "service stop process:api",
    requested: "started",
    state: "started",
    sends: "PATCH /v1/services/process%3Aapi",
    body: { state: "stopped" },
  },
  {
    words: "service stop process:api --timeout 3s",
    requested: "started",
    state: "started",
    sends: "POST /v1/services/process%3Aapi/commands",
    body: { command: "stop", timeoutMs: 3_000 },
  },
  {
    words: "service disable process:api",
    requested: "started",
    state: "error",
    sends: "PATCH /v1/services/process%3Aapi",
    body: { state: "disabled" },
  },
  {
    words: "service migrate process:api node2",
    requested: "started",
    state: "started",
    sends: "POST /v1/services/process%3Aapi/commands",
    body: { command: "migrate", target: "node2" },
  },
  {
    words: "service relocate process:api node2",
    requested: "started",
    state: "started",
    sends: "POST /v1/services/process%3Aapi/commands",
    body: { command: "relocate", target: "node2" },
  },
  {
    words: "service remove process:api",
    requested: "started",
    state: "started",
    sends: "DELETE /v1/services/process%3Aapi",
    body: undefined,
  },
] as const;

for (const { words, requested, state, sends, body } of acts) {
  test(`${words} sends one change to a service that is ${state}`, async (context) => {
    const bench = await createBench(context);
    bench.server.putService(api, { requested, state, node: "node1" });
    const { out, err, code } = await bench.run(words.split(" "));
    assert.deepEqual(writes(bench), [sends]);
    assert.deepEqual(bench.server.requests.at(-1)?.body, body);
    assert.match(out, /holdfast service (show process:api|list)\n$/);
    assert.deepEqual([err, code], ["", 0]);
  });
}

for (const verb of ["start", "stop", "migrate"] as const) {
  test(`service ${verb} of a service in error says how a person gets it out`, async (context) => {
    const bench = await createBench(context);
    bench.server.putService(api, { state: "error", reason: "it failed", detail: "exit code 3" });
    const words = ["service", verb, "process:api", ...(verb === "migrate" ? ["node2"] : [])];
    const { err, code } = await bench.run(words);
    assert.match(
      err,
      /^holdfast: process:api is in error: it failed.*holdfast service disable process:api/,
    );
    assert.equal(code, 5);
    assert.deepEqual(writes(bench), []);
  });
}

test("node confirm-off asks at a terminal and takes yes only", async (context) => {
  const bench = await createBench(context);
  bench.server.putNode("node1", { leased: false });
  const refused = await bench.run(["node", "confirm-off", "node1"], { answer: "y" });
  assert.equal(refused.code, 1);
  assert.deepEqual(writes(bench), []);
  const confirmed = await bench.run(["node", "confirm-off", "node1"], { answer: "yes" });
  assert.match(confirmed.out, /^node1 is confirmed off; /);
  assert.deepEqual(writes(bench), ["POST /v1/nodes/node1/confirm-off"]);
  const unasked = await bench.run(["node", "confirm-off", "node1", "--yes", "-o", "json"]);
  assert.equal(JSON.parse(unasked.out).confirmedOffEpoch, 3);
});

test("events prints oldest first, in the order of their sequence", async (context) => {
  const bench = await createBench(context);
  for (const word of ["one", "two", "three"])
    bench.server.addEvent("process:api", word, { revision: 5 });
  const { out } = await bench.run(["events"]);
  assert.deepEqual(
    out
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" ").at(-1)),
    ["one", "two", "three"],
  );
});

test("why prints summary, nodes, what to do next, and history", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, running);
  bench.server.addEvent("process:api", "queued -> started: it was added");
  const { out } = await bench.run(["why", "process:api"]);
  assert.match(out, /^process:api is started: it was added\n/);
  assert.match(out, /^node2 +refused +it failed to start there$/m);
  assert.match(out, /^ {2}holdfast service migrate process:api node2$/m);
  assert.match(out, /queued -> started: it was added\n$/);
});

test("service logs prints the service's output as it is", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, running);
  bench.server.logText = "first\nsecond ümläut\n";
  const { out, code } = await bench.run(["service", "logs", "process:api", "--lines", "2"]);
  assert.equal(out, bench.server.logText);
  assert.equal(code, 0);
  assert.equal(bench.server.requests.at(-1)?.path, "/v1/services/process%3Aapi/logs?lines=2");
});

test("token create --out writes a file that only its owner reads, and never the token elsewhere", async (context) => {
  const bench = await createBench(context);
  bench.server.override = (request, response) => {
    if (!request.path.startsWith("/v1/tokens")) return false;
    const token = {
      id: "t1",
      role: "agent",
      ownsNodes: [],
      ownsServices: [],
      node: "node1",
      name: "x",
      createdAtMs: 1,
      token: "hf_t1_secret",
    };
    response.end(request.method === "DELETE" ? "" : JSON.stringify(token));
    return true;
  };
  const file = join(bench.folder, "node1.token");
  const { out, code } = await bench.run([
    "token",
    "create",
    "--node",
    "node1",
    "--ttl",
    "24h",
    "--out",
    file,
  ]);
  assert.equal(code, 0);
  assert.equal(await readFile(file, "utf8"), "hf_t1_secret\n");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.ok(!out.includes("secret"));
  assert.deepEqual(bench.server.requests.at(-1)?.body, {
    role: "agent",
    node: "node1",
    name: "agent of node1",
    ttlMs: 86_400_000,
  });
  const again = await bench.run(["token", "create", "--node", "node1", "--out", file]);
  assert.equal(again.code, 2);
  assert.match(again.err, /cannot write .*node1\.token: it is there already; name a new file/);
  assert.equal(
    writes(bench).at(-1),
    "DELETE /v1/tokens/t1",
    "the token that nobody has is revoked",
  );
});

const problems = [
  { code: "bad-token", exit: 5 },
  { code: "token-expired", exit: 5 },
  { code: "not-allowed", exit: 5 },
  { code: "not-found", exit: 3 },
  { code: "conflict", exit: 4 },
  { code: "changed-meanwhile", exit: 4 },
  { code: "refused", exit: 5 },
  { code: "bad-input", exit: 2 },
  { code: "store-refuses", exit: 1 },
  { code: "unavailable", exit: 1 },
] as const;

for (const { code, exit } of problems) {
  test(`runCli() ends with ${exit} and one line when the server answers ${code}`, async (context) => {
    const bench = await createBench(context);
    const { problem } = await import("./fake-server.ts");
    bench.server.override = (_request, response) => {
      problem(response, code, "this is the detail");
      return true;
    };
    const ran = await bench.run(["service", "list"]);
    // What was refused, and what cannot be meant, has its remedy in the server's own sentence.
    const isPlain = code === "refused" || code === "bad-input";
    assert.match(
      ran.err,
      isPlain ? /^holdfast: this is the detail\n$/ : /^holdfast: this is the detail; [^\n]+\n$/,
    );
    assert.deepEqual([ran.code, ran.out], [exit, ""]);
  });
}

test("runCli() says when something else than Holdfast answers, or nobody", async (context) => {
  const bench = await createBench(context);
  bench.server.override = (_request, response) => {
    response.end("<html>");
    return true;
  };
  const other = await bench.run(["status"]);
  assert.match(
    other.err,
    /answered with something that is not JSON; check that --server names a Holdfast server/,
  );
  await bench.server.close();
  const nobody = await bench.run(["status"], {
    environment: { HOLDFAST_SERVER: "http://127.0.0.1:9" },
  });
  assert.match(
    nobody.err,
    /cannot reach http:\/\/127\.0\.0\.1:9: nothing listens there; check that the server runs/,
  );
  assert.deepEqual([other.code, nobody.code], [1, 1]);
});
