/** The route for commands beside services, with an agent that the test plays. */
import assert from "node:assert/strict";
import test from "node:test";
import { encodeFrame, encodeJson, execContentType } from "../../src/wire/exec/frames.ts";
import {
  eventually,
  type Harness,
  listOf,
  openInstructions,
  serviceBody,
  startHarness,
} from "./harness.ts";

const open = (request: object): Buffer => Buffer.from(encodeJson("open", request));
const headers = { "content-type": execContentType };

async function withService(t: test.TestContext): Promise<Harness> {
  const harness = await startHarness(t);
  await harness.agent("node1");
  assert.equal(
    (await harness.call("POST", "/v1/services", { body: serviceBody("a") })).status,
    201,
  );
  await eventually("it has a node", async () => {
    const service = await harness.call("GET", "/v1/services/process:a");
    return String(service.json["node"]) === "node1";
  });
  return harness;
}

test("POST /v1/services/:id/exec refuses what is no request for a command", async (t) => {
  const harness = await withService(t);
  const long = Array.from({ length: 1_001 }, () => "x");
  const cases: readonly (readonly [string, Buffer, number, RegExp])[] = [
    ["no frame", Buffer.from("hello"), 400, /unknown kind/],
    ["half a frame", open({ command: ["x"] }).subarray(0, 9), 400, /no whole first frame/],
    ["another frame", Buffer.from(encodeFrame("stdin-end")), 400, /must be "open"/],
    ["no JSON", Buffer.from(encodeFrame("open", Buffer.from("{"))), 400, /expected object/],
    ["no command", open({ command: [] }), 400, /command/],
    ["empty program", open({ command: [""] }), 400, /command/],
    ["a zero byte", open({ command: ["a\0b"] }), 400, /zero byte/],
    ["too many words", open({ command: long }), 400, /too many words/],
    ["a bad variable", open({ command: ["x"], environment: { "a=b": "c" } }), 400, /letters/],
    ["no time", open({ command: ["x"], timeoutMs: 0 }), 400, /timeoutMs/],
    ["unknown field", open({ command: ["x"], tty: true }), 400, /tty: unknown field/],
  ];
  for (const [name, rawBody, status, detail] of cases) {
    const path = "/v1/services/process:a/exec";
    const answer = await harness.call("POST", path, { rawBody, headers });
    assert.equal(answer.status, status, `${name}: ${answer.text}`);
    assert.match(String(answer.json["detail"]), detail, name);
  }
  const body = await harness.call("POST", "/v1/services/process:a/exec", { body: { command: [] } });
  assert.equal(body.status, 415);
  const rawBody = open({ command: ["x"] });
  const unknown = await harness.call("POST", "/v1/services/process:b/exec", { rawBody, headers });
  assert.equal(unknown.status, 404);
  const audit = await harness.call("GET", "/v1/audit");
  const actions = listOf(audit.json["items"]).map((entry) => String(entry["action"]));
  assert.ok(!actions.includes("exec"), "nothing was run, and nothing is recorded");
});

test("POST /v1/services/:id/exec refuses a service that has no node", async (t) => {
  const harness = await startHarness(t);
  const body = serviceBody("a");
  assert.equal((await harness.call("POST", "/v1/services", { body })).status, 201);
  const path = "/v1/services/process:a/exec";
  const rawBody = open({ command: ["x"] });
  const answer = await harness.call("POST", path, { rawBody, headers });
  assert.equal(answer.json["code"], "refused", answer.text);
  assert.match(String(answer.json["detail"]), /"process:a" has no node yet/);
});

test("POST /v1/agent/exec/:requestId takes the answer of the asked node's agent alone", async (t) => {
  const harness = await withService(t);
  const other = await harness.agent("node2");
  const token = await harness.agentToken("node1");
  const stream = await openInstructions(harness.server.url, { token });
  t.after(() => stream.close());
  await stream.until("the snapshot", ({ event }) => event === "snapshot");
  const asked = harness.call("POST", "/v1/services/process:a/exec", {
    rawBody: open({ command: ["x"] }),
    headers,
  });
  const wish = await stream.until("the order", ({ event }) => event === "exec-request");
  assert.deepEqual(Object.keys(wish.data).sort(), ["kind", "requestId", "service"]);
  const path = `/v1/agent/exec/${String(wish.data["requestId"])}`;
  const rawBody = Buffer.from(encodeJson("end", { kind: "exited", code: 0 }));
  for (const [name, where, who] of [
    ["another node", path, other.token],
    ["another request", "/v1/agent/exec/none", token],
  ] as const) {
    const refused = await harness.call("POST", where, { token: who, rawBody, headers });
    assert.equal(refused.status, 404, name);
  }
  const noFrames = await harness.call("POST", path, { token, body: {} });
  assert.equal(noFrames.status, 415);
  const taken = await harness.call("POST", path, { token, rawBody, headers });
  assert.equal(taken.status, 200);
  const answer = await asked;
  assert.equal(answer.status, 200);
  assert.match(String(answer.headers["content-type"]), new RegExp(execContentType));
  const again = await harness.call("POST", path, { token, rawBody, headers });
  assert.equal(again.status, 404, "an answer is taken once");
  const audit = await harness.call("GET", "/v1/audit?limit=1");
  const { revision, atMs, ...entry } = listOf(audit.json["items"])[0] ?? {};
  assert.ok(Number(revision) > 0 && Number(atMs) <= Date.now());
  assert.deepEqual(entry, {
    who: "admin/first",
    from: "127.0.0.1",
    action: "exec",
    subject: "process:a",
    detail: "on node1: x",
  });
});
