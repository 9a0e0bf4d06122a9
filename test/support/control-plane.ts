/**
 * A real control plane on loopback for tests: initialised servers with their etcd members and nodes with their agents,
 * each a process of its own from the source. Ports are free ones, and nothing is left behind.
 */
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { programVersion as version } from "../../src/cli/commands/version.ts";
import type { ApiResult } from "../../src/client/api-error.ts";
import { type Client, createClient } from "../../src/client/client.ts";
import type { Result } from "../../src/core/result.ts";
import {
  type FoundProcess,
  findProcesses,
  killProcesses,
  signalAll,
} from "../../src/demo/processes.ts";
import { startProcess } from "../../src/demo/spawn.ts";
import { initServer } from "../../src/setup/init-server.ts";
import { joinNode } from "../../src/setup/join/join-node.ts";
import { joinServer } from "../../src/setup/join/join-server.ts";
import type { ServerResource } from "../../src/wire/servers.ts";
import { mainPath } from "./built-program.ts";
import { freePortOfThree } from "./free-ports.ts";

const host = "127.0.0.1";
const lookEveryMs = 50;
/** A server needs some seconds on a busy machine, and etcd five more for each that joins. */
const startMsMax = 60_000;
const shownLinesMax = 30;

export interface ControlPlaneTestOptions {
  /** Default 3. */
  readonly servers?: number;
  /** Named `node1`, `node2`, ...; default 0. */
  readonly nodes?: number;
  /** Added to the environment of every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default `etcd`. */
  readonly engine?: "etcd" | "embedded";
  /** What runs servers in the place of `holdfast server run`: a source file and its words. */
  readonly runner?: readonly string[];
  /** What runs servers: words of the command line, or a main file and its words; default `server run`. */
  readonly serverWords?: readonly string[];
  /** What runs agents: words of the command line; default `agent run`. */
  readonly agentWords?: readonly string[];
  /** Of the new cluster; default `fast`. */
  readonly profile?: "fast" | "balanced" | "patient";
}

/** Starts it, and waits until every server votes and every node is online. */
export async function startControlPlane(
  options: ControlPlaneTestOptions = {},
): Promise<TestControlPlane> {
  const controlPlane = new TestControlPlane(options);
  try {
    await controlPlane.begin();
    return controlPlane;
  } catch (error: unknown) {
    const words = controlPlane.logTails();
    await controlPlane.stop();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${words}`);
  }
}

/** A server or an agent: a process with what descends from it, started again on the same data. */
export class TestProcess {
  readonly dataDirectory: string;
  readonly logPath: string;
  readonly #words: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #mark = `HOLDFAST_TEST_PROCESS=${randomUUID()}`;
  #process: ChildProcess | undefined;
  #loggedBefore = 0;

  constructor(
    dataDirectory: string,
    words: readonly string[],
    env: Readonly<Record<string, string>>,
  ) {
    this.dataDirectory = dataDirectory;
    this.logPath = `${dataDirectory}.log`;
    this.#words = words;
    this.#env = env;
  }

  /** Undefined: it was never started. */
  get process(): ChildProcess | undefined {
    return this.#process;
  }

  /** All that it has written so far. */
  get log(): string {
    try {
      return readFileSync(this.logPath, "utf8");
    } catch {
      return ""; // it has written nothing
    }
  }

  /** What it has written since it was started last: what it supervises may have the last word, after its own. */
  get logOfThisLife(): string {
    return this.log.slice(this.#loggedBefore);
  }

  /** Starts the process, and does not wait for it. */
  start(): void {
    this.#loggedBefore = this.log.length;
    const [name = "", value = ""] = this.#mark.split("=");
    const program = /\.[jt]s$/.test(this.#words[0] ?? "") ? [] : [mainPath];
    this.#process = startProcess({
      command: [
        process.execPath,
        ...process.execArgv,
        ...program,
        ...this.#words,
        "--data",
        this.dataDirectory,
      ],
      environment: { ...this.#env, [name]: value },
      logPath: this.logPath,
    });
  }

  /** What its processes carry in their environment. */
  protected get marks(): readonly string[] {
    return [this.#mark];
  }

  /** SIGKILL to it and to all that descends from it, as a power cut. */
  async kill(): Promise<void> {
    const left = await killProcesses({ variables: this.marks, guarded: [this.dataDirectory] });
    if (left.length > 0) throw new Error(`still alive: ${JSON.stringify(left)}`);
  }

  /** SIGTERM, and waits for its orderly end; the answer is its exit code. */
  async end(): Promise<number | null> {
    this.#process?.kill("SIGTERM");
    return await this.ended();
  }

  /** Waits until it has ended, by itself or not. */
  async ended(): Promise<number | null> {
    const child = this.#process;
    if (child === undefined) return null;
    await until("the process to end", () => child.exitCode !== null || child.signalCode !== null);
    return child.exitCode;
  }

  /** SIGSTOP to it alone, within a millisecond or two after its log says so. */
  async freezeAt(words: string): Promise<void> {
    const giveUpAtMs = performance.now() + startMsMax;
    while (!this.log.includes(words)) {
      if (performance.now() > giveUpAtMs) throw new Error(`"${words}" is not in the log`);
      await nextTurn();
    }
    this.#process?.kill("SIGSTOP");
  }

  /** SIGSTOP to it and to all that descends from it. */
  freeze(): void {
    signalAll(findProcesses({ variables: this.marks }), "SIGSTOP");
  }

  thaw(): void {
    signalAll(findProcesses({ variables: this.marks }), "SIGCONT");
  }
}

export class TestServer extends TestProcess {
  readonly id: string;
  readonly name: string;
  readonly port: number;

  constructor(
    place: { readonly id: string; readonly name: string; readonly port: number },
    ...rest: ConstructorParameters<typeof TestProcess>
  ) {
    super(...rest);
    this.id = place.id;
    this.name = place.name;
    this.port = place.port;
  }

  get url(): string {
    return `https://${host}:${this.port}`;
  }

  /** Of its etcd member. */
  get clientUrl(): string {
    return `https://${host}:${this.port + 1}`;
  }
}

export class TestNode extends TestProcess {
  readonly name: string;

  constructor(name: string, ...rest: ConstructorParameters<typeof TestProcess>) {
    super(...rest);
    this.name = name;
  }

  /** Workloads too: those that an earlier run of the agent has started descend from none. */
  protected override get marks(): readonly string[] {
    const path = join(this.dataDirectory, "agent-id");
    if (!existsSync(path)) return super.marks; // it has never been started
    return [...super.marks, `HOLDFAST_AGENT_ID=${readFileSync(path, "utf8").trim()}`];
  }

  /** All live processes of this machine. */
  processes(): readonly FoundProcess[] {
    return findProcesses({ variables: this.marks });
  }
}

export class TestControlPlane {
  readonly servers: TestServer[] = [];
  readonly nodes: TestNode[] = [];
  readonly folder: string = mkdtempSync(join(tmpdir(), "hf-cp-"));
  readonly #options: ControlPlaneTestOptions;
  /** Of servers that were ever made. */
  #count = 1;

  constructor(options: ControlPlaneTestOptions) {
    this.#options = options;
  }

  /** The first admin's token. */
  get token(): string {
    return this.#read("admin.token").trim();
  }

  /** PEM of the authority that signs for servers and agents. */
  get ca(): string {
    return this.#read("pki/ca.crt");
  }

  /** A client as the admin: of one server only, or of all in turn. */
  client(server?: TestServer): Client {
    const [first = "", ...others] = server ? [server.url] : this.servers.map(({ url }) => url);
    const { token, ca: authorityPem } = this;
    return createClient({ server: first, otherServers: others, authorityPem, token });
  }

  async begin(): Promise<void> {
    const { servers = 3, nodes = 0 } = this.#options;
    await this.#initFirst();
    for (let count = 1; count < servers; count += 1) await this.prepareServer();
    for (const server of this.servers.slice(1)) server.start();
    await this.allServe();
    for (let count = 1; count <= nodes; count += 1) await this.joinNode(`node${count}`);
    for (const { name } of this.nodes) await this.nodeIsOnline(name);
  }

  /** One more server, joined and running; waits until it votes. */
  async addServer(): Promise<TestServer> {
    const server = await this.prepareServer();
    server.start();
    await this.allServe();
    return server;
  }

  /** One more server with its join token spent, not started yet. */
  async prepareServer(): Promise<TestServer> {
    const { token, authorityHash, servers } = answerOf(
      await this.client().createJoinToken({ role: "server" }),
    );
    this.#count += 1;
    const name = `server${this.#count}`;
    const dataDirectory = join(this.folder, name);
    const port = await freePortOfThree();
    const identity = given(
      await joinServer({
        ...{ dataDirectory, name, host, port, servers, token, authorityHash, version, clock },
      }),
    );
    return this.#newServer({ id: identity.id, name, port }, dataDirectory);
  }

  /** One more node whose agent runs; `onServer`: the server that is taken to be on the same machine. */
  async joinNode(name: string, onServer?: Pick<TestServer, "dataDirectory">): Promise<TestNode> {
    const created = answerOf(await this.client().createJoinToken({ role: "node" }));
    const dataDirectory = join(this.folder, name);
    mkdirSync(dataDirectory, { mode: 0o700 });
    given(
      await joinNode({
        ...{ dataDirectory, name, version, properties: {}, taints: [] },
        serverDataDirectory: onServer?.dataDirectory ?? join(this.folder, "none"),
        servers: created.servers,
        token: created.token,
        authorityHash: created.authorityHash,
      }),
    );
    const { agentWords = ["agent", "run"], env = {} } = this.#options;
    const node = new TestNode(name, dataDirectory, agentWords, env);
    this.nodes.push(node);
    node.start();
    return node;
  }

  /** `GET /v1/servers` of one server, or of the first that answers. */
  async list(server?: TestServer): Promise<readonly ServerResource[]> {
    return answerOf(await this.client(server).servers()).items;
  }

  /** Waits until all servers that were made say that they are well and vote. */
  async allServe(): Promise<void> {
    const wanted = this.servers.map(({ id }) => id).join();
    let last = "";
    const areServing = async () => {
      const answer = await this.client().servers();
      last = JSON.stringify(answer);
      if (!answer.ok) return false;
      const { items } = answer.value;
      const isServing = items.every(
        ({ health, role }) => health === "ok" && role !== "learner" && role !== "error",
      );
      return isServing && items.map(({ id }) => id).join() === wanted;
    };
    await until("all servers to serve", areServing).catch((error: unknown) => {
      throw new Error(`${String(error)}; the last answer: ${last}\n${this.logTails()}`);
    });
  }

  async nodeIsOnline(name: string): Promise<void> {
    await until(`${name} to be online`, async () => {
      const answer = await this.client().node(name);
      return answer.ok && answer.value.state === "online";
    });
  }

  /** The last lines of each log, without those of the store's members, for the words of a failure. */
  logTails(linesMax: number = shownLinesMax): string {
    return [...this.servers, ...this.nodes]
      .flatMap(({ logPath, log }) => {
        const lines = log.trimEnd().split("\n");
        const own = lines.filter((line) => !line.includes('"component":"etcd"'));
        return [`--- ${logPath}`, ...own.slice(-linesMax)];
      })
      .join("\n");
  }

  /** Kills everything and removes its folder. Idempotent. */
  async stop(): Promise<void> {
    await Promise.all([...this.servers, ...this.nodes].map((one) => one.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #initFirst(): Promise<void> {
    const { engine = "etcd" } = this.#options;
    const name = "server1";
    const dataDirectory = join(this.folder, name);
    const port = await freePortOfThree();
    given(
      await initServer({
        ...{ dataDirectory, name, host, port, engine, clock },
        etcdUrls: [],
        loadBalancer: undefined,
        isolate: false,
      }),
    );
    this.#newServer({ id: "1", name, port }, dataDirectory).start();
    await until("the first server to serve", async () => (await this.client().cluster()).ok);
  }

  #newServer(
    place: { readonly id: string; readonly name: string; readonly port: number },
    dataDirectory: string,
  ): TestServer {
    const { env = {}, profile = "fast", serverWords = ["server", "run"] } = this.#options;
    const listen = ["--listen", `${host}:${place.port}`, "--log-level", "debug"];
    const words = this.#options.runner ?? [...serverWords, "--profile", profile, ...listen];
    const server = new TestServer(place, dataDirectory, words, env);
    this.servers.push(server);
    return server;
  }

  #read(file: string): string {
    return readFileSync(join(this.folder, "server1", file), "utf8");
  }
}

/** The answer's value; throws with the server's words. */
export function answerOf<T>(answer: ApiResult<T>): T {
  if (answer.ok) return answer.value;
  throw new Error(answer.error.message);
}

function given<T>(result: Result<T, string>): T {
  if (result.ok) return result.value;
  throw new Error(result.error);
}

/** Asks again and again until the answer is true; throws with `what` when it takes too long. */
export async function until(
  what: string,
  ask: () => Promise<boolean> | boolean,
  forMsMax: number = startMsMax,
): Promise<void> {
  const giveUpAtMs = performance.now() + forMsMax;
  while (!(await ask())) {
    if (performance.now() > giveUpAtMs) {
      throw new Error(`waited ${forMsMax / 1_000} s in vain for ${what}`);
    }
    await sleep(lookEveryMs);
  }
}
