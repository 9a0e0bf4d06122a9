/** A server that ends waits for answers that are under way, and for nobody who only keeps a connection. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../src/ports/log.ts";
import { type App, createApp } from "../../src/server/http/app.ts";

const quietLog: Log = { write: () => undefined, with: () => quietLog };
/** Far less than the 72 s for which the framework keeps an idle connection. */
const closedMsMax = 5_000;

interface Slow {
  readonly app: App;
  /** Resolves once a request for `/slow` is under way. */
  readonly asked: Promise<void>;
  answer(): void;
  get(path: string): Promise<IncomingMessage>;
}

/** Listens; whoever asks for `/slow` waits for `answer`. Its client keeps connections. */
async function startSlow(t: TestContext): Promise<Slow> {
  const app = await createApp({ log: quietLog, version: "0", answers: "trusted" });
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  app.get("/slow", { schema: { hide: true }, config: { facade: true } }, async () => {
    asked.resolve();
    await answered.promise;
    return { done: true };
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const [address] = app.addresses();
  assert.ok(typeof address === "object");
  const { port } = address;
  const agent = new Agent({ keepAlive: true });
  t.after(() => {
    agent.destroy();
    return app.close();
  });
  const get = async (path: string): Promise<IncomingMessage> => {
    const outgoing = request({ agent, host: "127.0.0.1", port, path }).end();
    const [response]: IncomingMessage[] = await once(outgoing, "response");
    assert.ok(response !== undefined);
    response.resume();
    return response;
  };
  return { app, asked: asked.promise, answer: answered.resolve, get };
}

async function turnsOfLoop(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
}

test("createApp() closes soon after the last answer, also where its client keeps the connection", {
  timeout: 30_000,
}, async (t) => {
  const { app, asked, answer, get } = await startSlow(t);
  const response = get("/slow");
  await asked;
  const beganAtMs = performance.now();
  const closed = app.close();
  // Idle connections are closed in this moment, and this one is none of them.
  while (app.server.listening) await sleep(10);
  await turnsOfLoop(10);
  answer();
  assert.equal((await response).statusCode, 200);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, closedMsMax).unref())]);
  const tookMs = performance.now() - beganAtMs;
  assert.ok(tookMs < closedMsMax, `it is still open after ${Math.round(tookMs)} ms`);
});
