/** What the server does between a person and an agent, with sides that behave badly. */
import assert from "node:assert/strict";
import { type ClientRequest, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import type { Clock } from "../../src/ports/clock.ts";
import {
  beginExecAnswer,
  bridgeExec,
  type ExecBridge,
  type ExecEndpoint,
} from "../../src/server/agents/exec-bridge.ts";
import {
  createFrameReader,
  encodeData,
  encodeFrame,
  encodeJson,
  type Frame,
  jsonOfFrame,
  silenceMsMax,
} from "../../src/wire/exec/frames.ts";
import { until } from "../agent/support/tools.ts";

/** A clock that a test moves. */
class TestClock implements Clock {
  nowMs = 0;
  readonly timers = new Map<() => void, number>();

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const fire = (): void => callback();
    this.timers.set(fire, this.nowMs + delayMs);
    return () => this.timers.delete(fire);
  }

  /** In steps of a second. */
  pass(seconds: number): void {
    for (let step = 0; step < seconds; step += 1) {
      this.nowMs += 1_000;
      for (const [fire, dueAtMs] of [...this.timers]) {
        if (dueAtMs <= this.nowMs && this.timers.delete(fire)) fire();
      }
    }
  }
}

/** One side as the server sees it, and as its own end sees it. */
interface Side {
  readonly endpoint: ExecEndpoint;
  readonly outgoing: ClientRequest;
  readonly incoming: IncomingMessage;
  readonly frames: Frame[];
  closed(): boolean;
}

interface Bridged {
  readonly clock: TestClock;
  readonly person: Side;
  readonly agent: Side;
  readonly bridge: ExecBridge;
}

async function bridged(t: TestContext): Promise<Bridged> {
  const waiting: ((endpoint: ExecEndpoint) => void)[] = [];
  const server = createServer((input, output) => waiting.shift()?.({ input, output }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo; // it listens on a port
  const connect = async (): Promise<Side> => {
    const arrived = new Promise<ExecEndpoint>((resolve) => waiting.push(resolve));
    const outgoing = request({ port, method: "POST", agent: false });
    outgoing.on("error", () => undefined); // told by "close"
    const answered = new Promise<IncomingMessage>((resolve) => outgoing.once("response", resolve));
    outgoing.flushHeaders();
    const endpoint = await arrived;
    beginExecAnswer(endpoint.output);
    const incoming = await answered;
    const reader = createFrameReader();
    const frames: Frame[] = [];
    let isClosed = false;
    incoming.on("error", () => undefined); // as above
    incoming.on("close", () => {
      isClosed = true;
    });
    incoming.on("data", (bytes: Buffer) => {
      const read = reader.read(bytes);
      if (read.ok) frames.push(...read.value);
    });
    return { endpoint, outgoing, incoming, frames, closed: () => isClosed };
  };
  const clock = new TestClock();
  const [person, agent] = [await connect(), await connect()];
  const bridge = bridgeExec({
    person: person.endpoint,
    agent: agent.endpoint,
    begun: encodeJson("open", {}),
    whenLost: "the agent was lost",
    clock,
  });
  await until("the first frame at the agent", () => agent.frames[0]?.kind === "open");
  return { clock, person, agent, bridge };
}

const lost = { kind: "failed", message: "the agent was lost" };

function lastOf({ frames }: Side): unknown {
  const last = frames.at(-1);
  return last?.kind === "end" ? jsonOfFrame(last) : undefined;
}

test("bridgeExec() passes frames on in both directions, and ends both sides after the last", async (t) => {
  const { clock, person, agent } = await bridged(t);
  for (const frame of encodeData("stdin", Buffer.from("in"))) person.outgoing.write(frame);
  await until("input", () => agent.frames.some(({ kind }) => kind === "stdin"));
  agent.outgoing.write(encodeFrame("stdout", Buffer.from("out")));
  agent.outgoing.end(encodeJson("end", { kind: "exited", code: 3 }));
  await until("the end", () => lastOf(person));
  assert.deepEqual(lastOf(person), { kind: "exited", code: 3 });
  assert.deepEqual(
    person.frames.map(({ kind }) => kind),
    ["stdout", "end"],
  );
  person.outgoing.end();
  await until("both to be closed", () => person.closed() && agent.closed());
  assert.equal(clock.timers.size, 0, "nothing is waited for any more");
});

test("bridgeExec() tells the person when the agent ends without a last word", async (t) => {
  for (const how of ["end", "destroy"] as const) {
    const { person, agent } = await bridged(t);
    // Half a frame: what follows must be readable all the same.
    agent.outgoing.write(encodeFrame("stdout", Buffer.alloc(100)).subarray(0, 50));
    agent.outgoing[how]();
    await until("the last word", () => lastOf(person));
    assert.deepEqual(lastOf(person), lost, how);
    assert.equal(person.frames.length, 1);
  }
});

test("bridgeExec() takes what is no frame for the agent's end", async (t) => {
  const { person, agent } = await bridged(t);
  agent.outgoing.write("this is no frame");
  await until("the last word", () => lastOf(person));
  assert.deepEqual(lastOf(person), lost);
});

test("bridgeExec() cuts the agent off when the person goes", async (t) => {
  for (const how of ["end", "destroy"] as const) {
    const { person, agent } = await bridged(t);
    person.outgoing[how]();
    await until("the agent's side to be closed", () => agent.closed());
  }
});

test("ExecBridge ends with a last word for the person, and cuts the agent off at once", async (t) => {
  const { clock, person, agent, bridge } = await bridged(t);
  bridge.end("the token was revoked");
  await until("the last word", () => lastOf(person));
  assert.deepEqual(lastOf(person), { kind: "failed", message: "the token was revoked" });
  await until("the agent's side to be closed", () => agent.closed());
  agent.outgoing.write(encodeJson("end", { kind: "exited", code: 0 }));
  bridge.end("again");
  clock.pass(4);
  await until("the person's side to be closed", () => person.closed());
  assert.equal(person.frames.length, 1, "nothing is said after it");
  assert.equal(clock.timers.size, 0);
});

test("bridgeExec() gives up a side that is silent for too long", async (t) => {
  const silentAgent = await bridged(t);
  silentAgent.clock.pass(silenceMsMax / 1_000);
  await until("the server's own signs of life", () => silentAgent.person.frames.length > 5);
  assert.ok(silentAgent.person.frames.every(({ kind }) => kind === "alive"));
  silentAgent.clock.pass(2);
  await until("the last word", () => lastOf(silentAgent.person));
  assert.deepEqual(lastOf(silentAgent.person), lost);
  await until("the agent's side to be closed", () => silentAgent.agent.closed());

  const silentPerson = await bridged(t);
  for (let second = 0; second < silenceMsMax / 1_000 + 2; second += 1) {
    const before = silentPerson.person.frames.length;
    silentPerson.agent.outgoing.write(encodeFrame("alive"));
    await until("the sign of life", () => {
      return silentPerson.person.frames.length > before || silentPerson.person.closed();
    });
    silentPerson.clock.pass(1);
  }
  await until("the agent's side to be closed", () => silentPerson.agent.closed());
});

test("bridgeExec() does not take a side that it holds back for a silent one", async (t) => {
  const { clock, person, agent } = await bridged(t);
  person.incoming.pause();
  let isHeldBack = false;
  agent.endpoint.input.on("pause", () => {
    isHeldBack = true;
  });
  const frame = encodeFrame("stdout", Buffer.alloc(60_000));
  for (let sent = 0; sent < 200; sent += 1) agent.outgoing.write(frame);
  await until("the agent to be held back", () => isHeldBack);
  for (let second = 0; second < 2 * (silenceMsMax / 1_000); second += 1) {
    person.outgoing.write(encodeFrame("alive"));
    const count = agent.frames.length;
    await until("the sign of life", () => agent.frames.length > count);
    clock.pass(1);
  }
  assert.equal(lastOf(person), undefined);
  person.incoming.resume();
  agent.outgoing.end(encodeJson("end", { kind: "exited", code: 0 }));
  await until("the end", () => lastOf(person));
  assert.deepEqual(lastOf(person), { kind: "exited", code: 0 });
  assert.equal(person.frames.filter(({ kind }) => kind === "stdout").length, 200);
});
