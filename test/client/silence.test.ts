/** A server that has taken a request and is silent then: others are asked where there are any. */
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { type TestContext, test } from "node:test";
import { createClient } from "../../src/client/client.ts";

/** Its base address; it ends with the test. */
async function listening(context: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return `http://127.0.0.1:${address.port}`;
}

const empty: RequestListener = (_request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ revision: 1, items: [] }));
};
const never: RequestListener = () => undefined;
const hanging: RequestListener = (request, response) => {
  if (request.url === "/livez") response.end("ok");
};

test("a read goes to the next server when the one that was asked stands still", async (context) => {
  const server = await listening(context, never);
  const otherServers = [await listening(context, empty)];
  const client = createClient({ server, otherServers, timeoutMs: 60_000 });
  const fromMs = performance.now();
  const answer = await client.groups();
  assert.deepEqual(answer.ok && answer.value.items, []);
  assert(performance.now() - fromMs < 30_000, "it does not wait for its time-out");
});

test("a change is not repeated at another server: it may have been made", async (context) => {
  const server = await listening(context, never);
  let askedCount = 0;
  const other: RequestListener = (request, response) => {
    askedCount += 1;
    empty(request, response);
  };
  const otherServers = [await listening(context, other)];
  const client = createClient({ server, otherServers, timeoutMs: 60_000 });
  const answer = await client.removeGroup("g");
  assert(!answer.ok);
  assert.equal(answer.error.kind, "cut-off");
  assert.match(answer.error.message, /may have been made/);
  assert.equal(askedCount, 0);
});

test("when no server can do it, the words are those of one that answers, not of one that is gone", async (context) => {
  const gone = "http://127.0.0.1:9";
  const cutOff = await listening(context, (_request, response) => {
    response.writeHead(503, { "content-type": "application/problem+json" });
    response.end(
      JSON.stringify({
        ...{ type: "urn:holdfast:error:unavailable", title: "Unavailable", status: 503 },
        ...{ code: "unavailable", detail: "the store has no leader", hint: "try again" },
      }),
    );
  });
  for (const [server, other] of [
    [gone, cutOff],
    [cutOff, gone],
  ] as const) {
    const answer = await createClient({ server, otherServers: [other] }).groups();
    assert(!answer.ok);
    assert.match(answer.error.message, /the store has no leader/);
  }
});

test("a server that lives is waited for, and so is the only one", async (context) => {
  const slow = await listening(context, hanging);
  const silent = await listening(context, never);
  const other = await listening(context, empty);
  const timeoutMs = 7_000;
  const both = createClient({ server: slow, otherServers: [other], timeoutMs });
  const alone = createClient({ server: silent, timeoutMs });
  const answers = await Promise.all([both.groups(), alone.groups()]);
  for (const answer of answers) {
    assert(!answer.ok);
    assert.equal(answer.error.kind, "timed-out");
  }
});
