/** A real listening server on a memory store, and the small HTTP client that the tests speak to it with. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock } from "../../src/adapters/clock/system-clock.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Log } from "../../src/ports/log.ts";
import type { Store } from "../../src/ports/store.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../src/server/start.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  /** The body as JSON, or undefined where it is none. */
  readonly json: Json;
}

/** JSON of any shape, for assertions on it. */
export interface Json {
  readonly [key: string]: Json;
}

/** The list that must be at a place of an answer. */
export function listOf(json: unknown): readonly Json[] {
  if (!Array.isArray(json)) throw new Error(`this is no list: ${JSON.stringify(json)}`);
  return json as readonly Json[]; // a list of whatever it is, for assertions
}

export interface CallOptions {
  readonly token?: string | undefined;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly rawBody?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Harness {
  readonly server: RunningServer;
  readonly store: Store;
  readonly clock: Clock;
  readonly dataDirectory: string;
  readonly adminToken: string;
  /** Calls with the admin's token unless told otherwise. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** A token for a node's agent. */
  agentToken(node: string): Promise<string>;
  /** Joins and takes a lease. */
  agent(node: string): Promise<AgentDouble>;
}

export interface AgentDouble {
  readonly node: string;
  readonly token: string;
  readonly incarnation: string;
  readonly epoch: number;
  readonly leaseId: string;
  post(path: string, body: unknown): Promise<Answer>;
}

export const clock: Clock = systemClock;
export const quietLog: Log = { write: () => undefined, with: () => quietLog };

/** Starts a server that ends with the test. */
export async function startHarness(
  test: TestContext,
  options: Partial<ServerOptions> = {},
): Promise<Harness> {
  const dataDirectory = options.dataDirectory ?? (await temporaryDirectory(test));
  const store = options.store ?? createMemoryStore({ clock });
  const started = await startServer({
    clock,
    log: quietLog,
    listen: { host: "127.0.0.1", port: 0 },
    version: "0.0.0-test",
    answers: "checked",
    ...options,
    store,
    dataDirectory,
  });
  if (!started.ok) throw new Error(started.error);
  const server = started.value;
  test.after(async () => {
    await server.close();
    if (options.store === undefined) await store.close();
  });
  const adminToken = (await readFile(join(dataDirectory, "admin.token"), "utf8")).trim();
  const call = (method: string, path: string, more: CallOptions = {}) =>
    send(server.url, method, path, { token: adminToken, ...more });
  const agentToken = async (node: string) => {
    const made = await call("POST", "/v1/tokens", { body: { role: "agent", node, name: node } });
    if (made.status !== 201) throw new Error(made.text);
    return String(made.json["token"]);
  };
  const agent = async (node: string) => {
    const token = await agentToken(node);
    const incarnation = `incarnation-of-${node}`;
    const post = (path: string, body: unknown) => call("POST", path, { token, body });
    await post("/v1/agent/join", { agentVersion: "1", properties: { rack: "r1" } });
    const lease = await post("/v1/agent/lease", { incarnation });
    if (lease.status !== 200) throw new Error(lease.text);
    const epoch = Number(lease.json["epoch"]);
    return { node, token, incarnation, epoch, leaseId: String(lease.json["leaseId"]), post };
  };
  return { server, store, clock, dataDirectory, adminToken, call, agentToken, agent };
}

/** A directory that goes with the test. */
export async function temporaryDirectory(test: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-server-"));
  test.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** One request, answered in full. */
export function send(
  url: string,
  method: string,
  path: string,
  options: CallOptions,
): Promise<Answer> {
  const payload =
    options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const headers = {
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...(payload === undefined ? {} : { "content-type": "application/json" }),
    ...(payload === undefined ? {} : { "content-length": String(Buffer.byteLength(payload)) }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const call = request(`${url}${path}`, { method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        const { statusCode = 0, headers: received } = response;
        resolve({ status: statusCode, headers: received, text, json: jsonIn(text) });
      });
      response.on("error", reject);
    });
    call.on("error", reject);
    call.setTimeout(20_000, () => call.destroy(new Error("no answer within 20 s")));
    call.end(payload);
  });
}

function jsonIn(text: string): Json {
  try {
    return JSON.parse(text) as Json; // assertions look at what is really there
  } catch {
    return undefined as unknown as Json; // there is none: assertions on it fail
  }
}

export interface ReadMessage {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Json;
}

export interface StreamReader {
  readonly status: number;
  readonly messages: readonly ReadMessage[];
  /** The answer's text, where it is no stream. */
  readonly text: () => string;
  /** Resolves with the first message, from the beginning, that satisfies; fails after 10 s. */
  until(what: string, isWanted: (message: ReadMessage) => boolean): Promise<ReadMessage>;
  readonly ended: () => boolean;
  /** Sends more of the body, where the request has one that goes on. */
  write(text: string): void;
  close(): void;
}

/** Reads server-sent events. */
export function openStream(
  url: string,
  path: string,
  options: {
    readonly token: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly method?: "POST";
    /** The body goes on until the stream is closed. */
    readonly hasBody?: boolean;
  },
): Promise<StreamReader> {
  const { method = "GET" } = options;
  const messages: ReadMessage[] = [];
  let text = "";
  let rest = "";
  let ended = false;
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${options.token}`, ...options.headers };
    const call = request(`${url}${path}`, { headers, agent: false, method }, (response) => {
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        const blocks = (rest + chunk).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) if (!block.startsWith(":")) messages.push(messageIn(block));
      });
      response.on("close", () => {
        ended = true;
      });
      response.on("error", () => {
        ended = true;
      });
      resolve({
        status: response.statusCode ?? 0,
        messages,
        text: () => text,
        ended: () => ended,
        until: async (what, isWanted) => {
          await eventually(what, () => messages.some(isWanted));
          const found = messages.find(isWanted);
          if (found === undefined) throw new Error(what);
          return found;
        },
        write: (more) => void call.write(more),
        close: () => call.destroy(),
      });
    });
    call.on("error", reject);
    if (options.hasBody === true) call.flushHeaders();
    else call.end();
  });
}

/** The instructions of the node that the token is of, for an agent that asks for nothing itself. */
export function openInstructions(
  url: string,
  { token }: { readonly token: string },
): Promise<StreamReader> {
  return openStream(url, "/v1/agent/instructions", { token, method: "POST" });
}

function messageIn(block: string): ReadMessage {
  const fields = new Map(
    block.split("\n").map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
    }),
  );
  return {
    event: fields.get("event") ?? "",
    id: fields.get("id"),
    data: jsonIn(fields.get("data") ?? ""),
  };
}

/** Waits until the condition holds; fails after 10 s with what was waited for. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadlineMs = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadlineMs) throw new Error(`this did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A service that could run. */
export function serviceBody(name: string, more: object = {}): object {
  return { id: `process:${name}`, process: { command: "/bin/true" }, ...more };
}
