/** Values that no flag or field takes: one line that names the flag or field, and says what it takes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBench } from "./harness.ts";

const flags: readonly (readonly [string, RegExp])[] = [
  ["--max-restart 5000", /^holdfast: --max-restart: it can be 1000 at most$/m],
  ["--stop-timeout 3d", /^holdfast: --stop-timeout: it can be 1d at most$/m],
  ["--log-size 1", /^holdfast: --log-size: it must be 4K at least$/m],
  ["--env 1A=x", /^holdfast: --env 1A: use letters, digits and _$/m],
  ["--health-http https://a/", /--health-http: write a URL with http:\/\/, e\.g\. http:/],
  ["--health-tcp a:70000", /--health-tcp: it can be 65535 at most/],
  ["--health-http http://a/ --health-interval 1ms", /--health-interval: it must be 100ms at least/],
  ["--wait --timeout 100d", /--timeout.*"100d" is out of range: it takes 0ms to 7d/],
  ["-c x", /unknown option '-c'; flags of its program follow after --; see: holdfast service add/],
];

for (const [words, says] of flags) {
  test(`service add refuses ${words}`, async (context) => {
    const bench = await createBench(context);
    const add = ["service", "add", "process:a", "--command", "x", ...words.split(" ")];
    const { code, out, err } = await bench.run(add);
    assert.match(err, says);
    assert.match(err, /^[^\n]+\n$/, "it is one line");
    assert.deepEqual([code, out, bench.server.requests.length], [2, "", 0]);
  });
}

test("service add refuses a health check that runs nothing", async (context) => {
  const bench = await createBench(context);
  const ran = await bench.run([
    "service",
    "add",
    "process:a",
    "--command",
    "x",
    "--health-exec",
    " ",
  ]);
  assert.match(ran.err, /--health-exec: the line is empty; write what is to be run/);
  assert.deepEqual([ran.code, bench.server.requests.length], [2, 0]);
});

const commands: readonly (readonly [string, RegExp])[] = [
  ["events --limit 0", /"0" is out of range: it takes 1 to 1000/],
  ["audit list --limit 1001", /"1001" is out of range/],
  ["service logs process:a --lines 10001", /it takes 0 to 10000/],
  ["token create --node a --ttl 0s", /"0s" is out of range: it takes 1s to 36500d/],
  ["token create --node a --ttl 36501d", /"36501d" is out of range/],
];

for (const [words, says] of commands) {
  test(`runCli() refuses ${words} before it asks the server`, async (context) => {
    const bench = await createBench(context);
    const { code, err } = await bench.run(words.split(" "));
    assert.match(err, says);
    assert.deepEqual([code, bench.server.requests.length], [2, 0]);
  });
}

const service = "kind: Service\nid: process:api\nprocess:\n  command: /bin/true\n";
const files: readonly (readonly [string, string, RegExp])[] = [
  [
    "aliases that stand for far too much",
    `a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [${"*a, ".repeat(10)}]\nc: &c [${"*b, ".repeat(10)}]\nd: [${"*c, ".repeat(10)}]\n`,
    /FILE: Excessive alias count.*; write out what the aliases stand for/,
  ],
  ["an alias of nothing", "kind: *none\n", /FILE.*none/],
  [
    "a part of a type without driver",
    "kind: Service\nid: vm:a\nvm:\n  memory: 4\n",
    /^holdfast: FILE line 2: id: no driver for service type "vm"; this version has: process; correct/,
  ],
  [
    "an environment variable without a proper name",
    `${service}  environment:\n    1A: x\n`,
    /FILE line 6: process\.environment\.1A: use letters, digits and _;/,
  ],
  [
    "a field that is missing",
    "kind: Service\nprocess:\n  command: x\n",
    /id: is missing \(expected string\)/,
  ],
  [
    "faults in the order of their lines",
    `${service}node: No_de\nmaxRestart: -1\n`,
    /FILE line 5: node: .*; line 6: maxRestart: /,
  ],
];

for (const [criterion, content, says] of files) {
  test(`apply refuses a file with ${criterion}`, async (context) => {
    const bench = await createBench(context);
    const file = await bench.file("input.yaml", content);
    const { code, out, err } = await bench.run(["apply", "-f", file]);
    assert.match(err.replaceAll(file, "FILE"), says);
    assert.match(err, /^holdfast: [^\n]+\n$/, "it is one line");
    assert.deepEqual([code, out, bench.server.requests.length], [2, "", 0]);
  });
}
