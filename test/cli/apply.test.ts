/** `apply` and `diff`: a round trip, one form of file, and what is said when it stops half-way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { problem } from "./fake-server.ts";
import { createBench } from "./harness.ts";

const file = `
kind: Settings
profile: fast
---
kind: Service
id: process:api
process:
  command: /usr/bin/node
  arguments: [api.js]
---
kind: Service
id: process:worker
state: stopped
process: { command: /bin/worker }
`;

test("diff names each field that apply would change, and ends with 1", async (context) => {
  const bench = await createBench(context);
  bench.server.putService({ id: "process:worker", process: { command: "/bin/old" } });
  const path = await bench.file("a.yaml", file);
  const { out, code } = await bench.run(["diff", "-f", path]);
  assert.match(out, /^~ settings \(changed\)\n {4}profile: "balanced" -> "fast"\n/);
  assert.match(out, /^\+ process:api \(new\)$/m);
  assert.match(out, /^ {4}process\.command: "\/usr\/bin\/node"$/m);
  assert.match(
    out,
    /^~ process:worker \(changed\)\n {4}process\.command: "\/bin\/old" -> "\/bin\/worker"\n {4}state: "started" -> "stopped"\n$/m,
  );
  assert.equal(code, 1);
  assert.ok(bench.server.requests.every(({ method }) => method === "GET"));
});

test("apply makes what diff named, and then nothing differs", async (context) => {
  const bench = await createBench(context);
  const path = await bench.file("a.yaml", file);
  const applied = await bench.run(["apply", "-f", path]);
  assert.equal(
    applied.out,
    "settings are changed\nprocess:api is added\nprocess:worker is added\n",
  );
  assert.equal(applied.code, 0);
  const after = await bench.run(["diff", "-f", path]);
  assert.deepEqual([after.out, after.code], ["nothing differs\n", 0]);
  const before = bench.server.requests.length;
  const again = await bench.run(["apply", "-f", path]);
  assert.match(again.out, /^process:api is already like this$/m);
  assert.ok(bench.server.requests.slice(before).every(({ method }) => method === "GET"));
});

test("apply reads standard input, and diff prints data as JSON", async (context) => {
  const bench = await createBench(context);
  const { out, code } = await bench.run(["diff", "-f", "-", "-o", "json"], { input: file });
  const [settings] = JSON.parse(out);
  assert.deepEqual(settings, {
    subject: "settings",
    action: "change",
    changes: [{ path: "profile", from: "balanced", to: "fast" }],
  });
  assert.equal(code, 1);
});

test("apply never overwrites what changed since it looked", async (context) => {
  const bench = await createBench(context);
  bench.server.putService({ id: "process:worker", process: { command: "/bin/old" } });
  bench.server.override = ({ method, path }) => {
    if (method === "PUT" && path.endsWith("process%3Aapi")) {
      bench.server.putService({ id: "process:worker", process: { command: "/bin/other" } });
    }
    return false;
  };
  const path = await bench.file("a.yaml", file);
  const { err, code } = await bench.run(["apply", "-f", path]);
  assert.match(
    err,
    /process:worker: .*\(changed before: settings, process:api; not changed: process:worker\)/,
  );
  assert.equal(code, 4);
});

test("apply that stops half-way says what is changed and what is not, and goes on when run again", async (context) => {
  const bench = await createBench(context);
  bench.server.override = ({ method, path }, response) => {
    if (method !== "PUT" || !path.endsWith("process%3Aapi")) return false;
    problem(response, "store-refuses", "the disk is full");
    return true;
  };
  const path = await bench.file("a.yaml", file);
  const { err, code } = await bench.run(["apply", "-f", path]);
  assert.match(
    err,
    /^holdfast: process:api: the disk is full \(changed before: settings; not changed: process:api, process:worker\); .*run apply again: it goes on where it stopped\n$/,
  );
  assert.equal(code, 1);
  bench.server.override = undefined;
  const again = await bench.run(["apply", "-f", path]);
  assert.equal(
    again.out,
    "settings are already like this\nprocess:api is added\nprocess:worker is added\n",
  );
});

test("apply --wait waits for all services of the file", async (context) => {
  const bench = await createBench(context);
  bench.server.onWatch = () => {
    bench.server.onWatch = undefined;
    bench.server.changeService("process:worker", { state: "stopped" });
    bench.server.changeService("process:api", {
      state: "started",
      running: "running",
      health: "none",
      node: "node1",
    });
  };
  const path = await bench.file("a.yaml", file);
  const { err, code } = await bench.run(["apply", "-f", path, "--wait"]);
  assert.match(err, /process:api is started on node1, running/);
  assert.equal(code, 0);
});

test("service add -f adds the one service of a file", async (context) => {
  const bench = await createBench(context);
  const path = await bench.file("a.yaml", "kind: Service\nid: process:a\nprocess: {command: x}\n");
  const { out } = await bench.run(["service", "add", "-f", path]);
  assert.match(out, /^process:a is added; /);
  const many = await bench.run(["service", "add", "-f", await bench.file("b.yaml", file)]);
  assert.match(many.err, /does not hold exactly one service; use: holdfast apply -f/);
  assert.equal(many.code, 2);
});
