/** How connections are passed on: halves, pressure, failures, bounds and the end. Plain TCP on both sides. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { joinSockets } from "../../src/balancer/forward/tunnel.ts";
import { waitFor } from "../e2e/harness/wait.ts";
import { freePorts } from "../support/free-ports.ts";
import { startInProcess } from "./support/in-process.ts";

interface Behind {
  readonly url: string;
  readonly server: Server;
  /** Connections that have come and were not closed. */
  readonly sockets: Set<Socket>;
}

async function listen(t: TestContext, serve: (socket: Socket) => void, port = 0): Promise<Behind> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => undefined); // the client is what these tests look at
    serve(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return { url: `http://127.0.0.1:${address.port}`, server, sockets };
}

async function dial(t: TestContext, port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  t.after(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** All that comes until the other side's end; the socket itself stays open. Rejects when it is cut. */
async function textOf(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  if (!socket.readableEnded) await once(socket, "end");
  return text;
}

const tcp = { check: "tcp" } as const;

describe("joinSockets()", () => {
  it("frees both sockets when it is cut in the moment in which an end is passed on", async (t) => {
    const behind = await listen(t, (socket) => {
      socket.resume().on("end", () => socket.end());
    });
    const port = Number(new URL(behind.url).port);
    const before = openSockets();
    const [client, server] = [await dial(t, port), await dial(t, port)];
    const tunnel = joinSockets(client, server);
    server.end();
    tunnel.destroy();
    await tunnel.closed;
    await waitFor("the descriptors to be free", 5_000, () => openSockets() <= before);
  });
});

describe("openFront()", () => {
  it("passes on the end of one direction while the other one goes on", async (t) => {
    const behind = await listen(t, (socket) => {
      let got = "";
      socket.setEncoding("utf8").on("data", (text: string) => {
        got += text;
      });
      // It answers only when it knows that the question is complete.
      socket.on("end", () => socket.end(`you said ${got}`));
    });
    const { port } = await startInProcess(t, { ...tcp, servers: [behind.url] });
    const client = await dial(t, port);
    client.end("all there is");
    assert.equal(await textOf(client), "you said all there is");
  });

  it("lets a client ask on after the server's last word", async (t) => {
    let heard = "";
    const behind = await listen(t, (socket) => {
      socket.end("goodbye");
      socket.setEncoding("utf8").on("data", (text: string) => {
        heard += text;
      });
    });
    const { port } = await startInProcess(t, { ...tcp, servers: [behind.url] });
    const client = await dial(t, port);
    assert.equal(await textOf(client), "goodbye");
    client.end("one thing more");
    await waitFor("the server to hear it", 5_000, () => heard === "one thing more");
  });

  it("reads no faster than the slower side takes", async (t) => {
    const sizeBytes = 64 * 1_024 * 1_024;
    const chunk = Buffer.alloc(65_536, "x");
    let sentBytes = 0;
    const behind = await listen(t, (socket) => {
      const write = (): void => {
        while (sentBytes < sizeBytes) {
          sentBytes += chunk.length;
          if (!socket.write(chunk)) return;
        }
        socket.end();
      };
      // Only for who asks: checks come here as well.
      socket.once("data", () => {
        socket.on("drain", write);
        write();
      });
    });
    const { port } = await startInProcess(t, { ...tcp, servers: [behind.url] });
    const client = await dial(t, port);
    client.write("send");
    client.pause();
    await steady("what the server could send", () => sentBytes);
    assert.ok(sentBytes < sizeBytes / 2, `${sentBytes} bytes went into buffers`);
    let receivedBytes = 0;
    for await (const piece of client) receivedBytes += Buffer.from(piece).length;
    assert.equal(receivedBytes, sizeBytes, "and nothing is lost");
  });

  it("goes to the next server when one takes no connection, before any check has noticed", async (t) => {
    const [deadPort = 0] = await freePorts(1);
    const alive = await listen(t, (socket) => socket.end("here"));
    const servers = [`http://127.0.0.1:${deadPort}`, alive.url];
    const { port } = await startInProcess(t, { ...tcp, servers });
    for (let count = 0; count < 10; count += 1) {
      assert.equal(await textOf(await dial(t, port)), "here");
    }
  });

  it("shows a connection that was cut as cut, not as ended", async (t) => {
    const behind = await listen(t, (socket) => {
      socket.write("half of it");
      socket.once("data", () => socket.resetAndDestroy());
    });
    const { port } = await startInProcess(t, { ...tcp, servers: [behind.url] });
    const client = await dial(t, port);
    client.once("data", () => client.write("go on"));
    await assert.rejects(textOf(client), { code: "ECONNRESET" });
  });

  it("ends the server's side when a client is gone", async (t) => {
    const behind = await listen(t, (socket) => socket.resume());
    const { port, balancer } = await startInProcess(t, { ...tcp, servers: [behind.url] });
    const client = await dial(t, port);
    client.write("hello");
    // The checks come and go as well.
    await waitFor("the server to have it", 5_000, () =>
      [...behind.sockets].some((is) => is.bytesRead > 0),
    );
    client.resetAndDestroy();
    await waitFor("it to be gone there too", 5_000, () =>
      [...behind.sockets].every((is) => is.bytesRead === 0),
    );
    await waitFor("it to be counted no more", 5_000, () => balancer.connectionCount() === 0);
  });

  it("gives each connection to the server that has the fewest", async (t) => {
    const hold = (socket: Socket): unknown => socket.on("data", () => undefined);
    const [one, two] = [await listen(t, hold), await listen(t, hold)];
    const { port } = await startInProcess(t, { ...tcp, servers: [one.url, two.url] });
    for (let count = 0; count < 10; count += 1) (await dial(t, port)).write("x");
    const held = (behind: Behind): number =>
      [...behind.sockets].filter((is) => is.bytesRead > 0).length;
    await waitFor("all ten to have arrived", 5_000, () => held(one) + held(two) === 10);
    assert.deepEqual([held(one), held(two)], [5, 5]);
  });

  it("takes no more connections than it was told", async (t) => {
    const behind = await listen(t, (socket) => {
      socket.write("in");
      socket.resume().on("end", () => socket.end());
    });
    const options = { ...tcp, servers: [behind.url], connectionsMax: 2 };
    const { port, lines } = await startInProcess(t, options);
    const first = await dial(t, port);
    const second = await dial(t, port);
    await Promise.all([once(first, "data"), once(second, "data")]);
    const third = connect({ port, host: "127.0.0.1" });
    third.on("error", () => undefined); // whether it is reset or closed, it is out
    await once(third, "close");
    assert.equal(third.bytesRead, 0);
    assert.ok(lines.some((line) => line.includes("refuses connections: there are 2 already")));
    first.destroy();
    await waitFor("there to be room again", 5_000, async () => {
      const next = connect({ port, host: "127.0.0.1" });
      t.after(() => next.destroy());
      next.on("error", () => undefined); // asked again
      await Promise.race([once(next, "data"), once(next, "close")]);
      return next.bytesRead > 0;
    });
  });

  it("closes a connection at once, and says so, when there is no server for it", async (t) => {
    const [deadPort = 0] = await freePorts(1);
    const options = { ...tcp, servers: [`http://127.0.0.1:${deadPort}`] };
    const { port, lines } = await startInProcess(t, options);
    const client = await dial(t, port);
    assert.equal(await textOf(client).catch(() => ""), "");
    await waitFor("the log to say it", 5_000, () =>
      lines.some((line) => line.includes("has no server for a connection")),
    );
  });

  it("drains: what is under way may finish, what comes now is refused, what stays is cut", async (t) => {
    const behind = await listen(t, (socket) => {
      socket.once("data", () => setTimeout(() => socket.end("done"), 500));
    });
    const options = { ...tcp, servers: [behind.url], drainMs: 2_000 };
    const { port, balancer } = await startInProcess(t, options);
    const [busy, idle] = [await dial(t, port), await dial(t, port)];
    busy.end("work");
    idle.resume().on("error", () => undefined); // how it is cut does not matter here
    const isCut = Promise.race([once(idle, "close"), once(idle, "end")]);
    await waitFor("the work to arrive", 5_000, () =>
      [...behind.sockets].some((is) => is.bytesRead > 0),
    );
    const beganAtMs = performance.now();
    const closing = balancer.close();
    const late = connect({ port, host: "127.0.0.1" });
    const [error] = (await once(late, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNREFUSED");
    assert.equal(await textOf(busy), "done");
    await closing;
    const tookMs = performance.now() - beganAtMs;
    assert.ok(tookMs >= 1_900 && tookMs < 6_000, `it took ${tookMs} ms`);
    await isCut;
  });

  it("says in one line that it cannot listen", async (t) => {
    const behind = await listen(t, () => undefined);
    const port = Number(new URL(behind.url).port);
    await assert.rejects(
      startInProcess(t, { ...tcp, servers: [behind.url], listen: { host: "127.0.0.1", port } }),
      new RegExp(`cannot listen on 127.0.0.1:${port}: another process uses this address and port`),
    );
  });
});

/** Sockets that this process has open. */
function openSockets(): number {
  return readdirSync("/proc/self/fd").filter((fd) => linkOf(fd).startsWith("socket:")).length;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ""; // closed meanwhile
  }
}

/** Waits until a figure has stayed the same for half a second. */
async function steady(what: string, look: () => number): Promise<void> {
  let last = -1;
  let sinceMs = performance.now();
  await waitFor(`${what} to stay the same`, 15_000, () => {
    const now = look();
    if (now !== last) sinceMs = performance.now();
    last = now;
    return now > 0 && performance.now() - sinceMs > 500;
  });
}
