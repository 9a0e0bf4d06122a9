/** What is open ends when the one who opened it may not have it any more: with each kind of long answer. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { type ClientRequest, request } from "node:http";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { ok, type Result } from "../../../src/core/result.ts";
import { createStandings, type Grounds } from "../../../src/server/access/standing.ts";
import type { ViewListener } from "../../../src/server/view/cluster-view.ts";
import { type Problem, problemOf } from "../../../src/wire/errors.ts";
import {
  createFrameReader,
  encodeJson,
  execContentType,
  type Frame,
  jsonOfFrame,
} from "../../../src/wire/exec/frames.ts";
import { ManualClock } from "../../stores/manual-clock.ts";
import {
  eventually,
  type Harness,
  openInstructions,
  openStream,
  type ReadMessage,
  type StreamReader,
  send,
  serviceBody,
  startHarness,
} from "../harness.ts";
import { addUser, basic, logIn, makeToken } from "./support.ts";

const refusal: Result<void, Problem> = {
  ok: false,
  error: problemOf("bad-token", "the token was revoked"),
};

/** Standings on a view that the test speaks for. */
class Bench {
  readonly clock = new ManualClock();
  readonly looked: string[] = [];
  readonly cut: string[] = [];
  readonly refused = new Set<string>();
  #listener: ViewListener | undefined;
  readonly standings = createStandings({
    clock: this.clock,
    view: {
      listen: (listener) => {
        this.#listener = listener;
        return () => undefined;
      },
    },
  });

  grounds(name: string, keys: readonly string[], expiresAtMs?: number): Grounds {
    return {
      keys,
      expiresAtMs,
      look: () => {
        this.looked.push(name);
        return this.refused.has(name) ? refusal : ok(undefined);
      },
      cut: () => this.cut.push(name),
    };
  }

  change(...changedKeys: string[]): void {
    const none = new Set<never>();
    const nothing = { services: none, instructed: none, nodes: none, haGroups: none, events: [] };
    this.#listener?.changed({ revision: 1, ...nothing, changedKeys });
  }

  reset(): void {
    this.#listener?.reset();
  }
}

test("Standings look only at what rests on a changed record, however many are open", () => {
  const bench = new Bench();
  for (let count = 0; count < 10_000; count += 1) {
    bench.standings.begin(bench.grounds(`t${count}`, [`tokens/t${count}`, "users/eve"]));
  }
  bench.looked.length = 0;
  bench.change("reports/process:api", "tokens/unknown", "revocations/00AB");
  assert.deepEqual(bench.looked, []);
  bench.change("tokens/t7", "audit/1");
  assert.deepEqual(bench.looked, ["t7"]);
  bench.reset();
  assert.equal(bench.looked.length, 10_001, "after a gap each is looked at");
});

test("Standings end what is refused once, by the way that was given, or by cutting it off", () => {
  const bench = new Bench();
  const told: string[] = [];
  const { standing } = bench.standings.begin(bench.grounds("told", ["tokens/a"]));
  standing.onLost(({ detail }) => told.push(detail));
  bench.standings.begin(bench.grounds("cut", ["revocations/ab"]));
  bench.refused.add("told").add("cut");
  bench.change("tokens/a", "tokens/a", "revocations/00:AB");
  bench.change("tokens/a", "revocations/ab");
  assert.deepEqual([told, bench.cut], [["the token was revoked"], ["cut"]]);
  standing.onLost(({ detail }) => told.push(`late: ${detail}`));
  assert.deepEqual(
    told.slice(1),
    ["late: the token was revoked"],
    "whoever comes late hears of it",
  );
});

test("Standings look when the time is over, and wait for nothing that has ended", () => {
  const bench = new Bench();
  const untilMs = bench.clock.wallMs() + 10_000_000;
  const { end } = bench.standings.begin(bench.grounds("ended", ["tokens/a"], untilMs));
  bench.standings.begin(bench.grounds("expires", ["tokens/b"], untilMs));
  end();
  assert.equal(bench.clock.timerCount, 1);
  bench.clock.advance(9_999_999);
  assert.deepEqual(bench.cut, []);
  bench.refused.add("expires").add("ended");
  bench.clock.advance(1);
  assert.deepEqual(bench.cut, ["expires"]);
  assert.equal(bench.clock.timerCount, 0);
});

async function watching(
  t: TestContext,
  harness: Harness,
  more: { readonly token: string; readonly headers?: Readonly<Record<string, string>> },
): Promise<StreamReader> {
  const stream = await openStream(harness.server.url, "/v1/watch", more);
  t.after(() => stream.close());
  assert.equal(stream.status, 200, stream.text());
  await stream.until("all there is", ({ event }) => event === "ready");
  return stream;
}

const isProblem = ({ event }: ReadMessage) => event === "problem";

/** It was told why, it ended, and who tries again is refused. */
async function assertEnded(stream: StreamReader, why: RegExp): Promise<void> {
  const { data } = await stream.until("the reason", isProblem);
  assert.match(String(data["detail"]), why);
  await eventually("the stream has ended", stream.ended);
}

async function assertGoesOn(harness: Harness, stream: StreamReader, name: string): Promise<void> {
  await harness.call("POST", "/v1/services", { body: serviceBody(name) });
  await stream.until("the new service", ({ event, data }) => {
    return event === "service" && String(data["id"]) === `process:${name}`;
  });
  assert.ok(!stream.ended() && !stream.messages.some(isProblem));
}

const userChanges: readonly (readonly [string, string, string, object | undefined, RegExp])[] = [
  ["was removed", "DELETE", "/v1/users/eve", undefined, /"eve" was removed, or has another/],
  [
    "has another password",
    "PUT",
    "/v1/users/eve/password",
    { password: "another horse" },
    /"eve" was removed, or has another password since/,
  ],
];

for (const [what, method, path, body, why] of userChanges) {
  test(`GET /v1/watch ends for a user who ${what}, with each kind of proof`, async (t) => {
    const harness = await startHarness(t);
    await addUser(harness, "eve", "operator");
    const login = await logIn(harness, "eve");
    const own = await makeToken(harness, { role: "user", own: true }, login);
    const headers = basic("eve");
    const streams = [
      await watching(t, harness, { token: login }),
      await watching(t, harness, { token: own }),
      await watching(t, harness, { token: "", headers }),
    ];
    const others = await watching(t, harness, { token: harness.adminToken });
    const changed = await harness.call(method, path, { body });
    assert.ok(changed.status < 300, changed.text);
    for (const stream of streams) await assertEnded(stream, why);
    assert.equal((await harness.call("GET", "/v1/watch", { token: login })).status, 401);
    const again = await harness.call("GET", "/v1/watch", { token: undefined, headers });
    assert.equal(again.status, 401);
    await assertGoesOn(harness, others, "later");
  });
}

test("GET /v1/watch ends with its token, and goes on after changes that take nothing away", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "eve", "admin");
  const login = await logIn(harness, "eve");
  const made = await harness.call("POST", "/v1/tokens", { body: { role: "viewer", name: "tv" } });
  const byToken = await watching(t, harness, { token: String(made.json["token"]) });
  const byLogin = await watching(t, harness, { token: login });
  const byPassword = await watching(t, harness, { token: "", headers: basic("eve") });
  const role = await harness.call("PUT", "/v1/users/eve/role", { body: { role: "viewer" } });
  assert.ok(role.status < 300, role.text);
  const revoked = await harness.call("DELETE", `/v1/tokens/${String(made.json["id"])}`);
  assert.equal(revoked.status, 204, revoked.text);
  await assertEnded(byToken, /the token was revoked/);
  await assertGoesOn(harness, byLogin, "first");
  await assertGoesOn(harness, byPassword, "second");
  const left = await harness.call("POST", "/v1/logout", { token: login });
  assert.equal(left.status, 204, left.text);
  await assertEnded(byLogin, /the token was revoked/);
});

test("GET /v1/watch ends at the instant when its token expires", async (t) => {
  const harness = await startHarness(t);
  const body = { role: "viewer", ttlMs: 2_000 };
  const made = await harness.call("POST", "/v1/tokens", { body });
  const token = String(made.json["token"]);
  const expiresAtMs = Number(made.json["expiresAtMs"]);
  const stream = await watching(t, harness, { token });
  await assertEnded(stream, /has expired at/);
  assert.ok(Date.now() >= expiresAtMs);
  assert.equal((await harness.call("GET", "/v1/watch", { token })).status, 401);
});

/** A service on `node1`, and the stream of an agent that the test plays. */
async function withAgent(t: TestContext): Promise<{
  readonly harness: Harness;
  readonly agentToken: string;
  readonly instructions: StreamReader;
}> {
  const harness = await startHarness(t);
  const { token: agentToken } = await harness.agent("node1");
  await harness.call("POST", "/v1/services", { body: serviceBody("api") });
  await eventually("it runs, as far as the manager knows", async () => {
    const { json } = await harness.call("GET", "/v1/services/process:api");
    return String(json["state"]) === "started";
  });
  const instructions = await openInstructions(harness.server.url, {
    token: agentToken,
  });
  t.after(() => instructions.close());
  await instructions.until("the snapshot", ({ event }) => event === "snapshot");
  return { harness, agentToken, instructions };
}

const idOf = (token: string) => token.split("_")[1] ?? "";

test("POST /v1/agent/instructions ends with its token", async (t) => {
  const { harness, agentToken, instructions } = await withAgent(t);
  assert.equal((await harness.call("DELETE", `/v1/tokens/${idOf(agentToken)}`)).status, 204);
  await eventually("the stream has ended", instructions.ended);
  const again = await harness.call("POST", "/v1/agent/instructions", { token: agentToken });
  assert.equal(again.status, 401);
});

/** A request with a body that goes on. */
function begin(harness: Harness, path: string, token: string, type: string): ClientRequest {
  const call = request(`${harness.server.url}${path}`, {
    method: "POST",
    agent: false,
    headers: { authorization: `Bearer ${token}`, "content-type": type },
  });
  call.on("error", () => undefined); // "close" says that it is over
  call.flushHeaders();
  return call;
}

test("GET /v1/services/:id/logs that follows ends with its token, at the agent too", async (t) => {
  const { harness, agentToken, instructions } = await withAgent(t);
  const token = await makeToken(harness, { role: "viewer" });
  const path = "/v1/services/process:api/logs?follow=true";
  const opening = openStream(harness.server.url, path, { token });
  const { data } = await instructions.until("the wish", ({ event }) => event === "log-request");
  const upload = begin(
    harness,
    `/v1/agent/logs/${String(data["requestId"])}`,
    agentToken,
    "text/plain",
  );
  t.after(() => upload.destroy());
  upload.write("a line\n");
  const output = await opening;
  t.after(() => output.close());
  await eventually("the line is there", () => output.text().includes("a line"));
  let isUploadOver = false;
  upload.once("close", () => {
    isUploadOver = true;
  });
  assert.equal((await harness.call("DELETE", `/v1/tokens/${idOf(token)}`)).status, 204);
  await eventually("the output has ended", output.ended);
  await eventually("the agent's request has ended", () => isUploadOver);
  assert.equal((await harness.call("GET", path, { token })).status, 401);
});

interface OpenExec {
  readonly person: ClientRequest;
  readonly frames: Frame[];
  readonly isAgentOver: () => boolean;
}

async function execAs(
  t: TestContext,
  token: string,
  { harness, agentToken, instructions }: Awaited<ReturnType<typeof withAgent>>,
): Promise<OpenExec> {
  const person = begin(harness, "/v1/services/process:api/exec", token, execContentType);
  t.after(() => person.destroy());
  const frames: Frame[] = [];
  const reader = createFrameReader();
  person.on("response", (response) => {
    response.on("error", () => undefined); // as above
    response.on("data", (bytes: Buffer) => {
      const read = reader.read(bytes);
      if (read.ok) frames.push(...read.value);
    });
  });
  person.write(encodeJson("open", { command: ["sleep", "1000"] }));
  const { data } = await instructions.until("the wish", ({ event }) => event === "exec-request");
  const agentPath = `/v1/agent/exec/${String(data["requestId"])}`;
  const agent = begin(harness, agentPath, agentToken, execContentType);
  t.after(() => agent.destroy());
  let isAgentOver = false;
  agent.once("close", () => {
    isAgentOver = true;
  });
  const answered = new Promise<void>((resolve) => {
    agent.on("response", (response) => {
      response.on("error", () => undefined); // as above
      response.once("data", () => resolve());
    });
  });
  await answered;
  return { person, frames, isAgentOver: () => isAgentOver };
}

test("POST /v1/services/:id/exec ends for a user whose role is taken away, and the agent is cut off", async (t) => {
  const world = await withAgent(t);
  const { harness } = world;
  await addUser(harness, "eve", "admin");
  const open = await execAs(t, await logIn(harness, "eve"), world);
  const body = { role: "owner", ownsServices: ["process:api"] };
  assert.ok((await harness.call("PUT", "/v1/users/eve/role", { body })).status < 300);
  await harness.call("PUT", "/v1/settings", { body: { profile: "fast" } });
  assert.ok(!open.isAgentOver(), "the owner of the service may go on");
  assert.ok(
    (await harness.call("PUT", "/v1/users/eve/role", { body: { role: "operator" } })).status < 300,
  );
  await eventually("the last word", () => open.frames.at(-1)?.kind === "end");
  const last = open.frames.at(-1);
  assert.ok(last !== undefined);
  const { message } = jsonOfFrame(last) as { message: string }; // what the last frame holds
  assert.match(message, /permission "service\.exec".*the command ends too/);
  await eventually("the agent's request is cut off", open.isAgentOver);
});

test("PUT /v1/bundles is cut off with its token, in the middle of the file", async (t) => {
  const harness = await startHarness(t);
  const token = await makeToken(harness, { role: "admin" });
  const upload = request(`${harness.server.url}/v1/bundles/${"a".repeat(64)}?name=b`, {
    method: "PUT",
    agent: false,
    headers: { authorization: `Bearer ${token}`, "content-length": "1000000" },
  });
  let isOver = false;
  upload.on("error", () => undefined); // as above
  upload.once("close", () => {
    isOver = true;
  });
  t.after(() => upload.destroy());
  upload.write(Buffer.alloc(1_000));
  const folder = join(harness.dataDirectory, "bundles");
  const drafts = () => readdirSync(folder).filter((name) => name.startsWith(".push-"));
  await eventually("the file is being written", () => drafts().length === 1);
  assert.equal((await harness.call("DELETE", `/v1/tokens/${idOf(token)}`)).status, 204);
  await eventually("the upload is over", () => isOver);
  const list = await harness.call("GET", "/v1/bundles");
  assert.deepEqual(list.json["items"], []);
  await eventually("nothing of it is left", () => drafts().length === 0);
});

test("the token of a removed node opens nothing any more, and its agent is told why", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  const { token } = agent;
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  const stream = await openInstructions(harness.server.url, { token });
  t.after(() => stream.close());
  await eventually("it is removed", async () => {
    return (await harness.call("DELETE", "/v1/nodes/node1")).status === 204;
  });
  await eventually("its stream has ended", stream.ended);
  for (const [method, path] of [
    ["POST", "/v1/agent/instructions"],
    ["POST", "/v1/agent/join"],
    ["POST", "/v1/agent/lease"],
  ] as const) {
    const answer = await send(harness.server.url, method, path, { token, body: {} });
    assert.equal(answer.status, 403, path);
    assert.match(String(answer.json["detail"]), /"node1" was taken out of the cluster/, path);
  }
  const newer = await harness.agentToken("node1");
  const body = { agentVersion: "1", properties: {} };
  const joined = await harness.call("POST", "/v1/agent/join", { token: newer, body });
  assert.equal(joined.status, 200, joined.text);
  const old = await harness.call("POST", "/v1/agent/join", { token, body });
  assert.equal(old.status, 401, "it cannot speak for the new node");
});
