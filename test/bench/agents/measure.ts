/** What many agents cost one server with etcd: simulated clients, real HTTP and TLS, a real store. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openAuthority } from "../../../src/adapters/certificates/authority.ts";
import { createKeyAndRequest } from "../../../src/adapters/certificates/key-and-request.ts";
import { systemClock } from "../../../src/adapters/clock/system-clock.ts";
import { epochOf, parseNodeId } from "../../../src/core/ids.ts";
import type { Operation } from "../../../src/ports/store.ts";
import { jsonOf } from "../../../src/runtime/manager-records.ts";
import { openEtcdStore } from "../../../src/stores/etcd/etcd-store.ts";
import { keys } from "../../../src/wire/records.ts";
import type { Scope } from "../../e2e/harness/cluster.ts";
import { program, run } from "../../e2e/harness/program.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import { cpuSecondsOf, memoryOf } from "../sample.ts";
import type { CrowdCounts, CrowdOrder } from "./crowd.ts";

export interface CrowdOptions {
  readonly scope: Scope;
  readonly agentCount: number;
  readonly profile: "balanced" | "patient";
  readonly measureMs: number;
}

export interface CrowdResult {
  readonly agentCount: number;
  readonly profile: string;
  readonly serverCores: number;
  readonly etcdCores: number;
  readonly serverRssBytes: number;
  readonly lost: number;
  readonly failures: number;
  readonly renewalsPerSecond: number;
  readonly renewalMsMedian: number;
  readonly renewalMs99: number;
}

const processCount = 2;
const identity = "0".repeat(32);
const port = 23_440;

/** Starts a server on etcd, lets the agents come in, then measures. */
export async function measureCrowd(options: CrowdOptions): Promise<CrowdResult> {
  const { scope, agentCount, profile } = options;
  const folder = mkdtempSync(join(tmpdir(), "holdfast-crowd-"));
  scope.after(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
  const words = [
    "--data",
    folder,
    "--name",
    "bench",
    "--host",
    "127.0.0.1",
    "--port",
    String(port),
  ];
  const made = await run([...program, "server", "init", "--ha", "--no-units", ...words]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  const server = startServer(scope, folder, profile);
  const token = readFileSync(join(folder, "admin.token"), "utf8").trim();
  const environment = {
    HOLDFAST_SERVER: `https://127.0.0.1:${port}`,
    HOLDFAST_CA: join(folder, "pki/ca.crt"),
    HOLDFAST_TOKEN: token,
  };
  await waitFor("the server to be ready", 60_000, async () => {
    const status = await run([...program, "status"], { environment });
    return status.exitCode === 0;
  });
  const nodes = Array.from({ length: agentCount }, (_, index) => `node${index}`);
  await writeNodes(folder, nodes);
  const crowd = await startCrowd(scope, folder, nodes, Math.max(5_000, agentCount * 4));
  await waitFor(`${agentCount} agents to hold leases`, 600_000, async () => {
    await sleep(1_000);
    return (await countsOf(crowd)).holding === agentCount;
  });
  scope.diagnostic(`${agentCount} agents (${profile}) hold leases; measuring`);
  await sleep(5_000);
  return await measure(options, server, crowd);
}

function startServer(scope: Scope, folder: string, profile: string): ChildProcess {
  const words = ["server", "run", "--data", folder, "--profile", profile, "--log-level", "warn"];
  const [file = "", ...rest] = program;
  const child = spawn(file, [...rest, ...words], { stdio: ["ignore", "inherit", "inherit"] });
  scope.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
  return child;
}

/** As if all had joined: their records, in as few writes as may be. */
async function writeNodes(folder: string, nodes: readonly string[]): Promise<void> {
  const read = (file: string): string => readFileSync(join(folder, "pki", file), "utf8");
  const tls = {
    caPem: read("etcd-ca.crt"),
    certificatePem: read("etcd.crt"),
    keyPem: read("etcd.key"),
  };
  const log = { write: () => undefined, with: () => log };
  const endpoints = [`https://127.0.0.1:${port + 1}`];
  const store = await openEtcdStore({ endpoints, tls, clock: systemClock, log });
  if (!store.ok) throw new Error(store.error.message);
  for (let first = 0; first < nodes.length; first += 200) {
    const then = nodes.slice(first, first + 200).map((name): Operation => {
      const node = parseNodeId(name);
      if (!node.ok) throw new Error(node.error);
      const record = {
        ...{ version: 1, node: node.value, type: "device", properties: {}, agentVersion: "bench" },
        ...{ registeredAtMs: 1, confirmedOffEpoch: epochOf(0), maintenance: false, identity },
        taints: [],
      };
      return { kind: "put", key: `${keys.nodes}${name}`, value: jsonOf(record) };
    });
    const written = await store.value.txn({ compare: [], then });
    if (!written.ok) throw new Error(written.error.message);
  }
  await store.value.close();
}

async function startCrowd(
  scope: Scope,
  folder: string,
  nodes: readonly string[],
  rampMs: number,
): Promise<readonly ChildProcess[]> {
  const read = (file: string): string => readFileSync(join(folder, "pki", file), "utf8");
  const authorityPem = read("ca.crt");
  const authority = openAuthority({ certificatePem: authorityPem, keyPem: read("ca.key") });
  if (!authority.ok) throw new Error(authority.error);
  const key = await createKeyAndRequest({
    commonName: "bench",
    uris: [],
    dnsNames: [],
    addresses: [],
  });
  if (!key.ok) throw new Error(key.error);
  const { keyPem, requestPem } = key.value;
  const agents: CrowdOrder["agents"] = [];
  for (const node of nodes) {
    const uris = [`holdfast:node:${node}:${identity}`];
    const subject = { commonName: node, uris, dnsNames: [], addresses: [] };
    const order = {
      requestPem,
      subject,
      use: "client",
      lifeMs: 86_400_000,
      nowMs: Date.now(),
    } as const;
    const issued = await authority.value.issue(order);
    if (!issued.ok) throw new Error(issued.error);
    agents.push({ node, certificatePem: issued.value.certificatePem });
  }
  return Array.from({ length: processCount }, (_, index) => {
    const child = fork(join(import.meta.dirname, "crowd.ts"), { serialization: "advanced" });
    scope.after(() => Promise.resolve(void child.kill("SIGKILL")));
    const own = agents.filter((_agent, place) => place % processCount === index);
    child.send({ host: "127.0.0.1", port, authorityPem, keyPem, agents: own, rampMs });
    return child;
  });
}

async function countsOf(crowd: readonly ChildProcess[]): Promise<CrowdCounts> {
  const all = await Promise.all(
    crowd.map(async (child) => {
      child.send("counts");
      const [message] = await once(child, "message");
      return message as CrowdCounts; // crowd.ts sends nothing else
    }),
  );
  const sum = (field: "holding" | "renewals" | "failures" | "lost"): number =>
    all.reduce((total, counts) => total + counts[field], 0);
  return {
    holding: sum("holding"),
    renewals: sum("renewals"),
    failures: sum("failures"),
    lost: sum("lost"),
    renewalMs: all.flatMap(({ renewalMs }) => renewalMs),
  };
}

async function measure(
  { agentCount, profile, measureMs }: CrowdOptions,
  server: ChildProcess,
  crowd: readonly ChildProcess[],
): Promise<CrowdResult> {
  const pid = server.pid ?? 0;
  const etcdPid = childOf(pid);
  const before = { ...(await countsOf(crowd)), at: performance.now() };
  const cpu = { server: cpuSecondsOf(pid), etcd: cpuSecondsOf(etcdPid) };
  await sleep(measureMs);
  const seconds = (performance.now() - before.at) / 1_000;
  const after = await countsOf(crowd);
  const times = after.renewalMs.toSorted((left, right) => left - right);
  return {
    agentCount,
    profile,
    serverCores: (cpuSecondsOf(pid) - cpu.server) / seconds,
    etcdCores: (cpuSecondsOf(etcdPid) - cpu.etcd) / seconds,
    serverRssBytes: memoryOf(pid).rssBytes,
    lost: after.lost - before.lost,
    failures: after.failures - before.failures,
    renewalsPerSecond: (after.renewals - before.renewals) / seconds,
    renewalMsMedian: times[times.length >> 1] ?? Number.NaN,
    renewalMs99: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
  };
}

/** The server's one child is its member of etcd. */
function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return Number(children.split(" ")[0]);
}
