/** How long the API takes for one list and for one write, over HTTPS, with the store's own flush to the disk. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scope } from "../e2e/harness/cluster.ts";
import { program, run } from "../e2e/harness/program.ts";
import { waitFor } from "../e2e/harness/wait.ts";

export interface ApiTimes {
  readonly listMs: readonly number[];
  readonly writeMs: readonly number[];
}

const serviceCount = 1_000;
const rounds = 200;
const port = 23_540;

/** Adds services, then measures lists of all of them, and writes of one. */
export async function measureApi(options: {
  readonly scope: Scope;
  readonly engine: "embedded" | "etcd";
}): Promise<ApiTimes> {
  const { scope, engine } = options;
  const folder = mkdtempSync(join(tmpdir(), "holdfast-api-"));
  scope.after(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
  const place = [
    "--data",
    folder,
    "--name",
    "bench",
    "--host",
    "127.0.0.1",
    "--port",
    String(port),
  ];
  const ha = engine === "etcd" ? ["--ha"] : [];
  const made = await run([...program, "server", "init", ...ha, "--no-units", ...place]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  startServer(scope, folder);
  const call = callerOf(folder, scope);
  await waitFor("the server to be ready", 60_000, async () => {
    const status = await call("GET", "/v1/services").catch(() => 0);
    return status === 200;
  });
  for (let index = 0; index < serviceCount; index += 1) {
    const config = { id: serviceIdOf(index), state: "stopped", process: { command: "true" } };
    const status = await call("POST", "/v1/services", config);
    if (status !== 201) throw new Error(`adding a service: HTTP status ${status}`);
  }
  const listMs = await timesOf(rounds, () => call("GET", "/v1/services"));
  const writeMs = await timesOf(rounds, (round) =>
    call("PATCH", `/v1/services/${encodeURIComponent(serviceIdOf(round))}`, {
      description: `round ${round} of ${Date.now()}`,
    }),
  );
  return { listMs, writeMs };
}

function serviceIdOf(index: number): string {
  return `process:bench-${index}`;
}

async function timesOf(
  count: number,
  action: (round: number) => Promise<number>,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let round = 0; round < count; round += 1) {
    const beganAtMs = performance.now();
    const status = await action(round);
    if (status !== 200) throw new Error(`HTTP status ${status}`);
    times.push(performance.now() - beganAtMs);
  }
  return times;
}

function startServer(scope: Scope, folder: string): ChildProcess {
  const words = ["server", "run", "--data", folder, "--log-level", "warn"];
  const [file = "", ...rest] = program;
  const child = spawn(file, [...rest, ...words], { stdio: ["ignore", "inherit", "inherit"] });
  scope.after(async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  return child;
}

type Call = (method: string, path: string, body?: unknown) => Promise<number>;

/** Over one connection that is kept; resolves with the status once the whole answer is there. */
function callerOf(folder: string, scope: Scope): Call {
  const ca = readFileSync(join(folder, "pki/ca.crt"));
  const token = readFileSync(join(folder, "admin.token"), "utf8").trim();
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
  scope.after(() => Promise.resolve(agent.destroy()));
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const outgoing = request({
        ...{ agent, host: "127.0.0.1", port, method, path },
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
      });
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        incoming.resume();
        incoming.on("end", () => resolve(incoming.statusCode ?? 0));
      });
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
}
