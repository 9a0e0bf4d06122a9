/**
 * An address that moves between the servers' machines, and between balancers' machines: generated configurations in
 * real keepalived processes. At no time two machines have it for longer than they need to talk; API requests go
 * through it before and after its machine's server, or the machine itself, is lost.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../../src/client/client.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
import { sayFigure } from "../lab/control-plane/figures.ts";
import type { Host } from "../lab/host.ts";
import type { LabProcess } from "../lab/lab-process.ts";
import { labTest } from "../lab/lab-test.ts";
import { mainPath } from "../support/built-program.ts";
import { value } from "./harness/cluster.ts";
import { run } from "./harness/program.ts";
import { holdsFor, waitFor } from "./harness/wait.ts";

const address = "10.77.0.100";
const port = 7440;
const floating = ["--address", `${address}/24`, "--interface", "eth0"];
/** Where the check's user, who is nobody, may read. */
const authorityFile = "/run/holdfast/ca.crt";
/** Two bad checks a second apart, a second each, and a machine that is busy with other things. */
const movedMsMax = 12_000;
/** Checks and advertisements of keepalived come once a second. */
const steadyMs = 2_000;
/** Each look starts a process for each host. */
const lookEveryMs = 150;

const common = {
  file: import.meta.filename,
  programs: ["etcd", "etcdctl", "keepalived", "curl"],
  missing: () =>
    process.getuid?.() === 0 ? undefined : "the check of keepalived gives up root's rights",
  forMsMax: 90_000,
};

labTest(
  "an address of keepalived follows the servers that are ready",
  { ...common, hosts: ["s1", "s2", "s3"] },
  async (lab) => {
    const plane = await ControlPlane.start(lab, { servers: ["s1", "s2", "s3"], nodes: [] });
    value(await plane.client().putLoadBalancer(`${address}:${port}`));
    await prepareRunFolders(plane, plane.servers);
    const started = plane.servers.map((host) => {
      const words = ["--on", plane.idOf(host), "--authority-file", authorityFile];
      return startKeepalived(plane, host, words);
    });
    await Promise.all(started);
    const first = await holder(plane.servers);
    await answers(plane);
    await staysAt(first, plane.servers);

    const movedMs: number[] = [];
    const rest = plane.servers.filter((host) => host !== first);
    const stoppedAtMs = performance.now();
    await plane.processOf(first).signal("SIGKILL");
    const second = await holder(rest);
    movedMs.push(performance.now() - stoppedAtMs);
    await answers(plane);

    // Back and ready, its machine leaves the address where it is.
    plane.startServer(first);
    await plane.allServe();
    await staysAt(second, plane.servers);

    const killedAtMs = performance.now();
    await second.kill();
    const living = plane.servers.filter((host) => host !== second);
    const third = await holder(living);
    movedMs.push(performance.now() - killedAtMs);
    await answers(plane);
    await staysAt(third, living);
    sayFigure(lab, "the address elsewhere", { measuredMs: movedMs, wantedMs: 6_000 });
  },
);

labTest(
  "an address of keepalived follows the balancers that have a server",
  {
    ...common,
    hosts: ["s1", "b1", "b2"],
    programs: [...common.programs, "haproxy"],
  },
  async (lab) => {
    const plane = await ControlPlane.start(lab, { servers: ["s1"], nodes: [] });
    value(await plane.client().putLoadBalancer(`${address}:${port}`));
    const balancers = [lab.host("b1"), lab.host("b2")];
    await prepareRunFolders(plane, balancers);
    const running = new Map<Host, LabProcess>();
    for (const [index, host] of balancers.entries()) {
      running.set(host, await startHaproxy(plane, host));
      await startKeepalived(plane, host, ["--follows", "balancer", "--priority", `${150 - index}`]);
    }
    const first = await holder(balancers);
    await answers(plane);
    await running.get(first)?.signal("SIGKILL");
    const second = await holder(balancers.filter((host) => host !== first));
    await answers(plane);
    await staysAt(second, balancers);
  },
);

/** Waits until one of these has the address, and no other one. */
async function holder(hosts: readonly Host[]): Promise<Host> {
  const names = hosts.map(({ name }) => name).join();
  return waitFor(`one of ${names} to have the address`, movedMsMax, async () => {
    const having = await holders(hosts);
    return having.length === 1 ? having[0] : undefined;
  });
}

async function staysAt(host: Host, hosts: readonly Host[]): Promise<void> {
  await holdsFor(`only ${host.name} has the address`, steadyMs, async () => {
    const having = await holders(hosts);
    return having.length === 1 && having[0] === host;
  });
}

async function holders(hosts: readonly Host[]): Promise<readonly Host[]> {
  await sleep(lookEveryMs);
  const lists = hosts.map((host) => host.run(["ip", "-o", "address", "show", "dev", "eth0"]));
  const texts = await Promise.all(lists);
  return hosts.filter((_, index) => texts[index]?.includes(` ${address}/24 `));
}

/** Waits until a write and a read of the API work through the address, certificate and all. */
async function answers(plane: ControlPlane): Promise<void> {
  const { HOLDFAST_CA = "", HOLDFAST_TOKEN_FILE = "" } = plane.commandEnvironment();
  const client = createClient({
    server: `https://${address}:${port}`,
    authorityPem: readFileSync(HOLDFAST_CA, "utf8"),
    token: readFileSync(HOLDFAST_TOKEN_FILE, "utf8").trim(),
    timeoutMs: 3_000,
  });
  const id = `process:key${randomUUID().slice(0, 8)}`;
  const config = { id, state: "stopped", process: { command: "/bin/true" } } as const;
  let last = "";
  const isWritten = waitFor("a write through the address", movedMsMax, async () => {
    const written = await client.addService(config);
    if (!written.ok) last = written.error.message;
    return written.ok;
  });
  await isWritten.catch((error: unknown) => {
    throw new Error(`${String(error)}; last: ${last}`);
  });
  assert.equal(value(await client.service(id)).id, id);
}

/** keepalived with the configuration that the command line makes for this machine. */
async function startKeepalived(
  plane: ControlPlane,
  host: Host,
  words: readonly string[],
): Promise<void> {
  const file = await writeConfig(plane, host, ["--for", "keepalived", ...floating, ...words]);
  host.start("keepalived", ["keepalived", "--dont-fork", "--log-console", "--use-file", file]);
}

async function startHaproxy(plane: ControlPlane, host: Host): Promise<LabProcess> {
  const words = ["--authority-file", authorityFile, "--connections-max", "200"];
  const file = await writeConfig(plane, host, ["--for", "haproxy", ...words]);
  const started = host.start("haproxy", ["haproxy", "-db", "-f", file]);
  await host.listens(port);
  return started;
}

/** `/run` of its own, as a machine has it: for keepalived's process numbers, and for the authority. */
async function prepareRunFolders(plane: ControlPlane, hosts: readonly Host[]): Promise<void> {
  const { HOLDFAST_CA = "" } = plane.commandEnvironment();
  for (const host of hosts) {
    await host.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "lab-run", "/run"]);
    await host.run(["install", "-D", "-m", "0644", HOLDFAST_CA, authorityFile]);
  }
}

async function writeConfig(
  plane: ControlPlane,
  host: Host,
  words: readonly string[],
): Promise<string> {
  const command = [process.execPath, mainPath, "balancer", "config", ...words];
  const written = await run(command, { environment: plane.commandEnvironment() });
  assert.equal(written.exitCode, 0, written.stderr);
  const file = join(host.folder, `${words[1] ?? ""}.conf`);
  writeFileSync(file, written.stdout, { mode: 0o600 });
  return file;
}
