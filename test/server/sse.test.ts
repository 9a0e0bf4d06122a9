import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect } from "node:net";
import test from "node:test";
import { createStreamSet, type SseStream, sseText } from "../../src/server/http/sse.ts";
import { personStreamsMax } from "../../src/server/limits.ts";
import { eventually } from "./harness.ts";

test("sseText() writes one message with its id", () => {
  const text = sseText({ event: "service", id: 7, data: { line: "a\nb" } });
  assert.equal(text, 'event: service\nid: 7\ndata: {"line":"a\\nb"}\n\n');
});

test("SseStream drops a reader that does not read, instead of gathering what it misses", async (t) => {
  const streams = createStreamSet();
  const opened: SseStream[] = [];
  const server = createServer((_request, response) => {
    const stream = streams.open(response, "person");
    if (stream !== undefined) opened.push(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    streams.closeAll();
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const reader = connect(address.port, "127.0.0.1");
  reader.on("error", () => undefined); // the server drops it, which is what is tested
  reader.pause();
  t.after(() => reader.destroy());
  reader.write("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
  await eventually("the stream is open", () => opened.length === 1);
  const [stream] = opened;
  assert.ok(stream !== undefined);
  const data = "x".repeat(262_144);
  let sentCount = 0;
  while (!stream.closed && sentCount < 400) {
    stream.send({ event: "service", data });
    sentCount += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(stream.closed, true, `${sentCount} messages of 256 KiB`);
  stream.send({ event: "service", data }); // is for nobody, and no error
});

test("StreamSet keeps no place for a reader who went away before the stream began", async (t) => {
  const streams = createStreamSet();
  const opened: (SseStream | undefined)[] = [];
  const server = createServer((_request, response) => {
    // As a handler does that looks something up first.
    response.once("close", () => opened.push(streams.open(response, "person")));
    response.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    streams.closeAll();
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  for (let count = 0; count < personStreamsMax + 1; count += 1) {
    const reader = connect(address.port, "127.0.0.1");
    reader.on("error", () => undefined); // the server cuts it off
    reader.write("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    await eventually("it is cut off", () => opened.length === count + 1);
    reader.destroy();
  }
  assert.ok(opened.every((stream) => stream?.closed === true));
});
