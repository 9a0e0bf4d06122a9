/** `--wait`: follows the watch, shows progress, ends with the service or says what a person can do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceResource } from "../../src/wire/api.ts";
import { type Bench, createBench } from "./harness.ts";

const api = { id: "process:api", process: { command: "/bin/true" } };
const running = { state: "started", running: "running", health: "none", node: "node1" } as const;
const stopped = {
  requested: "stopped",
  state: "stopped",
  running: "stopped",
  node: "node1",
} as const;

/** Once somebody watches: these changes, one after the other. */
function script(bench: Bench, changes: readonly Partial<ServiceResource>[]): void {
  bench.server.onWatch = () => {
    bench.server.onWatch = undefined;
    for (const change of changes) bench.server.changeService("process:api", change);
  };
}

test("service add --wait ends when it runs and is healthy, with plain lines of progress", async (context) => {
  const bench = await createBench(context);
  script(bench, [
    { state: "request_start", node: "node1" },
    { ...running, health: "starting" },
    { ...running, health: "healthy" },
  ]);
  const { out, err, code } = await bench.run([
    "service",
    "add",
    "process:api",
    "--command",
    "x",
    "--wait",
  ]);
  assert.match(out, /^process:api is added: it is started on node1 after 0\.0s\n$/);
  assert.deepEqual(err.trimEnd().split("\n"), [
    "process:api is queued, unknown",
    "process:api is request_start on node1, unknown",
    "process:api is started on node1, running, starting",
    "process:api is started on node1, running, healthy",
  ]);
  assert.equal(code, 0);
  assert.equal(bench.server.requests.filter(({ path }) => path.startsWith("/v1/watch")).length, 1);
});

test("--wait shows one line that is written anew on a terminal, and takes it away", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, stopped);
  script(bench, [{ state: "request_start" }, running]);
  const { err } = await bench.run(["service", "start", "process:api", "--wait"], {
    terminal: true,
  });
  assert.ok(!err.includes("\n"));
  assert.ok(err.includes("process:api is request_start on node1"));
  assert.ok(err.endsWith("\r\u001b[2K"));
});

test("service set --wait waits until the agent says that the change has taken effect", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, running);
  script(bench, [
    { ...running, applied: false },
    { ...running, applied: true },
  ]);
  bench.server.changeService("process:api", { applied: false });
  const words = ["service", "set", "process:api", "--command", "/bin/false", "--wait"];
  const { out, code } = await bench.run(words);
  assert.match(out, /process:api is changed: it is started on node1/);
  assert.equal(code, 0);
  assert.equal(bench.server.services.get("process:api")?.applied, true);
});

test("--wait ends with exit code 1 and what to do when the service ends in error", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, stopped);
  script(bench, [
    { state: "request_start" },
    { state: "error", reason: "it failed on all nodes", detail: "exit code 3" },
  ]);
  const { err, code } = await bench.run(["service", "start", "process:api", "--wait"]);
  assert.match(
    err,
    /^holdfast: process:api is in error: it failed on all nodes \(exit code 3\); correct the cause, then: holdfast service disable process:api --wait && holdfast service start process:api$/m,
  );
  assert.equal(code, 1);
});

test("service disable --wait leads out of error and is not stopped by it", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, { state: "error", node: "node1" });
  script(bench, [{ state: "request_stop" }, { state: "stopped" }]);
  const { out, code } = await bench.run(["service", "disable", "process:api", "--wait"]);
  assert.match(out, /^process:api is being disabled: it is stopped on node1/);
  assert.equal(code, 0);
});

test("service migrate --wait ends on the target, not while it still runs on the source", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, running);
  script(bench, [
    { state: "migrate", target: "node2" },
    { ...running, node: "node2" },
  ]);
  const { out, code } = await bench.run(["service", "migrate", "process:api", "node2", "--wait"]);
  assert.match(out, /it is started on node2/);
  assert.equal(code, 0);
});

test("service migrate --wait says why it stayed where it was", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, running);
  script(bench, [{ state: "migrate" }, { ...running, reason: "node2 refused it" }]);
  const { err, code } = await bench.run(["service", "migrate", "process:api", "node2", "--wait"]);
  assert.match(
    err,
    /did not go to node2, it runs on node1: node2 refused it; look with: holdfast why process:api/,
  );
  assert.equal(code, 1);
});

test("--wait ends with 5 when the manager refuses the command", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, running);
  bench.server.onWatch = () =>
    bench.server.addEvent("process:api", "migrate was refused: node2 is not online", {
      kind: "command",
      code: "command-refused",
    });
  const { err, code } = await bench.run(["service", "migrate", "process:api", "node2", "--wait"]);
  assert.match(err, /migrate was refused: node2 is not online/);
  assert.equal(code, 5);
});

test("--wait ends with 5 when the manager was quicker with its refusal than the watch", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, running);
  const refusal = { kind: "command", code: "command-refused" };
  bench.server.addEvent("process:api", "migrate was refused: that was another time", refusal);
  bench.server.override = (request) => {
    if (!request.path.endsWith("/commands")) return false;
    bench.server.addEvent("process:api", "migrate was refused: a rule keeps it here", refusal);
    return false;
  };
  const { err, code } = await bench.run(["service", "migrate", "process:api", "node2", "--wait"]);
  assert.match(err, /migrate was refused: a rule keeps it here/);
  assert.equal(code, 5);
});

test("--wait does not wait for a cluster that is disarmed", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, { ...running, state: "freeze" });
  bench.server.override = (request, response) => {
    if (request.path !== "/v1/arming") return false;
    response.end(JSON.stringify({ revision: 9, mode: "freeze", state: "disarmed", waitsFor: [] }));
    return true;
  };
  const told = await bench.run(["service", "stop", "process:api"]);
  assert.match(told.out, /^process:api is being stopped as soon as the cluster, which is disarmed/);
  assert.equal(told.code, 0);
  const waited = await bench.run(["service", "stop", "process:api", "--wait"]);
  assert.match(waited.err, /is armed again; arm it with: holdfast cluster arm\n$/);
  assert.equal(waited.code, 1);
});

test("--wait ends when its time is over, with where the service is", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, stopped);
  const { err, code } = await bench.run([
    "service",
    "start",
    "process:api",
    "--wait",
    "--timeout",
    "50ms",
  ]);
  assert.match(
    err,
    /after 0\.05 s: process:api is stopped on node1, stopped: it was added; look with: holdfast why process:api/,
  );
  assert.equal(code, 1);
});

test("--wait goes on after the server cut the connection, without a second change", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, stopped);
  bench.server.onWatch = () => {
    bench.server.onWatch = () => bench.server.changeService("process:api", running);
    bench.server.cutStreams();
  };
  const { code, err } = await bench.run(["service", "start", "process:api", "--wait"]);
  assert.equal(code, 0);
  assert.match(err, /connecting again/);
  assert.equal(bench.server.requests.filter(({ method }) => method === "PATCH").length, 1);
});

test("--wait ends with 130 when the person interrupts", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, stopped);
  const interruption = new AbortController();
  bench.server.onWatch = () => interruption.abort();
  const { code, err } = await bench.run(["service", "start", "process:api", "--wait"], {
    signal: interruption.signal,
  });
  assert.equal(code, 130);
  assert.match(err, /interrupted; the change itself stays made/);
});

test("service remove --wait ends when the service is gone", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, running);
  bench.server.onWatch = () => bench.server.removeService("process:api");
  const { out, code } = await bench.run(["service", "remove", "process:api", "--wait"]);
  assert.match(out, /^process:api is being removed: it is gone/);
  assert.equal(code, 0);
});

test("service stop --wait notices that somebody removed the service", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, running);
  bench.server.onWatch = () => bench.server.removeService("process:api");
  const { err, code } = await bench.run(["service", "stop", "process:api", "--wait"]);
  assert.match(err, /process:api was removed meanwhile/);
  assert.equal(code, 3);
});

test("events --follow prints what was and what comes, across a lost connection, each once", async (context) => {
  const bench = await createBench(context);
  bench.server.addEvent("process:api", "first");
  bench.server.onWatch = () => {
    bench.server.onWatch = () => {
      bench.server.addEvent("process:api", "third");
      bench.server.addEvent("process:other", "not wanted");
      bench.server.addEvent("process:api", "last");
    };
    bench.server.addEvent("process:api", "second");
  };
  const interruption = new AbortController();
  let isCut = false;
  const onOutput = (all: string): void => {
    if (all.includes("last")) interruption.abort();
    if (!all.includes("second") || isCut) return;
    isCut = true;
    bench.server.cutStreams();
  };
  const words = ["events", "--follow", "--subject", "process:api", "-o", "json"];
  const { out, code } = await bench.run(words, { signal: interruption.signal, onOutput });
  const lines = out.trimEnd().split("\n");
  const sentences = lines.map((line) => JSON.parse(line).sentence);
  assert.deepEqual(sentences, ["first", "second", "third", "last"]);
  assert.equal(code, 0);
});

test("service migrate --wait of a service that is stopped ends when it belongs to the node", async (context) => {
  const bench = await createBench(context);
  bench.server.putService(api, stopped);
  script(bench, [
    { state: "migrate", target: "node2" },
    { state: "stopped", node: "node2" },
  ]);
  const { out, code } = await bench.run(["service", "migrate", "process:api", "node2", "--wait"]);
  assert.match(out, /asked to migrate to node2: it is stopped on node2/);
  assert.equal(code, 0);
});
