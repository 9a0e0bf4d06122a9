/** Lease requests over the stream of an agent's instructions. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import {
  type AgentDouble,
  eventually,
  type Harness,
  openStream,
  type StreamReader,
  startHarness,
} from "./harness.ts";

async function withStream(
  t: TestContext,
): Promise<{ harness: Harness; agent: AgentDouble; stream: StreamReader }> {
  const harness = await startHarness(t);
  const agent = await harness.agent("node1");
  return { harness, agent, stream: await open(t, harness, agent) };
}

async function open(
  t: TestContext,
  harness: Harness,
  { token }: { readonly token: string },
): Promise<StreamReader> {
  const stream = await openStream(harness.server.url, "/v1/agent/instructions", {
    ...{ token, method: "POST", hasBody: true },
    headers: { "content-type": "application/x-ndjson" },
  });
  t.after(() => stream.close());
  assert.equal(stream.status, 200, stream.text());
  await stream.until("the snapshot", ({ event }) => event === "snapshot");
  return stream;
}

function line(id: number, { incarnation, leaseId, epoch }: AgentDouble): string {
  return `${JSON.stringify({ id, lease: { incarnation, renew: { leaseId, epoch } } })}\n`;
}

async function answerTo(stream: StreamReader, id: number) {
  const { data } = await stream.until(
    `the answer to ${id}`,
    ({ event, data: said }) => event === "lease-answer" && Number(said["id"]) === id,
  );
  return { status: data["status"], body: data["body"] };
}

test("a line of the stream is answered as POST /v1/agent/lease is, however it is cut", async (t) => {
  const { agent, stream } = await withStream(t);
  stream.write(line(1, agent));
  const { json } = await agent.post("/v1/agent/lease", {
    incarnation: agent.incarnation,
    renew: { leaseId: agent.leaseId, epoch: agent.epoch },
  });
  assert.deepEqual(await answerTo(stream, 1), { status: 200, body: json });
  const text = line(2, agent);
  for (const character of text) stream.write(character);
  assert.equal((await answerTo(stream, 2)).status, 200);
  stream.write(line(3, agent) + line(4, agent).trimEnd());
  assert.equal((await answerTo(stream, 3)).status, 200);
  stream.write("\n");
  assert.equal((await answerTo(stream, 4)).status, 200);
});

test("a line that asks for what is over is refused with the problem, and the stream goes on", async (t) => {
  const { agent, stream } = await withStream(t);
  stream.write(line(1, { ...agent, epoch: agent.epoch + 1 }));
  const refused = await answerTo(stream, 1);
  assert.equal(refused.status, 409);
  assert.equal((refused.body as { code?: string }).code, "stale-epoch");
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  stream.write(`${JSON.stringify({ id: 2, lease: { incarnation: agent.incarnation } })}\n`);
  const granted = await answerTo(stream, 2);
  assert.equal(granted.status, 200);
  assert.equal((granted.body as { epoch?: number }).epoch, agent.epoch + 1);
});

test("a line keeps the lease of the caller's own node alive and of no other", async (t) => {
  const { harness, agent } = await withStream(t);
  const other = await open(t, harness, await harness.agent("node2"));
  other.write(line(1, agent));
  assert.equal((await answerTo(other, 1)).status, 409);
});

for (const [what, text] of [
  ["is no JSON", "renew!\n"],
  ["is not of the protocol", '{"id":1,"report":{}}\n'],
  ["never ends", "x".repeat(5_000)],
  ["is too long", `{"id":1,"lease":{"incarnation":"${"x".repeat(5_000)}"}}\n`],
  ["is one of hundreds at once", '{"id":1,"lease":{"incarnation":"somebody"}}\n'.repeat(300)],
] as const) {
  test(`a line that ${what} ends the stream, and the agent may come back`, async (t) => {
    const { harness, agent, stream } = await withStream(t);
    stream.write(text);
    await eventually("it has ended", stream.ended);
    const again = await open(t, harness, agent);
    again.write(line(7, agent));
    assert.equal((await answerTo(again, 7)).status, 200);
  });
}

test("no line counts once the agent's token is revoked", async (t) => {
  const { harness, agent, stream } = await withStream(t);
  const id = agent.token.split("_")[1] ?? "";
  assert.equal((await harness.call("DELETE", `/v1/tokens/${id}`)).status, 204);
  await eventually("it has ended", stream.ended);
  stream.write(line(1, agent));
  assert.ok(!stream.messages.some(({ event }) => event === "lease-answer"));
});
