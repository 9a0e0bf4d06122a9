import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import test from "node:test";
import { type CallOptions, type Harness, listOf, serviceBody, startHarness } from "./harness.ts";

interface BadCase {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly options?: CallOptions;
  readonly status: number;
  readonly code: string;
  /** What the one line says. */
  readonly says: RegExp;
  /** The path of the fault. */
  readonly fault?: string;
}

const body = serviceBody("api");
const post = (name: string, wrong: object, says: RegExp, fault?: string): BadCase => ({
  name,
  method: "POST",
  path: "/v1/services",
  options: { body: { ...body, ...wrong } },
  status: 400,
  code: "bad-input",
  says,
  ...(fault === undefined ? {} : { fault }),
});

const cases: readonly BadCase[] = [
  post("unknown field", { colour: "red" }, /colour/),
  post(
    "unknown field below",
    { process: { command: "x", shell: true } },
    /process\.shell: unknown field/,
    "process.shell",
  ),
  post("wrong type", { maxRestart: "one" }, /maxRestart: .*number/, "maxRestart"),
  post("wrong type below", { process: { command: 7 } }, /process.command/, "process.command"),
  post("negative count", { maxRelocate: -1 }, /maxRelocate/, "maxRelocate"),
  post("unknown state", { state: "paused" }, /state/, "state"),
  post(
    "impossible service name",
    { id: "process:a b" },
    /"process:a b" cannot be a service id/,
    "id",
  ),
  post("no type", { id: "api" }, /cannot be a service id/, "id"),
  post("type without driver", { id: "vm:101" }, /no driver for service type "vm"/, "id"),
  post(
    "part of a type without driver",
    { id: "vm:101", process: undefined, vm: { memory: 4 } },
    /^id: no driver for service type "vm"; this version has: process$/,
    "id",
  ),
  post(
    "part of a type without driver, and an unknown field",
    { id: "vm:101", process: undefined, vm: {}, colour: "red" },
    /^colour: unknown field; id: no driver for service type "vm"/,
    "colour",
  ),
  post("missing id", { id: undefined }, /^id: is missing \(expected string\)$/, "id"),
  post(
    "impossible name of a variable",
    { process: { command: "x", environment: { "1A": "x" } } },
    /^process.environment.1A: use letters, digits and _$/,
    "process.environment.1A",
  ),
  post("missing part", { process: undefined }, /needs a part "process"/, "process"),
  post("impossible node name", { node: "Node_1" }, /"Node_1" cannot be a node name/, "node"),
  post(
    "two faults",
    { maxRestart: -1, state: 1 },
    /state: .*; maxRestart: |maxRestart: .*; state: /,
  ),
  {
    name: "malformed JSON",
    method: "POST",
    path: "/v1/services",
    options: { rawBody: '{"id": ' },
    status: 400,
    code: "bad-input",
    says: /JSON/,
  },
  {
    name: "empty body",
    method: "POST",
    path: "/v1/services",
    options: { rawBody: "" },
    status: 400,
    code: "bad-input",
    says: /empty/,
  },
  {
    name: "another content type",
    method: "POST",
    path: "/v1/services",
    options: { rawBody: "id: x", headers: { "content-type": "application/yaml" } },
    status: 415,
    code: "not-supported",
    says: /application\/json/,
  },
  {
    name: "too large a body",
    method: "POST",
    path: "/v1/services",
    options: { rawBody: Buffer.alloc(1_048_577, 0x20) },
    status: 413,
    code: "too-large",
    says: /1048576 bytes/,
  },
  {
    name: "unknown query parameter",
    method: "GET",
    path: "/v1/services?sort=name",
    status: 400,
    code: "bad-input",
    says: /^query: sort: unknown field$/,
    fault: "query.sort",
  },
  {
    name: "query parameter of a wrong type",
    method: "GET",
    path: "/v1/events?limit=many",
    status: 400,
    code: "bad-input",
    says: /limit/,
    fault: "query.limit",
  },
  {
    name: "impossible node name in the path",
    method: "GET",
    path: "/v1/nodes/Node_1",
    status: 400,
    code: "bad-input",
    says: /^"Node_1" cannot be a node name/,
    fault: "path.id",
  },
  {
    name: "path and body disagree",
    method: "PUT",
    path: "/v1/services/process:web",
    options: { body },
    status: 400,
    code: "bad-input",
    says: /"process:web".*"process:api"/,
    fault: "id",
  },
  {
    name: "If-Match that is no revision",
    method: "PUT",
    path: "/v1/services/process:api",
    options: { body, headers: { "if-match": "7" } },
    status: 400,
    code: "bad-input",
    says: /If-Match/,
  },
  {
    name: "unknown route",
    method: "GET",
    path: "/v1/flags",
    status: 404,
    code: "not-found",
    says: /\/v1\/flags/,
  },
  {
    name: "unknown method",
    method: "DELETE",
    path: "/v1/cluster",
    status: 405,
    code: "method-not-allowed",
    says: /takes GET, not DELETE/,
  },
  {
    name: "unknown service",
    method: "GET",
    path: "/v1/services/process:none",
    status: 404,
    code: "not-found",
    says: /no service "process:none"/,
  },
  {
    name: "unknown node",
    method: "GET",
    path: "/v1/nodes/none",
    status: 404,
    code: "not-found",
    says: /no node "none"/,
  },
  {
    name: "agent's token without a node",
    method: "POST",
    path: "/v1/tokens",
    options: { body: { role: "agent" } },
    status: 400,
    code: "bad-input",
    says: /names its node/,
    fault: "node",
  },
  {
    name: "token for an impossible node",
    method: "POST",
    path: "/v1/tokens",
    options: { body: { role: "agent", node: "-a" } },
    status: 400,
    code: "bad-input",
    says: /cannot be a node name/,
    fault: "node",
  },
  {
    name: "token that outlives everybody",
    method: "POST",
    path: "/v1/tokens",
    options: { body: { role: "admin", ttlMs: Number.MAX_SAFE_INTEGER } },
    status: 400,
    code: "bad-input",
    says: /ttlMs: .*3153600000000/,
    fault: "ttlMs",
  },
  {
    name: "unknown field of a confirmation",
    method: "POST",
    path: "/v1/nodes/node1/confirm-off",
    options: { body: { force: true } },
    status: 400,
    code: "bad-input",
    says: /^force: unknown field$/,
    fault: "force",
  },
  {
    name: "too long a name",
    method: "GET",
    path: `/v1/services/process:${"a".repeat(400)}`,
    status: 400,
    code: "bad-input",
    says: /^a name in the path is longer than 300 characters$/,
  },
  {
    name: "unsafe times",
    method: "PUT",
    path: "/v1/settings",
    options: { body: { times: { ttlMs: 1_000, watchdogMs: 1_000, renewEveryMs: 100 } } },
    status: 400,
    code: "bad-input",
    says: /watchdogMs/,
    fault: "times",
  },
  {
    name: "unknown kind of watch",
    method: "GET",
    path: "/v1/watch?kinds=service,flag",
    status: 400,
    code: "bad-input",
    says: /service, node, event/,
    fault: "query.kinds",
  },
  {
    name: "unknown command",
    method: "POST",
    path: "/v1/services/process:api/commands",
    options: { body: { command: "explode" } },
    status: 400,
    code: "bad-input",
    says: /command/,
    fault: "command",
  },
  {
    name: "broken percent encoding",
    method: "GET",
    path: "/v1/services/%zz",
    status: 400,
    code: "bad-input",
    says: /./,
  },
];

async function refuses(harness: Harness, bad: BadCase): Promise<void> {
  const before = (await harness.call("GET", "/v1/cluster")).json["revision"];
  const answer = await harness.call(bad.method, bad.path, bad.options);
  assert.equal(answer.status, bad.status, answer.text);
  assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/);
  const problem = answer.json;
  assert.equal(problem["code"], bad.code);
  assert.equal(problem["status"], bad.status);
  assert.equal(problem["type"], `urn:holdfast:error:${bad.code}`);
  assert.match(String(problem["detail"]), bad.says);
  assert.ok(!String(problem["detail"]).includes("\n"), "it is one line");
  assert.ok(String(problem["hint"]).length > 0);
  if (bad.fault !== undefined) {
    const paths = listOf(problem["faults"]).map((fault) => String(fault["path"]));
    assert.ok(paths.includes(bad.fault), `${paths.join(", ")} has ${bad.fault}`);
  }
  const after = (await harness.call("GET", "/v1/cluster")).json["revision"];
  assert.equal(after, before, "nothing was changed");
}

test("the API refuses bad input with one clear line and changes nothing", async (t) => {
  const harness = await startHarness(t);
  for (const bad of cases) await t.test(bad.name, () => refuses(harness, bad));
});

test("POST /v1/services refuses an id that exists", async (t) => {
  const harness = await startHarness(t);
  assert.equal((await harness.call("POST", "/v1/services", { body })).status, 201);
  const again = await harness.call("POST", "/v1/services", { body });
  assert.equal(again.status, 409);
  assert.equal(again.json["code"], "already-exists");
  assert.match(String(again.json["detail"]), /"process:api" exists already/);
});

test("the API answers what is no HTTP with problem details, and closes", async (t) => {
  const harness = await startHarness(t);
  const { port } = new URL(harness.server.url);
  const cases: readonly (readonly [string, RegExp, RegExp])[] = [
    ["FOO / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 Bad Request/, /method is none that HTTP knows/],
    ["nonsense\r\n\r\n", /^HTTP\/1\.1 400 Bad Request/, /bad-input/],
    [
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1\.1 413 /,
      /headers of the request are too large/,
    ],
  ];
  for (const [request, head, says] of cases) {
    const socket = connect(Number(port), "127.0.0.1");
    socket.end(request);
    const answer = await text(socket);
    assert.match(answer, head);
    assert.match(answer, /content-type: application\/problem\+json\r\n/);
    assert.match(answer, says);
  }
});
