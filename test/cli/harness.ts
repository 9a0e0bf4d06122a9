/** Runs the command line inside the test, against a fake server, and keeps what it wrote. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { done } from "../../src/cli/failure.ts";
import type { CliIo } from "../../src/cli/io.ts";
import type {
  AgentLeaveOptions,
  AgentRunOptions,
  BackupCreateOptions,
  BackupRestoreOptions,
  BalancerRunOptions,
  DemoRunOptions,
  NodeJoinOptions,
  Roles,
  ServerInitOptions,
  ServerJoinOptions,
  ServerRecoverOptions,
  ServerRunOptions,
} from "../../src/cli/roles.ts";
import { runCli } from "../../src/cli/run-cli.ts";
import { adminToken, FakeServer } from "./fake-server.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly answer?: string;
  /** What is typed where nothing is shown, one after the other. */
  readonly secrets?: readonly string[];
  readonly signal?: AbortSignal;
  /** Told all of standard output whenever something was added to it. */
  readonly onOutput?: (all: string) => void;
  /** The same of standard error. */
  readonly onErrorOutput?: (all: string) => void;
  /** Default: `nowMs`, always. */
  readonly clock?: () => number;
}

export interface Started {
  readonly server: ServerRunOptions[];
  readonly init: ServerInitOptions[];
  readonly joinServer: ServerJoinOptions[];
  readonly joinNode: NodeJoinOptions[];
  readonly recover: ServerRecoverOptions[];
  readonly backups: BackupCreateOptions[];
  readonly restores: BackupRestoreOptions[];
  readonly agent: AgentRunOptions[];
  readonly launchServer: ServerRunOptions[];
  readonly launch: AgentRunOptions[];
  readonly leave: AgentLeaveOptions[];
  readonly balancer: BalancerRunOptions[];
  readonly demo: DemoRunOptions[];
}

/** A fake server, a folder for files, and a command line that talks to both. */
export interface Bench {
  readonly server: FakeServer;
  readonly folder: string;
  /** What the roles were started with. */
  readonly started: Started;
  run(words: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Writes a file into the folder; the result is its path. */
  file(name: string, content: string): Promise<string>;
}

/** The instant that the command line takes for now. */
export const nowMs = 61_000;

/** Makes a bench that is taken down when the test ends. */
export async function createBench(context: TestContext): Promise<Bench> {
  const server = await new FakeServer().listen();
  const folder = await mkdtemp(join(tmpdir(), "holdfast-cli-"));
  context.after(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const started: Started = {
    server: [],
    init: [],
    joinServer: [],
    joinNode: [],
    recover: [],
    backups: [],
    restores: [],
    agent: [],
    launchServer: [],
    launch: [],
    leave: [],
    balancer: [],
    demo: [],
  };
  return {
    server,
    folder,
    started,
    run: (words, options = {}) => run({ server, folder, started }, words, options),
    file: async (name, content) => {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
  };
}

type Parts = Pick<Bench, "server" | "folder" | "started">;

async function run(parts: Parts, words: readonly string[], options: RunOptions): Promise<Ran> {
  const { server, folder, started } = parts;
  let out = "";
  let err = "";
  const secrets = [...(options.secrets ?? [])];
  const terminal = options.terminal === true;
  const stream = (take: (text: string) => void) => ({
    write: take,
    isTTY: terminal,
    columns: options.columns ?? 100,
  });
  const io: CliIo = {
    stdout: stream((text) => {
      out += text;
      options.onOutput?.(out);
    }),
    stderr: stream((text) => {
      err += text;
      options.onErrorOutput?.(err);
    }),
    bytes: {
      input: () => undefined,
      write: () => Promise.reject(new Error("only a real process passes bytes on")),
    },
    environment: options.environment ?? {
      HOLDFAST_SERVER: server.url,
      HOLDFAST_TOKEN: adminToken,
    },
    places: {
      cliConfigFiles: [join(folder, "etc-cli.yaml"), join(folder, "home-cli.yaml")],
      serverConfigFile: join(folder, "server.yaml"),
      agentConfigFile: join(folder, "agent.yaml"),
      balancerConfigFile: join(folder, "balancer.yaml"),
      userTokenFile: join(folder, "home", "token"),
      adminTokenFile: join(folder, "admin.token"),
      serverInfoFile: join(folder, "server.json"),
      agentInfoFile: join(folder, "servers.json"),
    },
    signal: options.signal ?? new AbortController().signal,
    ask: () => Promise.resolve(options.answer),
    askSecret: () => Promise.resolve(secrets.shift()),
    readStandardInput: () => Promise.resolve(options.input ?? ""),
    nowMs: options.clock ?? (() => nowMs),
  };
  const code = await runCli(words, io, rolesOf(started));
  return { code, out, err };
}

function rolesOf(started: Started): Roles {
  const keep =
    <T>(list: T[]) =>
    (options: T) => {
      list.push(options);
      return Promise.resolve(done);
    };
  return {
    runServer: keep(started.server),
    initServer: keep(started.init),
    joinServer: keep(started.joinServer),
    joinNode: keep(started.joinNode),
    recoverServer: keep(started.recover),
    createBackup: keep(started.backups),
    restoreBackup: keep(started.restores),
    runAgent: keep(started.agent),
    launchServer: keep(started.launchServer),
    launchAgent: keep(started.launch),
    leaveAgent: keep(started.leave),
    runBalancer: keep(started.balancer),
    runDemo: keep(started.demo),
    orderDemo: () => Promise.resolve(done),
  };
}
