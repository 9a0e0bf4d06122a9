/** Server-sent events, cut anywhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readServerSentEvents, type ServerSentEvent } from "../../src/client/server-sent-events.ts";

const text =
  ': hello\n\nevent: service\nid: 7\ndata: {"a":1}\n\ndata:second\ndata: line\n\nevent: empty\n\nid: 9\r\nevent: x\r\ndata: ü\r\n\r\nevent: cut';

const events: readonly ServerSentEvent[] = [
  { event: "service", id: "7", data: '{"a":1}' },
  { event: "message", id: "7", data: "second\nline" },
  { event: "x", id: "9", data: "ü" },
];

async function read(chunks: readonly string[]): Promise<ServerSentEvent[]> {
  async function* stream(): AsyncIterable<string> {
    yield* chunks;
  }
  const read: ServerSentEvent[] = [];
  for await (const event of readServerSentEvents(stream())) read.push(event);
  return read;
}

test("readServerSentEvents() gives events with data, keeps the last id, and drops what is cut off", async () => {
  assert.deepEqual(await read([text]), events);
});

test("readServerSentEvents() gives the same however the text is cut", async () => {
  const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000);
  console.log(`seed ${seed} (set HOLDFAST_SEED to repeat)`);
  const cuts = fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 12 });
  const property = fc.asyncProperty(cuts, async (points) => {
    const sorted = [0, ...points.toSorted((left, right) => left - right), text.length];
    const chunks = sorted.slice(1).map((end, index) => text.slice(sorted[index], end));
    assert.deepEqual(await read(chunks), events);
  });
  await fc.assert(property, { seed, numRuns: 200 });
});
