/** Thousands of idle connections, as agents hold them: they cost little memory, and each of them still works. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { waitFor } from "../e2e/harness/wait.ts";
import { freePorts } from "../support/free-ports.ts";
import { echoServer } from "./support/echo-server.ts";
import { endProcess, startBalancerProcess } from "./support/fronts.ts";

const wantedCount = 10_000;
const bytesEachMax = 40_000;
/** Connections that are opened at once. */
const stepCount = 200;

/** The balancer needs two descriptors for each. */
function possibleCount(): number {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  return Math.min(wantedCount, Math.floor((descriptors - 600) / 2));
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}

test(`holdfast balancer run holds ${wantedCount} idle connections`, async (t) => {
  const count = possibleCount();
  const folder = mkdtempSync(join(tmpdir(), "holdfast-balancer-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const echo = fork(echoServer, { execArgv: [] });
  t.after(() => endProcess(echo, "SIGKILL"));
  const [echoPort] = await once(echo, "message");
  const [port = 0] = await freePorts(1);
  const balancer = startBalancerProcess([
    ...["--listen", `127.0.0.1:${port}`, "--servers", `http://127.0.0.1:${echoPort}`],
    ...["--check", "tcp", "--data", folder, "--drain", "0s"],
  ]);
  t.after(() => endProcess(balancer, "SIGKILL"));
  const clients: Socket[] = [];
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  const open = async (): Promise<Socket> => {
    const client = connect({ port, host: "127.0.0.1" });
    await once(client, "connect");
    return client;
  };
  await waitFor("the balancer to listen", 20_000, () =>
    open().then(
      (client) => client.destroy(),
      () => false,
    ),
  );
  const before = residentBytes(balancer.pid ?? 0);
  while (clients.length < count) {
    const some = Math.min(stepCount, count - clients.length);
    const opened = await Promise.all(Array.from({ length: some }, open));
    clients.push(...opened);
    await Promise.all(opened.map(echoes)); // all the way to the server, before the next ones come
  }
  const bytesEach = (residentBytes(balancer.pid ?? 0) - before) / count;
  t.diagnostic(`${count} connections, ${Math.round(bytesEach / 1_000)} kB each`);
  assert.ok(bytesEach < bytesEachMax, `${bytesEach} bytes a connection`);
  await Promise.all(clients.map(echoes));
});

async function echoes(client: Socket): Promise<void> {
  const answer = once(client, "data");
  client.write("?");
  assert.equal(String((await answer)[0]), "?");
}
