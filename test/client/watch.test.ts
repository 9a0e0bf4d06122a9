/** The watch over lost connections, and requests that never get an answer. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { createClient } from "../../src/client/client.ts";
import type { WatchUpdate } from "../../src/client/watch.ts";
import { problemOf } from "../../src/wire/errors.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that gives one answer after the other, the last one again and again. */
async function serve(context: TestContext, answers: readonly Answer[]): Promise<Served> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(paths.length, answers.length - 1)];
    paths.push(request.url ?? "");
    answer?.(request, response);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, paths };
}

interface Served {
  readonly url: string;
  /** What was asked for. */
  readonly paths: readonly string[];
}

function event(revision: number, sentence: string): string {
  const resource = {
    revision,
    sequence: String(revision),
    atMs: 1,
    kind: "service",
    subject: "process:a",
    code: "added",
    sentence,
  };
  return `event: event\nid: ${revision}\ndata: ${JSON.stringify(resource)}\n\n`;
}

const ready = (revision: number): string => `event: ready\nid: ${revision}\ndata: {}\n\n`;

/** Sends this much and ends the stream. */
function stream(...parts: readonly string[]): Answer {
  return (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(parts.join(""));
  };
}

function refuse(code: Parameters<typeof problemOf>[0]): Answer {
  return (_request, response) => {
    response.writeHead(problemOf(code, "").status);
    response.end(JSON.stringify(problemOf(code, "it says so")));
  };
}

interface Wanted {
  readonly after?: number;
  /** Ends the watch once this sentence has come. */
  readonly until: string;
}

/** What a watch tells, in short words. */
async function follow(served: Served, wanted: Wanted): Promise<string[]> {
  const ended = new AbortController();
  const told: string[] = [];
  const client = createClient({ server: served.url });
  const watch = client.watch({ kinds: ["event"], after: wanted.after, signal: ended.signal });
  for await (const update of watch) {
    told.push(update.ok ? wordOf(update.value) : `failed: ${update.error.message}`);
    if (told.at(-1) === wanted.until) ended.abort();
  }
  return told;
}

function wordOf(update: WatchUpdate): string {
  if (update.kind === "event") return update.resource.sentence;
  return update.kind === "ready" ? `ready ${update.revision}` : update.kind;
}

test("watch() goes on after the last revision it saw, and tells nothing twice", async (context) => {
  const served = await serve(context, [
    stream(ready(4), event(5, "one"), event(6, "two")),
    stream(event(7, "three"), ready(7)),
    stream(ready(7), event(8, "four")),
  ]);
  assert.deepEqual(await follow(served, { until: "four" }), [
    "ready 4",
    "one",
    "two",
    "lost",
    "three",
    "ready 7",
    "lost",
    "ready 7",
    "four",
  ]);
  assert.deepEqual(served.paths, [
    "/v1/watch?kinds=event",
    "/v1/watch?kinds=event&after=6",
    "/v1/watch?kinds=event&after=7",
  ]);
});

test("watch() begins anew when it was cut before the beginning was told", async (context) => {
  const served = await serve(context, [
    stream(event(5, "half")),
    stream(event(5, "half"), ready(6), event(7, "end")),
  ]);
  assert.deepEqual(await follow(served, { until: "end" }), [
    "half",
    "lost",
    "reset",
    "half",
    "ready 6",
    "end",
  ]);
  assert.deepEqual(served.paths, ["/v1/watch?kinds=event", "/v1/watch?kinds=event"]);
});

test("watch() forgets a revision whose history is gone, and says so", async (context) => {
  const served = await serve(context, [
    stream(ready(4)),
    refuse("compacted"),
    stream(ready(900), event(901, "end")),
  ]);
  assert.deepEqual(await follow(served, { until: "end" }), [
    "ready 4",
    "lost",
    "lost",
    "reset",
    "ready 900",
    "end",
  ]);
  assert.equal(served.paths.at(-1), "/v1/watch?kinds=event");
});

test("watch() ends when the server refuses for good, also later", async (context) => {
  const atOnce = await serve(context, [refuse("bad-token")]);
  assert.deepEqual(await follow(atOnce, { until: "" }), ["failed: it says so"]);
  const later = await serve(context, [stream(ready(4)), refuse("token-expired")]);
  assert.deepEqual(await follow(later, { until: "" }), ["ready 4", "lost", "failed: it says so"]);
});

test("watch() ends when nobody is there at first", async () => {
  const nobody = { url: "http://127.0.0.1:9", paths: [] };
  const [told, ...more] = await follow(nobody, { until: "" });
  assert.match(told ?? "", /^failed: cannot reach http:\/\/127\.0\.0\.1:9: nothing listens there$/);
  assert.deepEqual(more, []);
});

test("watch() leaves out kinds that it does not know", async (context) => {
  const future = "event: rule\nid: 5\ndata: {}\n\n";
  const served = await serve(context, [stream(ready(4), future, event(6, "end"))]);
  assert.deepEqual(await follow(served, { until: "end" }), ["ready 4", "end"]);
});

test("createClient() gives up after its time, and says that a change may have been made", async (context) => {
  const served = await serve(context, [() => undefined]);
  const client = createClient({ server: served.url, timeoutMs: 30 });
  const read = await client.services();
  assert.ok(!read.ok && read.error.kind === "timed-out");
  assert.match(read.error.message, /^no answer from http:.* within 0\.03 s$/);
  const change = await client.changeService("process:a", { state: "stopped" });
  assert.ok(!change.ok && change.error.kind === "timed-out");
  assert.match(change.error.message, /the change may have been made all the same$/);
});

test("createClient() gives up after its time when an answer stops half-way", async (context) => {
  const served = await serve(context, [
    (_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"items":');
    },
  ]);
  const read = await createClient({ server: served.url, timeoutMs: 50 }).services();
  assert.ok(!read.ok && read.error.kind === "timed-out");
});

test("createClient() says so when its caller gives up", async (context) => {
  const interruption = new AbortController();
  const served = await serve(context, [() => interruption.abort()]);
  const client = createClient({ server: served.url, signal: interruption.signal });
  const read = await client.nodes();
  assert.ok(!read.ok && read.error.kind === "aborted");
});

test("createClient() refuses answers of another form, and names what is wrong", async (context) => {
  const served = await serve(context, [(_request, response) => response.end('{"items":[{}]}')]);
  const read = await createClient({ server: served.url }).services();
  assert.ok(!read.ok && read.error.kind === "bad-answer");
  assert.match(read.error.message, /items\.0\.id/);
});

test("createClient() tells every fault of a problem once", async (context) => {
  const faults = [
    { path: "process.command", message: "too long" },
    { path: "node", message: "no such name" },
  ];
  const served = await serve(context, [
    (_request, response) => {
      response.writeHead(400);
      response.end(JSON.stringify(problemOf("bad-input", "node: no such name", faults)));
    },
  ]);
  const read = await createClient({ server: served.url }).services();
  assert.ok(!read.ok);
  assert.equal(read.error.message, "node: no such name; process.command: too long");
  assert.deepEqual([read.error.code, read.error.exitCode], ["bad-input", 2]);
});
