/**
 * The two balancers that must behave alike: a real haproxy with a generated configuration, and Holdfast's own; and a
 * real nginx, which can do less.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { waitFor } from "../../e2e/harness/wait.ts";
import { mainPath } from "../../support/built-program.ts";
import { freePorts } from "../../support/free-ports.ts";
import { callOnce } from "./callers.ts";
import type { SmallServers } from "./small-servers.ts";

export interface Front {
  readonly name: string;
  /** Why it cannot be tried here. */
  readonly skip: string | undefined;
  /** Starts it in front of the servers; resolves with its port once a connection comes through. */
  start(t: TestContext, behind: SmallServers): Promise<number>;
}

/** Where a program is, also when an ordinary user's PATH lacks the folder; undefined: nowhere. */
export function findProgram(name: string): string | undefined {
  return ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** Runs `holdfast` from its source. */
export function holdfast(words: readonly string[]): {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
} {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...process.execArgv, mainPath, ...words],
    {
      encoding: "utf8",
      timeout: 60_000,
      env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" },
    },
  );
  return { status, out: stdout, err: stderr };
}

export const fronts: readonly Front[] = [
  { name: "haproxy", skip: whyNoHaproxy(), start: startHaproxy },
  { name: "holdfast balancer run", skip: undefined, start: startOwn },
];

/** It only notices that a connection fails. */
export const nginxFront: Front = { name: "nginx", skip: whyNoNginx(), start: startNginx };

function whyNoHaproxy(): string | undefined {
  if (findProgram("haproxy") === undefined) return "haproxy is not installed";
  return process.getuid?.() === 0 ? undefined : "haproxy needs root to give up its rights";
}

function whyNoNginx(): string | undefined {
  if (findProgram("nginx") === undefined) return "nginx is not installed";
  return process.getuid?.() === 0 ? undefined : "nginx needs root to allow itself more files";
}

function urlsOf({ servers }: SmallServers): string {
  return servers.map(({ url }) => url).join(",");
}

async function startHaproxy(t: TestContext, behind: SmallServers): Promise<number> {
  const [port = 0] = await freePorts(1);
  const config = ["balancer", "config", "--for", "haproxy", "--servers", urlsOf(behind)];
  const words = ["--authority-file", behind.certificates.caFile, "--connections-max", "200"];
  const written = holdfast([...config, "--listen", `127.0.0.1:${port}`, ...words]);
  if (written.status !== 0) throw new Error(written.err);
  const file = join(behind.folder, "haproxy.cfg");
  writeFileSync(file, written.out);
  const child = spawn(findProgram("haproxy") ?? "", ["-db", "-f", file], { stdio: "ignore" });
  await untilPassing(t, child, port, behind);
  return port;
}

async function startNginx(t: TestContext, behind: SmallServers): Promise<number> {
  const [port = 0] = await freePorts(1);
  const config = ["balancer", "config", "--for", "nginx", "--servers", urlsOf(behind)];
  const words = ["--listen", `127.0.0.1:${port}`, "--connections-max", "200"];
  const written = holdfast([...config, ...words]);
  if (written.status !== 0) throw new Error(written.err);
  const file = join(behind.folder, "nginx.conf");
  writeFileSync(file, written.out);
  const own = `daemon off; pid ${join(behind.folder, "nginx.pid")};`;
  const command = ["-c", file, "-e", "stderr", "-g", own];
  const child = spawn(findProgram("nginx") ?? "", command, { stdio: "ignore" });
  // Killed, it would leave its workers behind.
  t.after(() => endProcess(child, "SIGTERM"));
  await untilPassing(t, child, port, behind);
  return port;
}

async function startOwn(t: TestContext, behind: SmallServers): Promise<number> {
  const [port = 0] = await freePorts(1);
  const child = startBalancerProcess([
    ...["--servers", urlsOf(behind), "--listen", `127.0.0.1:${port}`],
    ...["--ca", behind.certificates.caFile, "--data", join(behind.folder, "data")],
  ]);
  await untilPassing(t, child, port, behind);
  return port;
}

/** `holdfast balancer run` with these words. */
export function startBalancerProcess(words: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, mainPath, "balancer", "run", ...words], {
    stdio: ["ignore", process.env["HOLDFAST_TEST_LOG"] === "1" ? "inherit" : "ignore", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" },
  });
}

async function untilPassing(
  t: TestContext,
  child: ChildProcess,
  port: number,
  { certificates }: SmallServers,
): Promise<void> {
  t.after(() => endProcess(child, "SIGKILL"));
  const caller = { port, ca: certificates.caPem };
  await waitFor("the balancer to pass a connection on", 15_000, async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    return callOnce(caller).then(
      () => true,
      () => false,
    );
  });
}

/** Signals a process and waits for its end. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}
