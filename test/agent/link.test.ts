/** The agent's calls to servers, against servers that misbehave: every call ends, and the lease waits for nothing. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test } from "node:test";
import { openRequest } from "../../src/agent/link/http.ts";
import { join } from "../../src/agent/link/join.ts";
import { anyAnswerSchema, createServers, type Servers } from "../../src/agent/link/servers.ts";
import { issuePair, dayMs as lifeMs, makeAuthority } from "../certificates/support/tools.ts";
import { createTestLog, realClock } from "./support/tools.ts";

async function withServer(server: Server, body: (servers: Servers) => Promise<void>) {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  const servers = createServers({ urls: [`http://127.0.0.1:${port}`], token: "t" });
  try {
    await body(servers);
  } finally {
    servers.close();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Begins every answer, and does `then` in the midst of it. */
function halfAnswering(then: "end" | "reset" | "stall") {
  return createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a":');
      if (then === "end") setTimeout(() => socket.end(), 20);
      if (then === "reset") setTimeout(() => socket.resetAndDestroy(), 20);
    });
  });
}

for (const then of ["end", "reset", "stall"] as const) {
  test(`a call ends when its server begins an answer and then: ${then}`, { timeout: 5_000 }, () =>
    withServer(halfAnswering(then), async (servers) => {
      const limits = { timeoutMs: 300 };
      const answer = await servers.call("/v1/agent/lease", {}, anyAnswerSchema, limits);
      assert.equal(answer.kind, "unreachable");
    }),
  );
}

test("an agent joins on when a server is busy, and is turned away by a bad token alone", async () => {
  const answers = [
    [429, "too-many"],
    [409, "conflict"],
    [500, "internal"],
    [401, "bad-token"],
  ] as const;
  let count = 0;
  const server = createHttpServer((_request, response) => {
    const [status, code] = answers[Math.min(count, answers.length - 1)] ?? [401, "bad-token"];
    count += 1;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ code, detail: code }));
  });
  await withServer(server, async (servers) => {
    const { signal } = servers;
    const facts = { version: "test", properties: {}, log: createTestLog(), clock: realClock };
    const joined = await join({ ...facts, servers, signal });
    const error =
      "the server refuses this agent: bad-token; make a new one with: holdfast token create --node NAME --out FILE";
    assert.deepEqual(joined, { ok: false, error });
    assert.equal(count, answers.length);
    server.closeAllConnections();
  });
});

/** As a server answers by whose clock the caller's certificate does not count yet. */
async function earlyServer(turns: number) {
  let count = 0;
  const server = createHttpServer((_request, response) => {
    count += 1;
    const isEarly = count <= turns;
    response.writeHead(isEarly ? 503 : 200, { "content-type": "application/json" });
    const problem = { code: "unavailable", detail: "the client certificate counts from later on" };
    response.end(JSON.stringify(isEarly ? problem : { node: "n1", serverVersion: "1" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, close, asked: () => count };
}

/** Joins with a certificate of a day that began so long ago. */
async function joinWith(servers: Servers, beganMs = 0) {
  const pair = await issuePair(await makeAuthority(), {}, { nowMs: Date.now() - beganMs, lifeMs });
  const log = createTestLog();
  const parts = { version: "test", properties: {}, log, clock: realClock, signal: servers.signal };
  const joined = await join({ ...parts, servers, certificate: { current: () => pair } });
  return { joined, log };
}

test("an agent whose certificate does not count yet by a server's clock asks the next one, and again", {
  timeout: 20_000,
}, async (t) => {
  const early = await earlyServer(2);
  t.after(early.close);
  const alone = createServers({ urls: [early.url] });
  t.after(() => alone.close());
  const { joined, log } = await joinWith(alone);
  assert.deepEqual(joined, { ok: true, value: "n1" });
  assert.equal(early.asked(), 3);
  assert.equal(log.lines.length, 1, "one line for as long as it is the same");
  assert.match(log.lines[0] ?? "", /cannot join yet: .*counts from later on/);

  const [wrong, right] = [await earlyServer(99), await earlyServer(0)];
  t.after(wrong.close);
  t.after(right.close);
  const both = createServers({ urls: [wrong.url, right.url] });
  t.after(() => both.close());
  assert.deepEqual((await joinWith(both)).joined, { ok: true, value: "n1" });
  assert.deepEqual([wrong.asked(), right.asked(), both.preferred()], [1, 1, right.url]);
});

test("an agent whose certificate is over by its own clock as well says what to do", {
  timeout: 20_000,
}, async (t) => {
  const early = await earlyServer(1);
  t.after(early.close);
  const servers = createServers({ urls: [early.url] });
  t.after(() => servers.close());
  const { log } = await joinWith(servers, 2 * lifeMs);
  assert.match(
    log.lines[0] ?? "",
    /by this machine's clock, too, its certificate is over since .* GMT: join it anew, .*holdfast join-script --node/,
  );
});

test("the lease is renewed while every other connection is taken", { timeout: 10_000 }, () => {
  const stuck = createHttpServer((request, response) => {
    if (request.url === "/lease") response.end("{}"); // all others wait for ever
  });
  return withServer(stuck, async (servers) => {
    const { streams, token, signal, urls } = servers;
    for (let count = 0; count < 100; count += 1) {
      const place = { server: urls()[0] ?? "", path: "/follow", token, signal };
      const follower = openRequest(streams, { ...place, method: "POST", headers: {} });
      follower.on("error", () => undefined);
      follower.flushHeaders();
      void servers.call("/report", {}, anyAnswerSchema, { timeoutMs: 2_000 });
    }
    const limits = { timeoutMs: 1_000, lane: "lease" } as const;
    const answer = await servers.call("/lease", {}, anyAnswerSchema, limits);
    assert.equal(answer.kind, "ok");
    stuck.closeAllConnections();
  });
});

/** Answers with its own name after a delay; undefined: never. */
async function namedServer(name: string, delayMs: number | undefined) {
  const server = createHttpServer((_request, response) => {
    if (delayMs !== undefined) setTimeout(() => response.end(JSON.stringify({ name })), delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, close };
}

for (const { first, second, winner, isTold } of [
  { first: undefined, second: 0, winner: "second", isTold: true },
  { first: 150, second: 2_000, winner: "first", isTold: false },
]) {
  test(`call() with a stagger is answered by the ${winner}, and says when that one was asked`, async () => {
    const asked = [await namedServer("first", first), await namedServer("second", second)];
    const servers = createServers({ urls: asked.map(({ url }) => url), token: "t" });
    const told: string[] = [];
    servers.onFailure((server) => told.push(server));
    const stamps: number[] = [];
    const stamp = (): number => {
      stamps.push(performance.now());
      return stamps.length;
    };
    const limits = { timeoutMs: 4_000, staggerMs: 60, stamp };
    const answer = await servers.call("/lease", {}, anyAnswerSchema, limits);
    assert.deepEqual(answer, {
      kind: "ok",
      value: { name: winner },
      stamp: winner === "first" ? 1 : 2,
    });
    const [one = 0, two = 0] = stamps;
    assert(stamps.length === 2 && two - one >= 55, `asked at ${stamps.join()}`);
    const winnerUrl = asked[winner === "first" ? 0 : 1]?.url;
    assert.equal(servers.preferred(), winnerUrl);
    assert.deepEqual(
      told,
      isTold ? [asked[0]?.url] : [],
      "the silent one is left by all others too",
    );
    servers.close();
    for (const { close } of asked) close();
  });
}

test("call() leaves a server at once that another call found silent", {
  timeout: 5_000,
}, async () => {
  const asked = [await namedServer("first", undefined), await namedServer("second", 0)];
  const servers = createServers({ urls: asked.map(({ url }) => url), token: "t" });
  const fromMs = performance.now();
  const patient = servers.call("/report", {}, anyAnswerSchema, { timeoutMs: 4_000 });
  await servers.call("/lease", {}, anyAnswerSchema, { timeoutMs: 4_000, staggerMs: 50 });
  const answer = await patient;
  assert(answer.kind === "ok" && performance.now() - fromMs < 3_000);
  assert.deepEqual(answer.value, { name: "second" });
  servers.close();
  for (const { close } of asked) close();
});
