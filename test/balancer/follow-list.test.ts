/** The list of servers: followed while it works, kept when it is no good, found again after a restart. */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../src/adapters/clock/system-clock.ts";
import { startBalancer } from "../../src/balancer/start.ts";
import { waitFor } from "../e2e/harness/wait.ts";
import { quietLog } from "../server/harness.ts";
import { freePorts } from "../support/free-ports.ts";
import { callMany } from "./support/callers.ts";
import { endProcess, startBalancerProcess } from "./support/fronts.ts";
import { type Started, startInProcess } from "./support/in-process.ts";
import { listToken } from "./support/small-server.ts";
import { type SmallServer, type SmallServers, startInnerServers } from "./support/small-servers.ts";

/** Long enough for a busy machine. */
const followMsMax = 30_000;
const refreshEveryMs = 1_000;

function listOf(servers: readonly SmallServer[]): { status: number; body: string } {
  const items = servers.map(({ name, url }, index) => ({
    ...{ id: String(index + 1), name, url, health: "ok" },
    ...{ role: "follower", isManager: false, aWordOfALaterVersion: 1 },
  }));
  return { status: 200, body: JSON.stringify({ items }) };
}

function optionsFor(behind: SmallServers, seeds: readonly SmallServer[]) {
  return {
    servers: seeds.map(({ url }) => url),
    token: listToken,
    authorityFile: behind.certificates.caFile,
    dataDirectory: join(behind.folder, "data"),
    refreshEveryMs,
  };
}

async function reaches(
  port: number,
  behind: SmallServers,
  wanted: readonly string[],
): Promise<void> {
  const caller = { port, ca: behind.certificates.caPem };
  await waitFor(`connections to reach ${wanted.join(", ")}`, followMsMax, async () => {
    const names = await callMany(caller, 9);
    return [...new Set(names)].sort().join() === wanted.join();
  });
}

async function says(started: Started, words: RegExp): Promise<void> {
  await waitFor(`the log to say ${String(words)}`, followMsMax, () =>
    started.lines.some((line) => words.test(line)),
  );
}

describe("startBalancer()", { concurrency: 4 }, () => {
  it("takes over servers that come and go while it runs", async (t) => {
    const behind = await startInnerServers(t, { count: 3 });
    const [a, b, c] = [behind.named("a"), behind.named("b"), behind.named("c")];
    for (const server of behind.servers) await server.order({ list: listOf([a, b]) });
    const started = await startInProcess(t, optionsFor(behind, [a]));
    await reaches(started.port, behind, ["a", "b"]);
    for (const server of behind.servers) await server.order({ list: listOf([b, c]) });
    await reaches(started.port, behind, ["b", "c"]);
    assert.ok(started.lines.some((line) => line.includes(`${a.port} no more`)));
  });

  it("follows the list although all servers that it began with are gone", async (t) => {
    const behind = await startInnerServers(t, { count: 3 });
    const [a, b, c] = [behind.named("a"), behind.named("b"), behind.named("c")];
    for (const server of behind.servers) await server.order({ list: listOf([b, c]) });
    const started = await startInProcess(t, optionsFor(behind, [a]));
    await reaches(started.port, behind, ["b", "c"]);
    await a.kill();
    for (const server of [b, c]) await server.order({ list: listOf([c]) });
    await reaches(started.port, behind, ["c"]);
  });

  const noGood = {
    "that is empty": { status: 200, body: JSON.stringify({ items: [] }) },
    "that is no JSON": { status: 200, body: "<html>" },
    "with an address that is none": {
      status: 200,
      body: JSON.stringify({ items: [{ id: "1", name: "x", url: "" }] }),
    },
    "of a server that refuses": { status: 503, body: "{}" },
  } as const;
  for (const [name, list] of Object.entries(noGood)) {
    it(`goes on with the last good list after one ${name}`, async (t) => {
      const behind = await startInnerServers(t, { count: 2 });
      for (const server of behind.servers) await server.order({ list: listOf(behind.servers) });
      const started = await startInProcess(t, optionsFor(behind, [behind.named("a")]));
      await reaches(started.port, behind, ["a", "b"]);
      const file = join(behind.folder, "data", "balancer-servers.json");
      const kept = await waitFor("the list to be kept", 5_000, () => readIfThere(file));
      assert.equal(statSync(file).mode & 0o777, 0o600);
      for (const server of behind.servers) await server.order({ list });
      await says(started, /keeps the servers that it knows/);
      await reaches(started.port, behind, ["a", "b"]);
      assert.equal(readFileSync(file, "utf8"), kept, "the kept list is as it was");
    });
  }

  it("asks nobody for a list without a token, and says so", async (t) => {
    const behind = await startInnerServers(t, { count: 1 });
    const options = { ...optionsFor(behind, behind.servers), token: undefined };
    const started = await startInProcess(t, options);
    await says(started, /stays as it is: it follows them with --token-file only/);
    await reaches(started.port, behind, ["a"]);
  });

  it("says what is missing when it may not list servers, and goes on", async (t) => {
    const behind = await startInnerServers(t, { count: 1 });
    const options = { ...optionsFor(behind, behind.servers), token: "another-one" };
    const started = await startInProcess(t, options);
    await says(started, /it answered 401: give a token that may list servers with --token-file/);
    await reaches(started.port, behind, ["a"]);
  });

  it("finds its servers again after a restart with all of them down", async (t) => {
    const behind = await startInnerServers(t, { count: 2 });
    const [a, b] = [behind.named("a"), behind.named("b")];
    for (const server of behind.servers) await server.order({ list: listOf([a, b]) });
    const options = optionsFor(behind, [a]);
    const first = await startInProcess(t, options);
    await reaches(first.port, behind, ["a", "b"]);
    const file = join(options.dataDirectory, "balancer-servers.json");
    await waitFor("the list to be kept", 5_000, () => readIfThere(file));
    await first.balancer.close();
    await Promise.all([a.kill(), b.kill()]);
    // Named is nobody, or only one that will not come back.
    const second = await startInProcess(t, { ...options, servers: [] });
    const third = await startInProcess(t, options);
    await says(second, /unknown → unreachable, nothing listens there/);
    await b.start();
    await Promise.all([reaches(second.port, behind, ["b"]), reaches(third.port, behind, ["b"])]);
  });

  it("refuses to start without a single server, and with a kept list that is none", async (t) => {
    const behind = await startInnerServers(t, { count: 0 });
    const options = {
      ...{ listen: { host: "127.0.0.1", port: 0 }, check: "readyz" as const, drainMs: 0 },
      ...{ connectionsMax: 10, token: undefined, authorityFile: undefined, servers: [] },
      ...{ dataDirectory: behind.folder, clock: systemClock, log: quietLog },
    };
    const without = await startBalancer(options);
    assert.deepEqual(without, {
      ok: false,
      error: "it knows no server; name some with --servers",
    });
    const file = join(behind.folder, "balancer-servers.json");
    writeFileSync(file, '{"version":1,"servers":[]}');
    const empty = await startBalancer(options);
    assert.ok(!empty.ok && empty.error.startsWith(`${file}: the list of servers is empty`));
    writeFileSync(file, '{"version":1,"servers":[{"id":');
    const torn = await startBalancer(options);
    assert.ok(!torn.ok && torn.error === `${file} is no list of servers; remove it`);
  });

  it("gives its token to nobody whose certificate it does not check", async (t) => {
    const behind = await startInnerServers(t, { count: 1 });
    const options = { ...optionsFor(behind, behind.servers), authorityFile: undefined };
    await assert.rejects(startInProcess(t, options), /give --ca FILE with it/);
    // A list of a former run, and a server that answers in plain HTTP: it is still not given away.
    const foreign = await startInnerServers(t, { count: 1, foreign: ["a"] });
    await foreign.named("a").order({ list: listOf(foreign.servers) });
    const started = await startInProcess(t, optionsFor(foreign, foreign.servers));
    await says(started, /keeps the servers that it knows: no list/);
    assert.ok(!started.lines.some((line) => line.includes(listToken)), "no token in the log");
  });
});

describe("holdfast balancer run", () => {
  it("keeps its list through SIGKILL", async (t) => {
    const behind = await startInnerServers(t, { count: 2 });
    const [a, b] = [behind.named("a"), behind.named("b")];
    for (const server of behind.servers) await server.order({ list: listOf([a, b]) });
    const tokenFile = join(behind.folder, "token");
    writeFileSync(tokenFile, listToken);
    const [port = 0] = await freePorts(1);
    const words = [
      ...["--listen", `127.0.0.1:${port}`, "--ca", behind.certificates.caFile],
      ...["--token-file", tokenFile, "--data", join(behind.folder, "data")],
    ];
    const first = startBalancerProcess([...words, "--servers", a.url]);
    t.after(() => endProcess(first, "SIGKILL"));
    await reaches(port, behind, ["a", "b"]);
    const file = join(behind.folder, "data", "balancer-servers.json");
    await waitFor("the list to be kept", 5_000, () => readIfThere(file));
    await endProcess(first, "SIGKILL");
    await a.kill();
    const second = startBalancerProcess(words);
    t.after(() => endProcess(second, "SIGKILL"));
    await reaches(port, behind, ["b"]);
    await endProcess(second, "SIGTERM");
    assert.equal(second.exitCode, 0);
  });
});

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // not yet
  }
}
