/**
 * A cluster of real processes for a test: one server and some nodes in a directory of their own. Everything ends
 * with the test, also when it fails; then the last lines of each log are shown.
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApiResult } from "../../../src/client/api-error.ts";
import { type Client, createClient } from "../../../src/client/client.ts";
import {
  type FoundProcess,
  findProcesses,
  killProcesses,
  type ProcessMarks,
  signalAll,
} from "../../../src/demo/processes.ts";
import {
  type Life,
  livesOf,
  overlapsOf,
  type RunRecord,
  readRunRecords,
} from "../../../src/demo/run-records.ts";
import { startProcess } from "../../../src/demo/spawn.ts";
import type { ClusterStatus, NodeResource, ServiceResource } from "../../../src/wire/api.ts";
import type { ServiceConfigInput } from "../../../src/wire/service-config.ts";
import { freePort } from "../../support/free-ports.ts";
import { program } from "./program.ts";
import { holdsFor, waitFor } from "./wait.ts";

const markerName = "HOLDFAST_TEST_NODE";
const shownLinesMax = 25;

export interface TestClusterOptions {
  readonly nodes?: readonly string[];
  readonly profile?: "fast" | "balanced" | "patient";
  /** Words before the command of the server or of a node's agent, e.g. to enter a namespace. */
  readonly enter?: (name: string) => readonly string[];
  /** Address that the server listens on; default: 127.0.0.1 and a free port. */
  readonly listen?: string;
  /** The server's address as a node (or, without a name, the test) sees it. */
  readonly urlFor?: (name: string | undefined) => string;
  /** The server's data directory; default: one in the cluster's directory. */
  readonly serverData?: string;
  /** Where the test finds a path of the server's, when that has a file system of its own. */
  readonly serverPath?: (path: string) => string;
}

/** What a cluster needs of a test, or of a bench: something to be done at its end, and a place for words. */
export interface Scope {
  after(end: () => Promise<void>): void;
  diagnostic(line: string): void;
}

export class TestCluster {
  readonly directory: string;
  readonly nodes: readonly string[];
  readonly recordPath: string;
  readonly #options: TestClusterOptions;
  readonly #id = randomUUID();
  readonly #children = new Map<string, ChildProcess>();
  #listen = "";
  #client: Client | undefined;

  constructor(directory: string, options: TestClusterOptions) {
    this.directory = directory;
    this.nodes = options.nodes ?? ["node1", "node2", "node3"];
    this.recordPath = join(directory, "run-records.log");
    this.#options = options;
    writeFileSync(this.recordPath, "");
  }

  get client(): Client {
    assert(this.#client !== undefined, "the cluster was started");
    return this.#client;
  }

  urlFor(name?: string): string {
    return this.#options.urlFor?.(name) ?? `http://${this.#listen}`;
  }

  get tokenPath(): string {
    const path = join(this.dataOf("server"), "admin.token");
    return this.#options.serverPath?.(path) ?? path;
  }

  /** Starts the server and all agents; ready when every node is online. */
  async start(): Promise<void> {
    this.#listen = this.#options.listen ?? `127.0.0.1:${await freePort()}`;
    this.startServer();
    await this.#connect();
    for (const node of this.nodes) {
      const created = value(await this.client.createToken({ role: "agent", node, name: node }));
      writeFileSync(this.agentTokenPath(node), `${created.token}\n`, { mode: 0o600 });
      this.startAgent(node);
    }
    for (const node of this.nodes) await this.nodeBecomes(node, ({ state }) => state === "online");
  }

  startServer(): void {
    const profile = this.#options.profile ?? "fast";
    const words = ["server", "run", "--listen", this.#listen, "--profile", profile];
    this.#start("server", words);
  }

  startAgent(node: string): void {
    const words = ["agent", "run", "--server", this.urlFor(node)];
    this.#start(node, [...words, "--token-file", this.agentTokenPath(node)]);
  }

  agentTokenPath(node: string): string {
    return join(this.directory, `${node}.token`);
  }

  dataOf(name: string): string {
    const { serverData } = this.#options;
    return name === "server" && serverData !== undefined ? serverData : join(this.directory, name);
  }

  /** Process number of the server, or of a node's agent. */
  pidOf(name: string): number {
    const pid = this.#children.get(name)?.pid;
    assert(pid !== undefined, `${name} was started`);
    return pid;
  }

  /** All that lives of a node: agent, guard, workloads with what contains them. */
  processesOf(name: string): readonly FoundProcess[] {
    return findProcesses(this.#marksOf([name]));
  }

  guardOf(node: string): FoundProcess {
    const guard = this.processesOf(node).find(({ commandLine }) =>
      /guard(\/main)?\.(js|ts) /.test(commandLine),
    );
    assert(guard !== undefined, `${node} has a guard`);
    return guard;
  }

  /** A signal to the server or to a node's agent alone. */
  signal(name: string, signal: NodeJS.Signals): void {
    process.kill(this.pidOf(name), signal);
  }

  /** Signals, and waits until the process has ended. */
  async end(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children.get(name);
    this.signal(name, signal);
    await waitFor(
      `${name} to end after ${signal}`,
      15_000,
      () => child?.exitCode !== null || child.signalCode !== null,
    );
  }

  /** SIGKILL to agent, guard and workloads at once, as a power cut; the instant by `performance.now()`. */
  async powerOff(node: string): Promise<number> {
    const found = this.processesOf(node);
    assert(found.length >= 2, `${node} runs at least an agent and its guard`);
    const killedAtMs = performance.now();
    signalAll(found, "SIGKILL");
    assert.deepEqual(await killProcesses(this.#marksOf([node])), [], `all of ${node} is dead`);
    return killedAtMs;
  }

  async status(): Promise<ClusterStatus> {
    return value(await this.client.cluster());
  }

  async service(id: string): Promise<ServiceResource> {
    return value(await this.client.service(id));
  }

  async add(config: ServiceConfigInput): Promise<void> {
    value(await this.client.addService(config));
  }

  /** Waits for a service to be as wanted; a server that does not answer is asked again. */
  async becomes(
    id: string,
    isWanted: (service: ServiceResource) => boolean,
    forMsMax = 15_000,
  ): Promise<ServiceResource> {
    let last = "never answered";
    return waitFor(`${id} to be as wanted`, forMsMax, async () => {
      const answer = await this.client.service(id);
      if (!answer.ok) {
        last = answer.error.message;
        return undefined;
      }
      last = JSON.stringify(answer.value);
      return isWanted(answer.value) ? answer.value : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; last seen: ${last}`);
    });
  }

  runs(id: string, forMsMax = 15_000): Promise<ServiceResource> {
    return this.becomes(id, isRunning, forMsMax);
  }

  /** Runs on another node than `node`. */
  runsElsewhere(id: string, node: string, forMsMax = 15_000): Promise<ServiceResource> {
    return this.becomes(id, (service) => isRunning(service) && service.node !== node, forMsMax);
  }

  async nodeBecomes(
    id: string,
    isWanted: (node: NodeResource) => boolean,
    forMsMax = 15_000,
  ): Promise<NodeResource> {
    return waitFor(`${id} to be as wanted`, forMsMax, async () => {
      const answer = await this.client.node(id);
      return answer.ok && isWanted(answer.value) ? answer.value : undefined;
    });
  }

  records(): readonly RunRecord[] {
    return readRunRecords(this.recordPath);
  }

  /** The lives of a service's copies, in the order in which they began. */
  lives(service: string): readonly Life[] {
    return livesOf(this.records()).filter((life) => life.service === service);
  }

  /**
   * Waits until so many copies have begun. A probe counts as running a moment before it has written its first
   * record, as Node.js needs that long to start.
   */
  async copies(service: string, count: number): Promise<readonly Life[]> {
    return waitFor(`${count} copies of ${service}`, 10_000, () => {
      const lives = this.lives(service);
      return lives.length >= count && lives;
    });
  }

  /** Fails unless no copy of the service writes anything for so long from now on. */
  async assertSilent(service: string, forMs: number): Promise<void> {
    const count = (): number => this.records().filter((is) => is.service === service).length;
    const before = count();
    await holdsFor(`${service} is silent`, forMs, () => count() === before);
  }

  /** A copy of the service has written within the last `withinMs`. */
  isBeating(service: string, withinMs = 300): boolean {
    const last = this.lives(service).reduce((at, { lastNs }) => (lastNs > at ? lastNs : at), 0n);
    return Number(process.hrtime.bigint() - last) / 1e6 < withinMs;
  }

  /** The proof: no two copies of a service ever lived at the same time, and there was at least one copy. */
  assertNeverTwice(): void {
    const records = this.records();
    assert(records.length > 0, "the workloads have written records");
    assert.deepEqual(overlapsOf(records), [], "no two copies of a service overlap");
  }

  async endAll(): Promise<void> {
    const left = await killProcesses(this.#marksOf(["server", ...this.nodes]));
    assert.deepEqual(left, [], "no process is left");
  }

  /** Waits until the log of the server or of a node says this. */
  async logged(name: string, words: string): Promise<void> {
    const path = join(this.directory, `${name}.log`);
    await waitFor(`${name} to log "${words}"`, 10_000, () => {
      return readFileSync(path, "utf8").includes(words);
    });
  }

  /** The last lines of each log. */
  logTails(): readonly string[] {
    return ["server", ...this.nodes].flatMap((name) => {
      const path = join(this.directory, `${name}.log`);
      const lines = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
      return [`--- ${name}.log`, ...lines.slice(-shownLinesMax)];
    });
  }

  #start(name: string, words: readonly string[]): void {
    const data = this.dataOf(name);
    if (data.startsWith(this.directory)) mkdirSync(data, { recursive: true, mode: 0o700 });
    const child = startProcess({
      command: [...(this.#options.enter?.(name) ?? []), ...program, ...words, "--data", data],
      environment: { [markerName]: this.#markerOf(name) },
      logPath: join(this.directory, `${name}.log`),
    });
    this.#children.set(name, child);
  }

  async #connect(): Promise<void> {
    await waitFor("the server to answer", 15_000, async () => {
      const child = this.#children.get("server");
      assert(child?.exitCode === null, `the server runs: ${this.logTails().join("\n")}`);
      if (!existsSync(this.tokenPath)) return false;
      const token = readFileSync(this.tokenPath, "utf8").trim();
      this.#client = createClient({ server: this.urlFor(), token, timeoutMs: 3_000 });
      return (await this.#client.cluster()).ok;
    });
  }

  #markerOf(name: string): string {
    return `${this.#id}/${name}`;
  }

  #marksOf(names: readonly string[]): ProcessMarks {
    const directories = names.map((name) => this.dataOf(name));
    const agentIds = directories
      .map((directory) => join(directory, "agent-id"))
      .filter((path) => existsSync(path))
      .map((path) => `HOLDFAST_AGENT_ID=${readFileSync(path, "utf8").trim()}`);
    const own = names.map((name) => `${markerName}=${this.#markerOf(name)}`);
    return { variables: [...own, ...agentIds], guarded: directories };
  }
}

/** Started, and its agent has said that it runs. */
export function isRunning(service: ServiceResource): boolean {
  return service.state === "started" && service.running === "running";
}

/** The answer's value, or the test fails with the server's words. */
export function value<T>(result: ApiResult<T>): T {
  if (result.ok) return result.value;
  throw new Error(result.error.message);
}

/** A started cluster that ends with the test. */
export async function startTestCluster(
  scope: Scope,
  options: TestClusterOptions = {},
): Promise<TestCluster> {
  const directory = mkdtempSync(join(tmpdir(), "hf-"));
  const cluster = new TestCluster(directory, options);
  scope.after(async () => {
    if (hasFailed(scope)) for (const line of cluster.logTails()) scope.diagnostic(line);
    await cluster.endAll();
    rmSync(directory, { recursive: true, force: true });
  });
  await cluster.start();
  return cluster;
}

/** Node knows it, its types do not yet. */
function hasFailed(scope: Scope): boolean {
  return "passed" in scope && scope.passed === false;
}
