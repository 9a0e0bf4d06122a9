/** The manager's server is taken for dead only when it takes no connections any more, and others say so, too. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import test, { type TestContext } from "node:test";
import { ok } from "../../src/core/result.ts";
import {
  createServerReach,
  type ServerReach,
} from "../../src/server/control-plane/server-reach.ts";
import type { ServerRecord } from "../../src/wire/servers.ts";
import { holdsFor } from "../e2e/harness/wait.ts";
import { clock, eventually } from "./harness.ts";

interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

async function listening(t: TestContext): Promise<Listening> {
  const server = createServer((socket) => socket.on("error", () => undefined));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on a port
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  };
  t.after(close);
  return { url: `https://127.0.0.1:${port}`, close };
}

function recordOf(id: string, url: string): ServerRecord {
  return {
    ...{ version: 1, id, name: `s${id}`, url, serverVersion: "test", registeredAtMs: 0 },
    ...{ serials: [], etcdSerials: [] },
  };
}

/** Servers 2 and 3 watch over server 1 at this address; `words`: what server 3 is asked. */
function watchers(url: string, words?: () => readonly string[]) {
  const urls = new Map([
    ["1", url],
    ["2", "https://127.0.0.1:2"],
    ["3", "https://127.0.0.1:3"],
  ]);
  const servers = new Map(
    [...urls].map(([id, at]) => [id, { value: recordOf(id, at), revision: 1 }] as const),
  );
  const reaches = new Map<string, ServerReach>();
  const reachOf = (id: string): ServerReach => {
    const askPeer = ({ url: asked }: { readonly url: string }) => {
      const other = asked === urls.get("3") ? "3" : "2";
      const unreached = words?.() ?? reaches.get(other)?.answer().unreached ?? [];
      return Promise.resolve(ok({ unreached }));
    };
    const reach = createServerReach({
      controlPlane: { askPeer, self: { id } },
      view: { tables: { servers } },
      clock,
    });
    reaches.set(id, reach);
    return reach;
  };
  return { two: reachOf("2"), three: reachOf("3") };
}

/** Watches, and says what came of it so far. */
function watching(t: TestContext, reach: ServerReach) {
  const controller = new AbortController();
  t.after(() => controller.abort());
  const state = { end: undefined as boolean | undefined, stop: () => controller.abort() };
  void reach.untilUnreachable("1", controller.signal).then((end) => {
    state.end = end;
  });
  return state;
}

test("untilUnreachable() finds a server dead that two others reached before", async (t) => {
  const manager = await listening(t);
  const { two, three } = watchers(manager.url);
  const ends = [watching(t, two), watching(t, three)];
  await holdsFor("a server that is there is not dead", 900, () =>
    ends.every(({ end }) => end === undefined),
  );
  await manager.close();
  await eventually("both see it", () => ends.every(({ end }) => end === true));
});

test("untilUnreachable() takes no word for it but that of another server", async (t) => {
  const manager = await listening(t);
  const said: string[] = [];
  const { two } = watchers(manager.url, () => said);
  const watch = watching(t, two);
  await holdsFor("it is reached", 400, () => watch.end === undefined);
  await manager.close();
  await eventually("it is not reached from here", () => two.answer().unreached.includes("1"));
  await holdsFor("the other one reaches it", 900, () => watch.end === undefined);
  said.push("1");
  await eventually("the other one does not reach it either", () => watch.end === true);
});

test("untilUnreachable() says nothing of a server that never took a connection", async (t) => {
  const manager = await listening(t);
  await manager.close();
  const { two } = watchers(manager.url, () => ["1"]);
  const watch = watching(t, two);
  await eventually("it is not reached", () => two.answer().unreached.includes("1"));
  await holdsFor("its address may be wrong", 900, () => watch.end === undefined);
  watch.stop();
  await eventually("it ends with the signal", () => watch.end === false);
});

test("untilUnreachable() does not take a server for dead that stands still", async (t) => {
  const script =
    "const s=require('net').createServer().listen(0,'127.0.0.1',()=>console.log(s.address().port))";
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => child.kill("SIGKILL"));
  const [line] = await once(child.stdout.setEncoding("utf8"), "data");
  const { two } = watchers(`https://127.0.0.1:${Number(line)}`, () => ["1"]);
  const watch = watching(t, two);
  await holdsFor("it is there", 400, () => watch.end === undefined);
  child.kill("SIGSTOP");
  await holdsFor("the kernel answers for it", 1_500, () => {
    return watch.end === undefined && two.answer().unreached.length === 0;
  });
  child.kill("SIGKILL");
  await eventually("it is dead now", () => watch.end === true);
});
