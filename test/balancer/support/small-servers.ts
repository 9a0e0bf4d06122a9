/** Starts small servers for a test, and ends them with it. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePorts } from "../../support/free-ports.ts";
import { makeTestCertificates, type TestCertificates } from "../../support/test-certificates.ts";
import { type Orders, openSmallServer } from "./small-server.ts";

const program = join(import.meta.dirname, "small-server.ts");

/** A server inside the test, or in a process of its own. */
export abstract class SmallServer {
  readonly name: string;
  readonly port: number;
  protected readonly folder: string;

  constructor(name: string, port: number, folder: string) {
    this.name = name;
    this.port = port;
    this.folder = folder;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  abstract start(): Promise<void>;
  /** Changes what it answers; resolves when that holds. */
  abstract order(orders: Orders): Promise<void>;
  /** It is gone, with all its connections; it can be started again. */
  abstract kill(): Promise<void>;
}

class InnerServer extends SmallServer {
  readonly #orders: Orders = {};
  #server: Server | undefined;

  async start(): Promise<void> {
    const { name, port, folder } = this;
    this.#server = await openSmallServer({ name, port, folder, orders: this.#orders });
  }

  order(orders: Orders): Promise<void> {
    Object.assign(this.#orders, orders);
    return Promise.resolve();
  }

  async kill(): Promise<void> {
    const server = this.#server;
    if (server?.listening !== true) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

/** One that can also be frozen. */
export class ProcessServer extends SmallServer {
  #child: ChildProcess | undefined;

  async start(): Promise<void> {
    this.#child = fork(program, [this.name, String(this.port), this.folder], { execArgv: [] });
    await once(this.#child, "message");
  }

  async order(orders: Orders): Promise<void> {
    const child = this.#running();
    const done = once(child, "message");
    child.send(orders);
    await done;
  }

  freeze(): void {
    this.#running().kill("SIGSTOP");
  }

  thaw(): void {
    this.#running().kill("SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  #running(): ChildProcess {
    if (this.#child === undefined) throw new Error(`${this.name} was not started`);
    return this.#child;
  }
}

export interface SmallServers<T extends SmallServer = SmallServer> {
  readonly folder: string;
  readonly certificates: TestCertificates;
  readonly servers: readonly T[];
  /** The one that has this name. */
  named(name: string): T;
}

/** Servers named a, b, c...; `foreign` ones have a certificate of another authority. */
export interface SmallServerOptions {
  readonly count: number;
  readonly foreign?: readonly string[];
}

type Make<T> = (name: string, port: number, folder: string) => T;

/** Servers inside the test. */
export function startInnerServers(
  t: TestContext,
  options: SmallServerOptions,
): Promise<SmallServers> {
  return startServers(t, options, (name, port, folder) => new InnerServer(name, port, folder));
}

/** Servers that can be frozen. */
export function startProcessServers(
  t: TestContext,
  options: SmallServerOptions,
): Promise<SmallServers<ProcessServer>> {
  return startServers(t, options, (name, port, folder) => new ProcessServer(name, port, folder));
}

async function startServers<T extends SmallServer>(
  t: TestContext,
  { count, foreign = [] }: SmallServerOptions,
  make: Make<T>,
): Promise<SmallServers<T>> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-balancer-"));
  const servers: T[] = [];
  t.after(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    rmSync(folder, { recursive: true, force: true });
  });
  const certificates = makeTestCertificates(folder);
  const foreignFolder = mkdtempSync(join(folder, "foreign-"));
  if (foreign.length > 0) makeTestCertificates(foreignFolder);
  for (const [index, port] of (await freePorts(count)).entries()) {
    const name = String.fromCharCode("a".charCodeAt(0) + index);
    servers.push(make(name, port, foreign.includes(name) ? foreignFolder : folder));
  }
  await Promise.all(servers.map((server) => server.start()));
  const named = (name: string): T => {
    const server = servers.find((is) => is.name === name);
    if (server === undefined) throw new Error(`there is no server ${name}`);
    return server;
  };
  return { folder, certificates, servers, named };
}
